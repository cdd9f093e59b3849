import { z } from 'zod';
import type { ApiClient } from './api-client.js';
import { idSegment } from './api-path.js';
import { entries, id, money, part, requiredText, text } from './field.js';
import { getJson } from './json.js';
import { type PageOf, type PageRequest, pageOf, pageQuery } from './pagination.js';
import { searchText } from './search-text.js';

export interface Brand {
  readonly id: string;
  readonly name: string;
  readonly prefix: string | undefined;
  /** Undefined when Fullscript does not say. */
  readonly available: boolean | undefined;
}

export interface Product {
  readonly id: string;
  readonly name: string;
  readonly brandName: string | undefined;
  /** The suggested retail price of its main variant, else of the first that has one, without a currency. */
  readonly price: string | undefined;
}

/** A size or flavour of a product: what an order is made of. */
export interface Variant {
  readonly id: string;
  readonly productName: string | undefined;
  readonly brandName: string | undefined;
}

const brandFields = z.object({ id, name: requiredText, prefix: text, status: text });
const brand = brandFields.transform(toBrand);
const brands = pageOf('brands', brand);
const oneBrand = z.object({ brand });

const named = part(z.object({ name: text }));
const priced = z.object({ msrp: money });
const productFields = z.object({
  id,
  name: requiredText,
  brand: named,
  // Lists name the main variant alone, a single product all of them.
  primary_variant: part(priced),
  variants: entries(priced).catch([]),
});
const products = pageOf('products', productFields.transform(toProduct));

const variantFields = z.object({ id, product: part(z.object({ name: text, brand: named })) });
const oneVariant = z.object({ variant: variantFields.transform(toVariant) });

/** @see https://fullscript.dev/technical-reference/brands */
export async function listBrands(
  api: ApiClient,
  wanted: PageRequest & { readonly available?: boolean | undefined },
): Promise<PageOf<Brand>> {
  // The documented filter is `true` or not there.
  const available = wanted.available === true ? 'true' : undefined;
  const query = pageQuery(wanted, { available });
  return getJson(api, { path: '/catalog/brands', query }, brands);
}

/** @see https://fullscript.dev/technical-reference/brands */
export async function getBrand(api: ApiClient, id: string): Promise<Brand> {
  return (await getJson(api, `/catalog/brands/${idSegment(id)}`, oneBrand)).brand;
}

/**
 * Products; with a query or a brand, those that Fullscript finds. Not for every application: 403
 * although the scope is there.
 *
 * @see https://fullscript.dev/technical-reference/product-search
 */
export async function listProducts(
  api: ApiClient,
  wanted: PageRequest & {
    readonly query?: string | undefined;
    readonly brandId?: string | undefined;
  },
): Promise<PageOf<Product>> {
  const query = searchText(wanted.query);
  const brand_id = wanted.brandId === '' ? undefined : wanted.brandId;
  const searching = query !== undefined || brand_id !== undefined;
  const path = searching ? '/catalog/search/products' : '/catalog/products';
  return getJson(api, { path, query: pageQuery(wanted, { query, brand_id }) }, products);
}

/** @see https://fullscript.dev/technical-reference/variants */
export async function getVariant(api: ApiClient, id: string): Promise<Variant> {
  return (await getJson(api, `/catalog/variants/${idSegment(id)}`, oneVariant)).variant;
}

function toBrand({ status, ...wire }: z.infer<typeof brandFields>): Brand {
  const available = status === undefined ? undefined : status.toLowerCase() === 'available';
  return { id: wire.id, name: wire.name, prefix: wire.prefix, available };
}

function toProduct(wire: z.infer<typeof productFields>): Product {
  const prices = [wire.primary_variant, ...wire.variants].map((variant) => variant?.msrp);
  const price = prices.find((one) => one !== undefined);
  return { id: wire.id, name: wire.name, brandName: wire.brand?.name, price };
}

function toVariant({ id, product }: z.infer<typeof variantFields>): Variant {
  return { id, productName: product?.name, brandName: product?.brand?.name };
}
