import { jsonAnswer, notFoundAnswer } from './answer.js';
import type { BearerHandler } from './bearer.js';
import type { DataSet, ProductRecord } from './data/records.js';
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
    return jsonAnswer(200, { products: items, meta });
  };
}

/** One product. */
export function showProduct(data: DataSet): BearerHandler {
  return ({ params }) => {
    const product = data.products.find((one) => one.id === params['id']);
    return product === undefined ? notFoundAnswer() : jsonAnswer(200, { product });
  };
}

/** One variant, with the product it is a size of. */
export function showVariant(data: DataSet): BearerHandler {
  return ({ params }) => {
    for (const { id, name, brand, variants } of data.products) {
      const found = variants.find((one) => one.id === params['id']);
      if (found === undefined) continue;
      return jsonAnswer(200, { variant: { ...found, product: { id, name, brand } } });
    }
    return notFoundAnswer();
  };
}

function mentions({ name, brand }: ProductRecord, word: string): boolean {
  return `${name} ${brand.name}`.toLowerCase().includes(word);
}

function restricted(): ReturnType<BearerHandler> {
  return jsonAnswer(403, { error: 'Your application does not have access to this resource.' });
}
