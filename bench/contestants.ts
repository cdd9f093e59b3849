import { fileURLToPath } from 'node:url';

/** A program that is measured, and where it does what. */
export interface ContestantSpec {
  /** In tables and in the chart. */
  readonly name: string;
  readonly kind: 'ours' | 'peer' | 'floor';
  readonly file: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly usesRedis: boolean;
  /** Answers as soon as it serves; with 200, unless all it has is what it is measured for. */
  readonly readyPath: string;
  readonly servesPages: boolean;
  /** Sends a browser off to sign in. */
  readonly loginPath: string;
  /** After the callback comes a page of its own that finishes the sign-in. */
  readonly callbackSteps: 1 | 2;
  /** Who is signed in, for which the token is needed. */
  readonly signedInPath: string;
  /** The provider's API, through the contestant. */
  readonly gatewayPath: string;
  /** How much of a round's work it gets: less where it takes many times as long as the others. */
  readonly share?: number;
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PEERS = `${ROOT}bench/peers/`;

export const OURS: ContestantSpec = {
  name: 'fullscript-connect',
  kind: 'ours',
  file: `${ROOT}dist/main.js`,
  usesRedis: true,
  readyPath: '/livez',
  servesPages: true,
  loginPath: '/oauth/authorize',
  callbackSteps: 1,
  signedInPath: '/api/session',
  gatewayPath: '/api/fullscript/clinic',
};

const peer = (name: string, file: string, more: Partial<ContestantSpec> = {}): ContestantSpec => ({
  name,
  kind: 'peer',
  file: `${PEERS}${file}`,
  usesRedis: true,
  readyPath: '/',
  servesPages: true,
  loginPath: '/login',
  callbackSteps: 1,
  signedInPath: '/me',
  gatewayPath: '/api/clinic',
  ...more,
});

/** No sessions, and no page to start from. */
const NOTHING_ELSE = { usesRedis: false, servesPages: false };

const floor = (name: string, file: string, more: Partial<ContestantSpec> = {}): ContestantSpec =>
  peer(name, file, { kind: 'floor', ...more });

export const OPENID_CONNECT = peer('express-openid-connect', 'openid-connect.mjs');
export const PASSPORT = peer('passport-oauth2', 'passport.mjs');
export const GRANT = peer('grant', 'grant.mjs', { callbackSteps: 2 });
export const BETTER_AUTH = peer('better-auth', 'better-auth.mjs', { share: 0.2 });

/** What does the same job, or most of it. */
export const PEERS_OF_OURS = [OPENID_CONNECT, PASSPORT, GRANT, BETTER_AUTH];

export const BARE_EXPRESS = floor('bare Express', 'bare-express.mjs', NOTHING_ELSE);
export const SESSION_FLOOR = floor('express-session', 'express-session.mjs');
export const SESSION_FLOOR_IOREDIS = floor('express-session, ioredis', 'express-session.mjs', {
  env: { CLIENT: 'ioredis' },
});
export const UNDICI_PROXY = floor('undici proxy', 'undici-proxy.mjs', NOTHING_ELSE);
export const GOT_PROXY = floor('got proxy', 'got-proxy.mjs', NOTHING_ELSE);
