import { Router } from 'express';
import { parseReturnTo } from '../http/return-to.js';
import { signedIn } from '../http/signed-in.js';
import type { Registration } from '../oauth/registration.js';
import { COUNTRIES } from './countries.js';
import { permissionsAskedFor } from './permissions.js';

/** With which application a person wants to sign in, and to which page. */
export interface Wanted {
  readonly registration?: string | undefined;
  readonly returnTo?: string | undefined;
}

/** The page that offers the connection. */
export function landingRoutes(deps: {
  registrations: readonly Registration[];
  baseUrl: string;
}): Router {
  const { registrations, baseUrl } = deps;
  return Router({ caseSensitive: true }).get('/', (req, res) => {
    const returnTo = parseReturnTo(req.query['returnTo'], baseUrl);
    const user = signedIn(req);
    // Who signed in with an application that is gone would be sent to where nothing works.
    if (user !== undefined && registrations.some(({ id }) => id === user.key.registration)) {
      res.redirect(303, returnTo ?? '/portal');
      return;
    }
    const isNamed = ({ id }: Registration) => id === req.query['registration'];
    // The one that was asked for comes first.
    const offered = registrations.toSorted((a, b) => Number(isNamed(b)) - Number(isNamed(a)));
    const left = leftView(req.query['signedOut']);
    res.render('landing', { page: { ...landingView(offered, returnTo), left } });
  });
}

function landingView(registrations: readonly Registration[], returnTo: string | undefined) {
  const wanted = [...new Set(registrations.flatMap(({ scope }) => scope))];
  return {
    permissions: permissionsAskedFor(wanted),
    isExact: wanted.length > 0,
    choices: registrations.map(({ id, region, environment }) => ({
      label: registrations.length > 1 ? COUNTRIES[region] : undefined,
      note: environment === 'sandbox' ? 'Sandbox' : undefined,
      href: authorizePath({ registration: id, returnTo }),
    })),
  };
}

/** What is said to people whose session the store did not end. */
function leftView(signedOut: unknown): { others: boolean } | undefined {
  if (signedOut !== 'here' && signedOut !== 'only-here') return undefined;
  return { others: signedOut === 'only-here' };
}

/** The page that asks before a sign-in starts. */
export function landingPath(wanted: Wanted): string {
  return withQuery('/', wanted);
}

/** Where a sign-in starts. */
export function authorizePath(wanted: Wanted): string {
  return withQuery('/oauth/authorize', wanted);
}

function withQuery(path: string, wanted: Wanted): string {
  const set = Object.entries(wanted).filter((entry): entry is [string, string] =>
    Boolean(entry[1]),
  );
  const text = new URLSearchParams(set).toString();
  return text === '' ? path : `${path}?${text}`;
}
