import { BRAND_NAMES, PRODUCT_NAMES } from './names.js';
import type { Prng } from './prng.js';
import type { BrandRecord, ProductRecord, VariantRecord } from './records.js';

/** Makes sixty brands, and three to seven products of each. */
export function makeCatalog(prng: Prng): { brands: BrandRecord[]; products: ProductRecord[] } {
  const brands = BRAND_NAMES.map((name) => makeBrand(prng, name));
  return { brands, products: brands.flatMap((brand) => makeProducts(prng, brand)) };
}

function makeBrand(prng: Prng, name: string): BrandRecord {
  const status = prng.below(10) === 0 ? 'unavailable' : 'available';
  return { id: prng.uuid(), name, prefix: name.slice(0, 3).toUpperCase(), status };
}

function makeProducts(prng: Prng, { id, name, prefix, status }: BrandRecord): ProductRecord[] {
  const names = prng.several(PRODUCT_NAMES, 3 + prng.below(5)).sort();
  const brand = { id, name, prefix };
  return names.map((product, index) => ({
    id: prng.uuid(),
    name: product,
    status,
    brand,
    variants: makeVariants(prng, { status, code: `${prefix}-${String(index + 1)}` }),
  }));
}

/** Sizes, the larger the dearer, each by somewhat less than its size. The smallest is the main one. */
function makeVariants(
  prng: Prng,
  { status, code }: { status: string; code: string },
): ProductRecord['variants'] {
  const base = prng.below(34) + 11;
  const cents = prng.pick(['00', '50', '95', '99']);
  const make = (size: number): VariantRecord => ({
    id: prng.uuid(),
    sku: `${code}-${String(size + 1)}`,
    primary: size === 0,
    units: 30 * 2 ** size,
    unit_of_measure: 'capsules',
    availability: status === 'available' ? 'In Stock' : 'n/a',
    status,
    upc: null,
    msrp: `${String(Math.round(base * (1 + size * 0.8)))}.${cents}`,
    supplier_sku: null,
  });
  const more = prng.below(3);
  return [make(0), ...Array.from({ length: more }, (_, at) => make(at + 1))];
}
