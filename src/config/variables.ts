import { z } from 'zod';
import { ENVIRONMENTS, REGIONS } from '../oauth/authorization-server.js';
import { parseStoreUrl } from '../redis/store-url.js';

/** One environment variable: how it is read, and what the documentation says of it. */
export interface Variable {
  readonly name: string;
  readonly meaning: string;
  /** What holds when it is unset, in words. */
  readonly otherwise: string;
  readonly example: string;
  readonly schema: z.ZodType;
}

const url = z.url({ protocol: /^https?$/, error: 'is not an http(s) URL' });
const text = z.string();
const hours = z.coerce
  .number({ error: 'is not a number of hours' })
  .positive({ error: 'must be above 0' })
  .max(24 * 90, { error: 'must be 2160 or less' });
const port = z.coerce
  .number({ error: 'is not a number' })
  .int({ error: 'is not a whole number' })
  .min(0, { error: 'must be 0 or more' })
  .max(65535, { error: 'must be 65535 or less' });

const origin = url.refine((value) => new URL(value).origin === value.replace(/\/$/, ''), {
  error: 'must be an origin: scheme, host and port, no path',
});

const storeUrl = z.string().transform((value, ctx) => {
  try {
    return parseStoreUrl(value);
  } catch (error) {
    ctx.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'is wrong' });
    return z.NEVER;
  }
});

const secretList = z
  .string()
  .transform((value) => value.split(',').map((part) => part.trim()))
  .refine((parts) => parts.every((part) => part !== ''), { error: 'has an empty entry' });

const sealingKeys = z.string().transform((value, ctx) => {
  const keys = value.split(',').map((entry) => {
    const [, id, base64] = /^\s*([\w-]{1,32}):([A-Za-z0-9+/_=-]+)\s*$/.exec(entry) ?? [];
    return { id: id ?? '', key: Buffer.from(base64 ?? '', 'base64') };
  });
  const broken = keys.findIndex(({ id, key }) => id === '' || key.length !== 32);
  if (broken >= 0) {
    ctx.addIssue({
      code: 'custom',
      message: `entry ${broken + 1} is not id:base64 of 32 bytes (make one with: openssl rand -base64 32)`,
    });
  } else if (new Set(keys.map(({ id }) => id)).size < keys.length) {
    ctx.addIssue({ code: 'custom', message: 'names the same key id twice' });
  }
  return keys;
});

/** As Express reads it; `true` is refused because it lets any caller choose its own address. */
const trustProxy = z
  .string()
  .refine((value) => value !== 'true', {
    error: 'must not be true: name the proxies or their number',
  })
  .transform((value) => {
    if (value === 'false') return false;
    return /^\d+$/.test(value) ? Number(value) : value;
  });

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
  redirectUri: define('FULLSCRIPT_REDIRECT_URI', url, {
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
  redisUrl: define('REDIS_URL', storeUrl, {
    meaning: 'redis, rediss, redis+sentinel://h1,h2/name or redis+cluster://h1,h2',
    otherwise: 'the embedded store is used',
    example: 'redis://localhost:6379',
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
  trustProxy: define('TRUST_PROXY', trustProxy, {
    meaning: 'proxies in front of the server, as in Express: a number or addresses',
    otherwise: 'none',
    example: '1',
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
    meaning: 'folder for the embedded store and generated secrets',
    otherwise: '.data',
    example: '.data',
  }),
  simulatorPort: define('SIMULATOR_PORT', port, {
    meaning: 'port of the built-in simulator',
    otherwise: 'PORT + 1',
    example: '3001',
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
] as const satisfies readonly VariableName[];
