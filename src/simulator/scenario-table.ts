import { ALL_SCOPES } from './clients.js';
import type { Fault } from './faults.js';
import type { ProviderSettings } from './settings.js';

/** A state of Fullscript that can be played, and what the portal makes of it. */
export interface Scenario {
  title: string;
  /** One sentence: what the portal will show. */
  shows: string;
  faults?: readonly Fault[];
  settings?: Partial<ProviderSettings>;
  /** What happens once, when it is played: every access token ages, or every pair dies. */
  once?: 'expire' | 'revoke';
}

const SLOW_MS = 6000;
const REFRESH = { endpoint: 'token', grantType: 'refresh_token' } as const;
const PATIENT_SCOPES = ALL_SCOPES.filter((scope) => scope.startsWith('patients:'));

/** Fullscript's documentation has no sample of a 500, so this is what a web server says. */
const ERROR_PAGE =
  '<!doctype html><html lang="en"><title>Error</title><h1>Something went wrong.</h1></html>';

/** All of them, in the order of the control page. The names are for programs, and stay. */
export const SCENARIOS = {
  works: {
    title: 'Everything works',
    shows: 'Every page with its data: whatever was played or switched on before is undone.',
  },
  slow: {
    title: 'Slow',
    shows:
      'Pages with data from Fullscript take six seconds for each call, or say that Fullscript is slow.',
    faults: [{ endpoint: 'api', kind: 'delay', ms: SLOW_MS }],
  },
  lost_answer: {
    title: 'Lost answer',
    shows:
      'Pages with data say that Fullscript cannot be reached, although Fullscript has done what was asked.',
    faults: [{ endpoint: 'api', kind: 'lost_answer' }],
  },
  server_error: {
    title: 'Server error',
    shows: 'Pages with data say that Fullscript has a problem, and offer to try again.',
    faults: [{ endpoint: 'api', kind: 'status', status: 500, body: ERROR_PAGE }],
  },
  unreachable: {
    title: 'Unreachable',
    shows: 'Pages with data say that Fullscript cannot be reached; nothing was asked of it.',
    faults: [{ endpoint: 'api', kind: 'drop' }],
  },
  rate_limited: {
    title: 'Rate limit',
    shows: 'Pages with data say that there were too many requests, and count down twenty seconds.',
    faults: [{ endpoint: 'api', kind: 'status', status: 429, headers: { 'Retry-After': '20' } }],
  },
  garbage: {
    title: 'Garbage',
    shows: 'Pages with data say that the answer of Fullscript could not be read.',
    faults: [{ endpoint: 'api', kind: 'garbage' }],
  },
  expired_token: {
    title: 'Expired access tokens',
    shows: 'Nothing but a newer “last refreshed”: the next call renews the access token.',
    once: 'expire',
  },
  token_slow: {
    title: 'Slow refresh',
    shows:
      'The next page waits six seconds for a new access token, or says that Fullscript is slow.',
    faults: [{ ...REFRESH, kind: 'delay', ms: SLOW_MS }],
    once: 'expire',
  },
  token_error: {
    title: 'Failing refresh',
    shows: 'Pages with data say that Fullscript has a problem; the connection itself is kept.',
    faults: [{ ...REFRESH, kind: 'status', status: 503 }],
    once: 'expire',
  },
  narrower_scope: {
    title: 'Missing scopes',
    shows:
      'Patients, plans and orders are not open to the portal; after connecting again it names the missing permission. Clinic and brands still work.',
    settings: { withheldScopes: PATIENT_SCOPES },
  },
  restricted_catalog: {
    title: 'Restricted catalog',
    shows: 'Brands, and in place of the products why they are not there; so it is from the start.',
    settings: { catalog: 'restricted' },
  },
  open_catalog: {
    title: 'Open catalog',
    shows: 'Brands and products: the application may list and search them.',
    settings: { catalog: 'open' },
  },
  revoked: {
    title: 'Revoked by the user',
    shows: 'Every connection has ended in Fullscript, and the next page asks to reconnect.',
    once: 'revoke',
  },
  no_patients: {
    title: 'No patients yet',
    shows: 'Empty lists of patients and orders, as in a clinic on its first day.',
    settings: { patients: 'none' },
  },
} as const satisfies Record<string, Scenario>;

/** The name of a state that can be played. */
export type ScenarioName = keyof typeof SCENARIOS;
