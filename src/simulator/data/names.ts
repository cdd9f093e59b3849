/** Invented people and brands: nobody and nothing in the simulator exists. */
const list = (text: string): string[] => text.trim().split(/\s*,\s*/);

/** Given names, with the `gender` that goes with them. */
export const FIRST_NAMES: Record<'female' | 'male' | 'x', readonly string[]> = {
  female: list(
    'Ada, Anouk, Aria, Bela, Carys, Cleo, Dana, Edda, Elif, Esme, Fern, Gia, Hana, Imani, Ines, Kaia, Lena, Lola, Mei, Nadia, Noor, Olive, Petra, Priya, Rosa, Selma, Tess, Uma, Vera, Yara, Zoe',
  ),
  male: list(
    'Amir, Bram, Dario, Emil, Farid, Hugo, Ivo, Jonas, Jun, Kofi, Liam, Mateo, Milo, Nils, Omar, Rafa, Ravi, Sami, Tariq, Yusuf',
  ),
  x: list('Bao, Quinn, Remy, Sasha, Wren'),
};

export const LAST_NAMES = list(
  'Abara, Adler, Ashdown, Bakker, Banerjee, Bellweather, Brandt, Calloway, Castellan, Chukwu, Corbin, Dahl, Delacroix, Dunmore, Eklund, Farrow, Fenwick, Gallo, Greenhalgh, Haddad, Halloway, Ibarra, Ivanova, Jarvela, Kamau, Kestrel, Kowal, Larkin, Lindqvist, Loxley, Marchetti, Merriweather, Nakata, Ngata, Oakes, Okafor, Pemberton, Petrov, Quigley, Rahimi, Rosales, Sato, Silveira, Stroud, Tanaka, Thackeray, Udoh, Vance, Varga, Whitlock, Yamada, Zeller',
);

/** Sixty brands. No two begin with the same three letters, which are their `prefix`. */
export const BRAND_NAMES = list(
  `Alderbay Naturals, Amberfen, Ashwick Botanicals, Balemoor Nutrition, Birchmere Labs, Brambleworth,
   Brightfen Essentials, Calderstow, Clovermead, Copsewell, Dalehollow Health, Duneberry,
   Eastmere Formulas, Elmcroft Apothecary, Emberstead, Fallowdene, Fennelgate, Fernhollow Botanicals,
   Foxmere, Glenharrow Nutrition, Goldenfold, Greyheron Labs, Hartsmoor, Hazelburrow,
   Heathwick Wellness, Heronfold, Hollowmere Herbs, Inglebay, Ivydale Naturals, Junipergate,
   Kelpshore, Kestrelmoor Labs, Larchfold, Lindenmere, Lowfell Nutrition, Marshbrook Formulas,
   Meadowharrow, Millstow, Mossgrange Botanicals, Nettlecroft, Northmere Research, Oakenfold,
   Orchardwell, Otterfen Naturals, Pebblecroft, Pinehollow, Quillbrook, Ravensmere Labs, Reedwick,
   Rowanstead, Saltfen Marine, Sedgebarrow, Silverbarrow, Sorrelfield Herbs, Stonefennel, Tansycroft,
   Thistlemoor, Umberdale Wellness, Westmere Nutrition, Yarrowgate`,
);

/** What the brands sell. */
export const PRODUCT_NAMES = list(
  `Magnesium Glycinate, Magnesium Citrate, Omega-3 Fish Oil, Algae Omega-3, Vitamin D3,
   Vitamin D3 + K2, Vitamin C with Bioflavonoids, Liposomal Vitamin C, Vitamin E Mixed Tocopherols,
   Zinc Picolinate, Zinc + Copper, Selenium, Iodine, Iron Bisglycinate, Calcium + Magnesium,
   B Complex, Methyl B12, Methylfolate, Biotin, Daily Multivitamin, Prenatal Multivitamin,
   Probiotic Daily, Probiotic 50 Billion, Saccharomyces Boulardii, Digestive Enzymes,
   Betaine HCl with Pepsin, L-Glutamine Powder, Psyllium Fibre, Curcumin Phytosome, Quercetin,
   N-Acetyl Cysteine, Alpha Lipoic Acid, Coenzyme Q10, Berberine, Ashwagandha, Rhodiola,
   L-Theanine, Melatonin, Valerian + Hops, Milk Thistle, Elderberry Syrup, Collagen Peptides,
   Glucosamine + Chondroitin, Evening Primrose Oil, Myo-Inositol, D-Mannose, Electrolyte Powder`,
);
