import { type RequestHandler, Router } from 'express';
import { type Brand, type Product, listBrands, listProducts } from '../fullscript/catalog.js';
import { found, pageNumber, pager, searchQuery, showBeyond } from './list-page.js';
import { type PortalPagesDeps, mapSection, sectionsOf, showStatus } from './section.js';

const ENTRIES_A_PAGE = 30;
const SCOPE = 'catalog:read';

/** Fullscript's catalog: brands for every application, products where it may list them. */
export function catalogRoutes(deps: PortalPagesDeps): Router {
  const router = Router({ caseSensitive: true });
  router.get('/portal/catalog', deps.requireGrant, brands(deps));
  router.get('/portal/catalog/products', deps.requireGrant, products(deps));
  return router;
}

function brands(deps: PortalPagesDeps): RequestHandler {
  return async (req, res) => {
    const section = sectionsOf(req, res, deps);
    const wanted = { page: pageNumber(req), size: ENTRIES_A_PAGE };
    const list = await section({ what: 'the brands', scope: SCOPE }, (api) =>
      listBrands(api, wanted),
    );
    showStatus(res, list);
    const page = {
      ...{ title: 'Brands', isProducts: false, isRestricted: false, query: '' },
      list: mapSection(list, ({ items }) => items.map(brandRow)),
      found: found(list, ['brand', 'brands']),
      empty: 'Fullscript lists no brands for this clinic.',
      pager: pager(req, list, { label: 'Pages of brands' }),
    };
    showBeyond(res, page.pager);
    res.render('portal/catalog', { page });
  };
}

function products(deps: PortalPagesDeps): RequestHandler {
  return async (req, res) => {
    const section = sectionsOf(req, res, deps);
    const query = searchQuery(req);
    const wanted = { query, page: pageNumber(req), size: ENTRIES_A_PAGE };
    const list = await section({ what: 'the list of products', scope: SCOPE }, (api) =>
      listProducts(api, wanted),
    );
    showStatus(res, list);
    const page = {
      ...{ title: 'Products', isProducts: true, query },
      // Nothing to search then.
      isRestricted: list.failure?.kind === 'restricted',
      list: mapSection(list, ({ items }) => items.map(productRow)),
      found: found(list, ['product', 'products']),
      empty: query === '' ? 'Fullscript lists no products.' : `No product is called “${query}”.`,
      pager: pager(req, list, { label: 'Pages of products' }),
    };
    showBeyond(res, page.pager);
    res.render('portal/catalog', { page });
  };
}

function brandRow({ name, available }: Brand) {
  return { name, detail: available === false ? 'Not available at the moment' : undefined };
}

/** The price is the suggested one, in the currency of the country. */
function productRow({ name, brandName, price }: Product) {
  return { name, detail: brandName, price };
}
