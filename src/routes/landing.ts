import { Router } from 'express';
import { parseReturnTo } from '../http/return-to.js';
import { signedIn } from '../http/signed-in.js';
import type { Registration } from '../oauth/registration.js';
import { COUNTRIES } from './countries.js';
import { permissionsAskedFor } from './permissions.js';

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
    const left = leftView(req.query['signedOut']);
    res.render('landing', { page: { ...landingView(registrations, returnTo), left } });
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
export function landingPath(returnTo: string | undefined): string {
  const query = new URLSearchParams(returnTo === undefined ? {} : { returnTo }).toString();
  return query === '' ? '/' : `/?${query}`;
}

/** Where a sign-in starts. */
export function authorizePath(query: {
  registration?: string | undefined;
  returnTo?: string | undefined;
}): string {
  const set = Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1]));
  const text = new URLSearchParams(set).toString();
  return text === '' ? '/oauth/authorize' : `/oauth/authorize?${text}`;
}
