import { createSecretKey } from 'node:crypto';
import { resolve } from 'node:path';
import { OpenToOthersError } from './data-folder.js';
import type { SealingKey } from './grants/cipher.js';
import type { Region } from './oauth/authorization-server.js';
import type { Registration } from './oauth/registration.js';
import { type Secret, secret } from './oauth/secret.js';
import type { StoreAddress } from './redis/store-url.js';
import { generatedSecrets } from './config/generated-secrets.js';
import { exposureWarnings, productionProblems } from './config/production.js';
import { ConfigError, type Problem } from './config/problem.js';
import { withoutQuotes } from './config/quotes.js';
import { type Environment, readVariables } from './config/read-variables.js';
import { readRegistrations } from './config/registrations.js';
import { type TracingConfig, readTracing } from './config/tracing.js';
import type { Values } from './config/variables.js';

/** Everything the server was told, checked and frozen. */
export interface Config {
  /** What an operator should hear of it at start. */
  readonly warnings: readonly string[];
  readonly production: boolean;
  readonly listen: { readonly host: string; readonly port: number };
  /** Public origin, without a trailing slash. */
  readonly baseUrl: string;
  readonly trustProxy: string | number | boolean;
  readonly logLevel: string;
  readonly metricsToken: Secret | undefined;
  /** At least one, the default one first; empty when the simulator is used. */
  readonly registrations: readonly Registration[];
  readonly simulator: SimulatorConfig | undefined;
  readonly store: StoreAddress | 'embedded';
  /** What its keys begin with; undefined for the usual prefix. */
  readonly storePrefix: string | undefined;
  readonly dataDir: string;
  readonly session: {
    readonly secrets: readonly [Secret, ...Secret[]];
    readonly idleMs: number;
    readonly maxMs: number;
    /** Of one user; 0 for no limit. */
    readonly perUser: number;
    readonly sameSite: 'lax' | 'strict';
  };
  readonly sealingKeys: readonly [SealingKey, ...SealingKey[]];
  readonly tracing: TracingConfig;
  /** How long sign-ins may be under way, and how many from one address; 0 for no limit. */
  readonly openSignIns: { readonly lifetimeMs: number; readonly perAddress: number };
  /** Requests a minute; 0 for no limit. */
  readonly rateLimits: { readonly oauth: number; readonly api: number; readonly address: number };
  /** Calls of one user to Fullscript that are under way at once, in each process. */
  readonly callsPerUser: number;
}

