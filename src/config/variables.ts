import { z } from 'zod';
import { ENVIRONMENTS, REGIONS } from '../oauth/authorization-server.js';
import {
  callsAtOnce,
  count,
  hours,
  keyPrefix,
  origin,
  port,
  redirectUri,
  scopeList,
  sealingKeys,
  secretList,
  signInMinutes,
  storeUrl,
  text,
  trustProxy,
  url,
} from './parsers.js';

/** One environment variable: how it is read, and what the documentation says of it. */
export interface Variable {
  readonly name: string;
  readonly meaning: string;
  /** What holds when it is unset, in words. */
  readonly otherwise: string;
  readonly example: string;
  readonly schema: z.ZodType;
}

function define<S extends z.ZodType>(
  name: string,
  schema: S,
  about: Omit<Variable, 'name' | 'schema'>,
) {
  return { name, schema, ...about };
}

/** Every variable the server reads, in the order of `.env.example`. */
export const VARIABLES = {
  port: define('PORT', port, {
    meaning: 'port to listen on',
    otherwise: '3000',
    example: '3000',
  }),
  host: define('HOST', text, {
    meaning: 'address to listen on',
    otherwise: '127.0.0.1',
    example: '0.0.0.0',
  }),
  baseUrl: define('BASE_URL', origin, {
    meaning: 'public origin, as the browser sees it',
    otherwise: 'http://localhost:PORT',
    example: 'https://portal.example.com',
  }),
  region: define('FULLSCRIPT_REGION', z.enum(REGIONS, { error: 'is neither us nor ca' }), {
    meaning: 'country of the application at Fullscript: us or ca',
    otherwise: 'us',
    example: 'us',
  }),
  environment: define(
    'FULLSCRIPT_ENVIRONMENT',
    z.enum(ENVIRONMENTS, { error: 'is neither sandbox nor production' }),
    { meaning: 'sandbox or production', otherwise: 'sandbox', example: 'sandbox' },
  ),
  clientId: define('FULLSCRIPT_CLIENT_ID', text, {
    meaning: "the application's client id",
    otherwise: 'the simulator is used',
    example: 'abc…',
  }),
  clientSecret: define('FULLSCRIPT_CLIENT_SECRET', text, {
    meaning: "the application's client secret",
    otherwise: 'the simulator is used',
    example: 'def…',
  }),
  redirectUri: define('FULLSCRIPT_REDIRECT_URI', redirectUri, {
    meaning: "redirect URI, exactly as on Fullscript's dashboard",
    otherwise: 'BASE_URL/oauth/callback',
    example: 'https://portal.example.com/oauth/callback',
  }),
  apiUrl: define('FULLSCRIPT_API_URL', url, {
    meaning: 'base of the API, when it is not the documented one',
    otherwise: 'by region and environment',
    example: 'https://api-us.fullscript.com/api',
  }),
  authorizeUrl: define('FULLSCRIPT_AUTHORIZE_URL', url, {
    meaning: 'authorize page, when it is not below the API base',
    otherwise: 'API base/oauth/authorize',
    example: 'https://us-snd.fullscript.io/oauth/authorize',
  }),
  tokenUrl: define('FULLSCRIPT_TOKEN_URL', url, {
    meaning: 'token endpoint, when it is not below the API base',
    otherwise: 'API base/oauth/token',
    example: 'https://api-us.fullscript.com/api/oauth/token',
  }),
  revokeUrl: define('FULLSCRIPT_REVOKE_URL', url, {
    meaning: 'revocation endpoint, when it is not below the API base',
    otherwise: 'API base/oauth/revoke',
    example: 'https://api-us.fullscript.com/api/oauth/revoke',
  }),
  pkce: define('FULLSCRIPT_PKCE', z.enum(['on', 'off'], { error: 'is neither on nor off' }), {
    meaning: 'send a PKCE challenge; Fullscript does not document it',
    otherwise: 'off',
    example: 'off',
  }),
  issuer: define('FULLSCRIPT_ISSUER', url, {
    meaning: '`iss` that every answer of the authorize page has to carry (RFC 9207)',
    otherwise: 'none is asked for, and one that comes has to be of the hosts above',
    example: 'https://us-snd.fullscript.io',
  }),
  scope: define('FULLSCRIPT_SCOPE', scopeList, {
    meaning: 'permissions the application needs, by spaces; a connection that lacks one says so',
    otherwise: 'whatever is granted will do',
    example: 'clinic:read patients:read',
  }),
  redisUrl: define('REDIS_URL', storeUrl, {
    meaning: 'redis, rediss, redis+sentinel://h1,h2/name or redis+cluster://h1,h2',
    otherwise: 'the embedded store is used',
    example: 'redis://localhost:6379',
  }),
  redisPrefix: define('REDIS_PREFIX', keyPrefix, {
    meaning: 'what all keys and channels begin with; one for each installation that shares a Redis',
    otherwise: 'fc',
    example: 'clinic-b',
  }),
  sessionSecret: define('SESSION_SECRET', secretList, {
    meaning: 'signs cookies; comma list, the first one signs, all are accepted',
    otherwise: 'made and kept in DATA_DIR (development only)',
    example: 'at least 32 random characters',
  }),
  encryptionKeys: define('TOKEN_ENCRYPTION_KEYS', sealingKeys, {
    meaning: 'seal the tokens; comma list of id:base64(32 bytes), the first one seals',
    otherwise: 'made and kept in DATA_DIR (development only)',
    example: 'k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=',
  }),
  signInMinutes: define('SIGN_IN_MINUTES', signInMinutes, {
    meaning: 'how long a sign-in may take at Fullscript, signing up there included',
    otherwise: '60',
    example: '60',
  }),
  signInsPerAddress: define('SIGN_INS_PER_ADDRESS', count, {
    meaning:
      'sign-ins under way that were started from one address; beyond it the oldest go; 0: no limit',
    otherwise: '1000',
    example: '1000',
  }),
  sessionIdleHours: define('SESSION_IDLE_HOURS', hours, {
    meaning: 'a session ends after so many hours without a request',
    otherwise: '8',
    example: '8',
  }),
  sessionMaxHours: define('SESSION_MAX_HOURS', hours, {
    meaning: 'a session ends so many hours after sign-in, whatever happens',
    otherwise: '168',
    example: '168',
  }),
  sessionsPerUser: define('SESSIONS_PER_USER', count, {
    meaning:
      'sessions of one user; a sign-in beyond it ends the one that was not used for longest; 0: no limit',
    otherwise: '100',
    example: '100',
  }),
  sessionSameSite: define(
    'SESSION_SAMESITE',
    z.enum(['lax', 'strict'], { error: 'is neither lax nor strict' }),
    {
      meaning:
        'SameSite of the session cookie; strict: links from other sites arrive signed out first',
      otherwise: 'lax',
      example: 'lax',
    },
  ),
  trustProxy: define('TRUST_PROXY', trustProxy, {
    meaning: 'proxies in front of the server, as in Express: a number or addresses',
    otherwise: 'none',
    example: '1',
  }),
  rateLimitOAuth: define('RATE_LIMIT_OAUTH', count, {
    meaning:
      'sign-ins started and not finished, callbacks, refreshes by hand, disconnects, sign-outs: ' +
      'so many of each a minute for each user, browser or address; 0: no limit',
    otherwise: '300',
    example: '300',
  }),
  rateLimitApi: define('RATE_LIMIT_API', count, {
    meaning: 'calls of /api and /portal a minute for each user; 0: no limit',
    otherwise: '60000',
    example: '60000',
  }),
  rateLimitAddress: define('RATE_LIMIT_ADDRESS', count, {
    meaning: 'the same for each address, of callers without a session; 0: no limit',
    otherwise: '300000',
    example: '300000',
  }),
  callsPerUser: define('CALLS_PER_USER', callsAtOnce, {
    meaning:
      'calls of one user to Fullscript that each process has under way at once; more wait for their turn, ' +
      'and get 429 when the wait is too long',
    otherwise: '32',
    example: '32',
  }),
  logLevel: define(
    'LOG_LEVEL',
    z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
      error: 'is not a log level of pino',
    }),
    { meaning: 'as in pino', otherwise: 'info', example: 'info' },
  ),
  metricsToken: define('METRICS_TOKEN', text, {
    meaning: 'bearer that guards /metrics',
    otherwise: '/metrics is open',
    example: 'a random string',
  }),
  dataDir: define('DATA_DIR', text, {
    meaning: 'folder for the embedded store, generated secrets and the journal',
    otherwise: '.data',
    example: '.data',
  }),
  simulatorPort: define('SIMULATOR_PORT', port, {
    meaning: 'port of the built-in simulator',
    otherwise: 'PORT + 1000',
    example: '4000',
  }),
  simulatorUrl: define('SIMULATOR_URL', origin, {
    meaning: 'a simulator that runs by itself; none is started then',
    otherwise: 'one is started',
    example: 'http://simulator:4010',
  }),
  simulatorPublicUrl: define('SIMULATOR_PUBLIC_URL', origin, {
    meaning: "that simulator's origin as the browser sees it",
    otherwise: 'SIMULATOR_URL',
    example: 'http://localhost:4010',
  }),
} as const;

export type VariableName = keyof typeof VARIABLES;
/** Values of the variables that are set. */
export type Values = { -readonly [N in VariableName]?: z.output<(typeof VARIABLES)[N]['schema']> };

/** Variables that exist once more per region: `FULLSCRIPT_US_CLIENT_ID`, … */
export const PER_REGION = [
  'environment',
  'clientId',
  'clientSecret',
  'redirectUri',
  'apiUrl',
  'authorizeUrl',
  'tokenUrl',
  'revokeUrl',
  'pkce',
  'issuer',
  'scope',
] as const satisfies readonly VariableName[];
