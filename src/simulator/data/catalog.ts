import { BRAND_NAMES, PRODUCT_NAMES } from './names.js';
import type { Prng } from './prng.js';
import type { BrandRecord, ProductRecord } from './records.js';

/** Makes sixty brands, and three to seven products of each. */
export function makeCatalog(prng: Prng): { brands: BrandRecord[]; products: ProductRecord[] } {
  const brands = BRAND_NAMES.map((name) => makeBrand(prng, name));
  return { brands, products: brands.flatMap((brand) => makeProducts(prng, brand)) };
}

function makeBrand(prng: Prng, name: string): BrandRecord {
  const status = prng.below(10) === 0 ? 'unavailable' : 'available';
  return { id: prng.uuid(), name, prefix: name.slice(0, 3).toUpperCase(), status };
}

function makeProducts(prng: Prng, { id, name }: BrandRecord): ProductRecord[] {
  const names = prng.several(PRODUCT_NAMES, 3 + prng.below(5)).sort();
  const brand = { id, name };
  return names.map((product) => ({
    id: prng.uuid(),
    name: product,
    brand,
    variants: makeVariants(prng),
  }));
}

/** Sizes, the larger the dearer, each by somewhat less than its size. */
function makeVariants(prng: Prng): ProductRecord['variants'] {
  const base = prng.below(34) + 11;
  const cents = prng.pick(['00', '50', '95', '99']);
  return Array.from({ length: prng.below(3) + 1 }, (_, size) => ({
    id: prng.uuid(),
    msrp: `${String(Math.round(base * (1 + size * 0.8)))}.${cents}`,
  }));
}
