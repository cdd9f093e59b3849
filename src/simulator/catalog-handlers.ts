import { jsonAnswer, notFoundAnswer } from './answer.js';
import type { BearerHandler } from './bearer.js';
import type { DataSet, ProductRecord, VariantRecord } from './data/records.js';
import { paginate } from './pagination.js';
import { wordsOf } from './search-words.js';
import type { ProviderSettings } from './settings.js';

/** Lists brands. Every brand is permitted in every clinic here. */
export function listBrands(data: DataSet): BearerHandler {
  return (call) => {
    const availableOnly = call.query.get('available') === 'true';
    const brands = data.brands.filter((one) => !availableOnly || one.status === 'available');
    const { items, meta } = paginate(call, brands);
    return jsonAnswer(200, { brands: items, meta });
  };
}

/** One brand. */
export function showBrand(data: DataSet): BearerHandler {
  return ({ params }) => {
    const brand = data.brands.find((one) => one.id === params['id']);
    return brand === undefined ? notFoundAnswer() : jsonAnswer(200, { brand });
  };
}

/** Lists products, on the search path those that match; for applications with an agreement only. */
export function listProducts(data: DataSet, settings: ProviderSettings): BearerHandler {
  return (call) => {
    if (settings.catalog === 'restricted') return restricted();
    const words = wordsOf(call.query.get('query'));
    const brandId = call.query.get('brand_id');
    const found = data.products
      .filter((product) => brandId === null || product.brand.id === brandId)
      .filter((product) => words.every((word) => mentions(product, word)));
    const { items, meta } = paginate(call, found);
    return jsonAnswer(200, { products: items.map(listed), meta });
  };
}

/** A product in a list: with its main variant, and how many there are. */
function listed({ id, name, brand, status, variants }: ProductRecord): unknown {
  const [primary] = variants;
  const primary_variant = { ...primary, ...imagesOf(primary) };
  return { id, name, brand, primary_variant, variant_count: variants.length, status };
}

/** One product, with all of its variants. */
export function showProduct(data: DataSet): BearerHandler {
  return ({ params }) => {
    const product = data.products.find((one) => one.id === params['id']);
    return product === undefined ? notFoundAnswer() : jsonAnswer(200, { product: whole(product) });
  };
}

/** One variant, with the product it is a size of. */
export function showVariant(data: DataSet): BearerHandler {
  return ({ params }) => {
    for (const { id, name, brand, variants } of data.products) {
      const found = variants.find((one) => one.id === params['id']);
      if (found === undefined) continue;
      const variant = { ...found, ...imagesOf(found), product: { id, name, brand } };
      return jsonAnswer(200, { variant });
    }
    return notFoundAnswer();
  };
}

function whole({ id, name, brand, variants }: ProductRecord): unknown {
  const dosage = {
    recommended_amount: '1',
    recommended_frequency: 'twice per day',
    recommended_duration: null,
    format: 'capsule',
    additional_info: null,
  };
  const description_html = `<p>${name} by ${brand.name}.</p>`;
  return { id, name, description_html, brand, variants, dosage, custom_dosage: null };
}

/** Nothing is served there. */
function imagesOf({ id }: VariantRecord): Record<string, string> {
  const sizes = ['small', 'medium', 'large'];
  const at = (size: string) => `https://images.example.test/${id}/${size}.png`;
  return Object.fromEntries(sizes.map((size) => [`image_url_${size}`, at(size)]));
}

function mentions({ name, brand }: ProductRecord, word: string): boolean {
  return `${name} ${brand.name}`.toLowerCase().includes(word);
}

function restricted(): ReturnType<BearerHandler> {
  return jsonAnswer(403, { error: 'Your application does not have access to this resource.' });
}