export interface SimulatorConfig {
  readonly region: Region;
  /** Undefined: one well away from the server's, else any. */
  readonly port: number | undefined;
  /** Origin of one that runs by itself. */
  readonly url: string | undefined;
  readonly publicUrl: string | undefined;
  readonly redirectUri: string;
  readonly scope: readonly string[];
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** What the environment says, right or wrong. */
export interface Survey {
  /** Everything that is wrong with it. */
  readonly problems: readonly Problem[];
  /** What was understood, but may be meant otherwise; in words, without a value. */
  readonly warnings: readonly string[];
  readonly production: boolean;
  readonly baseUrl: string;
  readonly port: number;
  readonly dataDir: string;
  /** Those that are complete. */
  readonly registrations: readonly Registration[];
  /** Nothing names a registration. */
  readonly simulated: boolean;
  /** What could be read. */
  readonly values: Values;
}

/** Looks at everything and touches nothing: for those who want to know more than that it is wrong. */
export function surveyConfig(given: Environment): Survey {
  const { env, warnings } = withoutQuotes(given);
  const problems: Problem[] = [];
  const values = readVariables(env, problems);
  const production = env['NODE_ENV'] === 'production';
  const port = values.port ?? 3000;
  const baseUrl = (values.baseUrl ?? `http://localhost:${port}`).replace(/\/$/, '');
  const registrations = readRegistrations({ env, values, baseUrl, problems });
  const simulated = registrations.length === 0;
  if (port === 0 && values.baseUrl === undefined) {
    problems.push({ variable: 'BASE_URL', problem: 'is needed when PORT is 0' });
  }
  if (simulated && values.environment === 'production') {
    problems.push({ variable: 'FULLSCRIPT_CLIENT_ID', problem: 'is missing' });
  }
  if (simulated && values.apiUrl !== undefined) {
    problems.push({
      variable: 'FULLSCRIPT_CLIENT_ID',
      problem: 'is missing while FULLSCRIPT_API_URL is set',
    });
  }
  if (production) problems.push(...productionProblems({ env, values, baseUrl, simulated }));
  const dataDir = resolve(values.dataDir ?? '.data');
  return {
    problems,
    warnings,
    production,
    baseUrl,
    port,
    dataDir,
    registrations,
    simulated,
    values,
  };
}

/**
 * Reads the configuration.
 *
 * @param options.secretsFrom where secrets come from that are not set: kept in DATA_DIR if nothing is said.
 * @throws ConfigError with every problem at once.
 */
export function loadConfig(
  env: Environment,
  { secretsFrom = generatedSecrets }: { secretsFrom?: typeof generatedSecrets } = {},
): Config {
  const survey = surveyConfig(env);
  const { problems, production, baseUrl, port, registrations, simulated, values } = survey;
  if (problems.length > 0) throw new ConfigError(problems, survey.warnings);

  return deepFreeze({
    ...{ warnings: [...survey.warnings, ...exposureWarnings(survey)], production },
    listen: { host: values.host ?? '127.0.0.1', port },
    baseUrl,
    trustProxy: values.trustProxy ?? false,
    logLevel: values.logLevel ?? 'info',
    metricsToken: values.metricsToken === undefined ? undefined : secret(values.metricsToken),
    registrations,
    simulator: simulated ? simulatorConfig(values, baseUrl) : undefined,
    store: values.redisUrl ? { ...values.redisUrl, prefix: values.redisPrefix } : 'embedded',
    ...{ storePrefix: values.redisPrefix, tracing: readTracing(env) },
    ...secretsOf(survey, secretsFrom),
    openSignIns: {
      lifetimeMs: (values.signInMinutes ?? 60) * MINUTE_MS,
      perAddress: values.signInsPerAddress ?? 1_000,
    },
    rateLimits: {
      oauth: values.rateLimitOAuth ?? 300,
      api: values.rateLimitApi ?? 60_000,
      address: values.rateLimitAddress ?? 300_000,
    },
    callsPerUser: values.callsPerUser ?? 32,
  });
}

/** Plain data all the way down; keys and secrets look after themselves. */
function deepFreeze<T>(value: T): T {
  const plain = Array.isArray(value) || Object.getPrototypeOf(value ?? 0) === Object.prototype;
  if (plain && !Object.isFrozen(value))
    Object.values(Object.freeze(value) as object).forEach(deepFreeze);
  return value;
}

function simulatorConfig(values: Values, baseUrl: string): SimulatorConfig {
  return {
    region: values.region ?? 'us',
    port: values.simulatorPort,
    url: values.simulatorUrl?.replace(/\/$/, ''),
    publicUrl: values.simulatorPublicUrl?.replace(/\/$/, ''),
    redirectUri: values.redirectUri ?? `${baseUrl}/oauth/callback`,
    scope: values.scope ?? [],
  };
}

function secretsIn(
  dataDir: string,
  secretsFrom: typeof generatedSecrets,
): ReturnType<typeof generatedSecrets> {
  try {
    return secretsFrom(dataDir);
  } catch (error) {
    if (error instanceof OpenToOthersError) {
      const problem = `cannot keep generated secrets: ${error.message}`;
      throw new ConfigError([{ variable: 'DATA_DIR', problem }]);
    }
    const { code = 'its secrets.json is damaged' } = error as NodeJS.ErrnoException;
    const problem = `cannot keep generated secrets (${dataDir}: ${code})`;
    throw new ConfigError([{ variable: 'DATA_DIR', problem }]);
  }
}

function secretsOf(
  { values, dataDir }: Survey,
  secretsFrom: typeof generatedSecrets,
): Pick<Config, 'dataDir' | 'session' | 'sealingKeys'> {
  const { sessionSecret, encryptionKeys } = values;
  const complete = sessionSecret !== undefined && encryptionKeys !== undefined;
  const made = complete ? undefined : secretsIn(dataDir, secretsFrom);
  const [first = '', ...others] = sessionSecret ?? [made?.sessionSecret ?? ''];
  const generated = {
    id: 'generated',
    key: createSecretKey(made?.encryptionKey ?? Buffer.alloc(0)),
  };
  const [sealing = generated, ...older] = encryptionKeys ?? [];
  return {
    dataDir,
    session: {
      secrets: [secret(first), ...others.map(secret)],
      idleMs: (values.sessionIdleHours ?? 8) * HOUR_MS,
      maxMs: (values.sessionMaxHours ?? 168) * HOUR_MS,
      perUser: values.sessionsPerUser ?? 100,
      sameSite: values.sessionSameSite ?? 'lax',
    },
    sealingKeys: [sealing, ...older],
  };
}
