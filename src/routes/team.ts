import { type Request, type RequestHandler, Router } from 'express';
import type { PageOf } from '../fullscript/pagination.js';
import type { Person } from '../fullscript/person.js';
import { listPractitioners, listStaff } from '../fullscript/team.js';
import { fullscriptOf } from '../http/require-grant.js';
import { pageNumber, pager, showBeyond } from './list-page.js';
import { nameOf } from './names.js';
import {
  type PortalPagesDeps,
  type Section,
  mapSection,
  sectionsOf,
  showStatus,
} from './section.js';

const PEOPLE_A_PAGE = 50;

/** Who works at the clinic. */
export function teamRoutes(deps: PortalPagesDeps): Router {
  const router = Router({ caseSensitive: true });
  router.get('/portal/team', deps.requireGrant, team(deps));
  return router;
}

function team(deps: PortalPagesDeps): RequestHandler {
  return async (req, res) => {
    const section = sectionsOf(req, res, deps);
    const wanted = (name: string) => ({ page: pageNumber(req, name), size: PEOPLE_A_PAGE });
    const scope = 'clinic:read';
    const [practitioners, staff] = await Promise.all([
      section({ what: 'the practitioners', scope }, (api) =>
        listPractitioners(api, wanted('practitioners')),
      ),
      section({ what: 'the staff', scope }, (api) => listStaff(api, wanted('staff'))),
    ]);
    showStatus(res, practitioners);
    const { owner } = fullscriptOf(res).key;
    const group = groupFor(req, owner.id);
    const groups = [
      group(practitioners, { id: 'practitioners', title: 'Practitioners', empty: 'Nobody yet.' }),
      group(staff, { id: 'staff', title: 'Staff', empty: 'This clinic has no staff accounts.' }),
    ];
    for (const { pager: links } of groups) showBeyond(res, links);
    res.render('portal/team', { page: { groups } });
  };
}

function groupFor(req: Request, you: string) {
  return (
    people: Section<PageOf<Person>>,
    about: { id: string; title: string; empty: string },
  ) => ({
    ...about,
    people: mapSection(people, ({ items }) =>
      items.map((person) => ({
        name: nameOf(person),
        email: person.email ?? '',
        isYou: person.id === you,
      })),
    ),
    pager: pager(req, people, { label: `Pages of ${about.id}`, name: about.id }),
  });
}
