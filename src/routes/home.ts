import type { RequestHandler } from 'express';
import { getClinic, getResourceOwner } from '../fullscript/clinic.js';
import type { Person } from '../fullscript/person.js';
import { type Fullscript, fullscriptOf } from '../http/require-grant.js';
import type { RegistrationId } from '../oauth/registration.js';
import { missingScope } from '../oauth/scope.js';
import { COUNTRIES } from './countries.js';
import { moment } from './moment.js';
import { permissions } from './permissions.js';
import { type PortalPagesDeps, type Section, reconnectPath, sectionsOf } from './section.js';

export interface HomeDeps extends PortalPagesDeps {
  /** What the application cannot do without. */
  readonly wantedScope: (id: RegistrationId) => readonly string[];
  readonly now: () => number;
}

/** The portal's first page: the clinic, the connection, and where to go from here. */
export function home(deps: HomeDeps): RequestHandler {
  return async (req, res) => {
    const section = sectionsOf(req, res, deps);
    const fullscript = fullscriptOf(res);
    const { owner, registration } = fullscript.key;
    const scope = 'clinic:read';
    const [clinic, person] = await Promise.all([
      section({ what: 'the clinic', scope }, getClinic),
      section({ what: 'your name', scope }, (api) => getResourceOwner(api, owner)),
    ]);
    const page = {
      clinic,
      ...personView(person, clinic),
      ...connectionView(fullscript, deps.now()),
      missing: missingScope(deps.wantedScope(registration), fullscript.grant.tokens.scope),
      steps: steps(fullscript),
      flash: flash(req.query['done'], fullscript, deps.now()),
    };
    res.render('portal/home', { page });
  };
}

/** What has just been done. The address stays in the bar, so it is believed for a moment only. */
function flash(done: unknown, { grant }: Fullscript, now: number): string | undefined {
  const isNews = now - grant.tokens.obtainedAt < NEWS_MS;
  return done === 'refreshed' && isNews ? 'The connection was refreshed just now.' : undefined;
}

function personView(person: Section<Person | undefined>, clinic: Section<unknown>) {
  const { ready, late, failure, notice } = person;
  // Once is enough, where both have the same trouble.
  const isSaid = failure !== undefined && failure.kind === clinic.failure?.kind;
  const personNotice = isSaid ? undefined : notice;
  return { name: ready?.name, email: ready?.email, personLate: late, personNotice };
}

const NEWS_MS = 10_000;
/** A refresh that follows so soon is the sign-in's own answer. */
const SAME_MOMENT_MS = 5_000;

function connectionView({ key, grant }: Fullscript, now: number) {
  const { obtainedAt, expiresAt, scope } = grant.tokens;
  const wasRefreshed = obtainedAt > grant.connectedAt + SAME_MOMENT_MS;
  const [region, environment] = key.registration.split('-') as ['us' | 'ca', string];
  return {
    type: key.owner.type,
    legacyClinic: key.owner.type === 'Clinic',
    country: COUNTRIES[region],
    sandbox: environment === 'sandbox',
    permissions: permissions(scope),
    connected: moment(grant.connectedAt),
    refreshed: wasRefreshed ? moment(obtainedAt) : undefined,
    obtained: moment(obtainedAt),
    expires: moment(expiresAt),
    life: tokenLife({ obtainedAt, expiresAt, now }),
    reconnectHref: reconnectPath({ key }, '/portal'),
  };
}

/** Seconds that an access token lives, and that it has left. */
function tokenLife(at: { obtainedAt: number; expiresAt: number; now: number }) {
  const total = Math.max(1, Math.round((at.expiresAt - at.obtainedAt) / 1000));
  const left = Math.round((at.expiresAt - at.now) / 1000);
  return { total, left: Math.min(total, Math.max(0, left)) };
}

interface Step {
  readonly scope: string;
  readonly title: string;
  readonly text: string;
  readonly href: string;
}

const STEPS: readonly Step[] = [
  {
    scope: 'patients:read',
    title: 'See your patients',
    text: 'Their treatment plans and orders in one place.',
    href: '/portal/patients',
  },
  {
    scope: 'catalog:read',
    title: 'Browse the catalog',
    text: 'Brands, and products where Fullscript shows them.',
    href: '/portal/catalog',
  },
  {
    scope: 'clinic:read',
    title: 'Meet the team',
    text: 'Practitioners and staff of the clinic.',
    href: '/portal/team',
  },
];

/** What this user can go on with; what the connection does not allow is not offered. */
function steps({ grant }: Fullscript): Pick<Step, 'title' | 'text' | 'href'>[] {
  const allowed = STEPS.filter(({ scope }) => grant.tokens.scope.includes(scope));
  const account = {
    title: 'Check your account',
    text: 'Where you are signed in, and what happened lately.',
    href: '/portal/account',
  };
  return [...allowed, account];
}
