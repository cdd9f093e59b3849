/** Invented given names; nobody in the simulator exists. */
export const FIRST_NAMES =
  'Ada Amir Anouk Aria Bao Bela Bram Carys Cleo Dana Dario Edda Elif Emil Esme Farid Fern Gia Hana Hugo Imani Ines Ivo Jonas Jun Kaia Kofi Lena Liam Lola Mateo Mei Milo Nadia Nils Noor Olive Omar Petra Priya Quinn Rafa Ravi Rosa Sami Selma Tariq Tess Uma Vera Wren Yara Yusuf Zoe'.split(
    ' ',
  );

/** Invented family names. */
export const LAST_NAMES =
  'Abara Adler Ashdown Bakker Banerjee Bellweather Brandt Calloway Castellan Chukwu Corbin Dahl Delacroix Dunmore Eklund Farrow Fenwick Gallo Greenhalgh Haddad Halloway Ibarra Ivanova Jarvela Kamau Kestrel Kowal Larkin Lindqvist Loxley Marchetti Merriweather Nakata Ngata Oakes Okafor Pemberton Petrov Quigley Rahimi Rosales Sato Silveira Stroud Tanaka Thackeray Udoh Vance Varga Whitlock Yamada Zeller'.split(
    ' ',
  );

/** First halves of invented brand names. */
export const BRAND_HEADS = 'Alder Birch Clover Dune Ember Fennel Glen Heron Juniper Larch'.split(
  ' ',
);

/** Second halves of invented brand names. */
export const BRAND_TAILS = 'bay croft field mere stead wick'.split(' ');

/** What the invented brands sell. */
export const PRODUCT_NAMES =
  'Magnesium Glycinate,Omega-3 Fish Oil,Vitamin D3,Zinc Picolinate,B Complex,Probiotic Daily,Curcumin,Iron Bisglycinate'.split(
    ',',
  );
