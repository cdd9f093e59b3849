import { BRAND_HEADS, BRAND_TAILS, PRODUCT_NAMES } from './names.js';
import type { Prng } from './prng.js';
import type { BrandRecord, ProductRecord } from './records.js';

/** Makes sixty brands, and two products for each. */
export function makeCatalog(prng: Prng): { brands: BrandRecord[]; products: ProductRecord[] } {
  const brands = BRAND_HEADS.flatMap((head) =>
    BRAND_TAILS.map((tail) => makeBrand(prng, head, tail)),
  );
  const products = brands.flatMap((brand) => [makeProduct(prng, brand), makeProduct(prng, brand)]);
  return { brands, products };
}

function makeBrand(prng: Prng, head: string, tail: string): BrandRecord {
  const prefix = `${head.slice(0, 2)}${tail.slice(0, 1)}`.toUpperCase();
  const status = prng.below(10) === 0 ? 'unavailable' : 'available';
  return { id: prng.uuid(), name: `${head}${tail}`, prefix, status };
}

function makeProduct(prng: Prng, brand: BrandRecord): ProductRecord {
  const price = `${prng.below(50) + 9}.${prng.pick(['00', '50', '95'])}`;
  return {
    id: prng.uuid(),
    name: prng.pick(PRODUCT_NAMES),
    brand: { id: brand.id, name: brand.name },
    variants: [{ id: prng.uuid(), msrp: price }],
  };
}
