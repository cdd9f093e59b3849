import { isLoopback } from './loopback.js';
import type { Problem } from './problem.js';
import type { Environment } from './read-variables.js';
import { VARIABLES, type Values, type VariableName } from './variables.js';

const SHORTEST_SECRET = 32;
/** What templates and tutorials put where a secret belongs. */
const PLACEHOLDER =
  /change[ _-]?(me|this)|replace[ _-]?(me|this)|your[ _-]|placeholder|random characters/i;

/** What is comfortable in development and wrong in production (`NODE_ENV=production`). */
export function productionProblems(at: {
  env: Environment;
  values: Values;
  baseUrl: string;
  simulated: boolean;
}): Problem[] {
  const { env, values, baseUrl, simulated } = at;
  const problems: Problem[] = [];
  const missing = (name: VariableName, because: string) => {
    const variable = VARIABLES[name].name;
    if (values[name] !== undefined || isSet(env, variable)) return;
    const problem = `is missing: ${because}`;
    problems.push({ variable, problem, example: VARIABLES[name].example });
  };
  if (simulated) {
    missing('clientId', 'the simulator is not for production');
    missing('clientSecret', 'the simulator is not for production');
  }
  missing('redisUrl', 'the embedded store is not for production');
  missing('sessionSecret', 'production needs secrets of its own');
  missing('encryptionKeys', 'production needs keys of its own');
  problems.push(...weakSecrets(values));
  if (baseUrl.startsWith('http:') && !isLoopback(baseUrl)) {
    problems.push({ variable: 'BASE_URL', problem: 'must be https, except on this machine' });
  }
  return problems;
}

/** What works, and is most likely not what was meant. */
export function exposureWarnings(at: {
  readonly production: boolean;
  readonly baseUrl: string;
  readonly values: Values;
}): string[] {
  const { production, baseUrl, values } = at;
  const warnings: string[] = [];
  if (baseUrl.startsWith('https:') && (values.trustProxy ?? false) === false) {
    warnings.push(
      'BASE_URL is https but TRUST_PROXY is unset: requests look like plain http, so the session cookie ' +
        'will not be set and nobody can sign in. Set TRUST_PROXY to the number of proxies in front',
    );
  }
  if (production && values.metricsToken === undefined) {
    warnings.push(
      'METRICS_TOKEN is unset: /metrics is open to everybody who reaches this server. Set it, or keep ' +
        '/metrics from the outside in the proxy',
    );
  }
  return warnings;
}

/** Secrets that can be guessed. */
export function weakSecrets(values: Values): Problem[] {
  const short = values.sessionSecret?.some((part) => part.length < SHORTEST_SECRET) === true;
  const problem = `is too short: each secret needs ${SHORTEST_SECRET} characters or more`;
  return [...(short ? [{ variable: 'SESSION_SECRET', problem }] : []), ...published(values)];
}

/** Secrets that everybody can read: those of the documentation, and words that wait for a secret. */
function published({ sessionSecret = [], encryptionKeys = [] }: Values): Problem[] {
  const problem = 'is a placeholder that everybody can read: make one of your own';
  const known = VARIABLES.encryptionKeys.schema.parse(VARIABLES.encryptionKeys.example);
  const isKnown = ({ key }: (typeof known)[number]) => known.some((one) => one.key.equals(key));
  return [
    ...(sessionSecret.some((part) => PLACEHOLDER.test(part)) ? ['SESSION_SECRET'] : []),
    ...(encryptionKeys.some(isKnown) ? ['TOKEN_ENCRYPTION_KEYS'] : []),
  ].map((variable) => ({ variable, problem }));
}

/** A variable that is set but unreadable has its own problem already. */
function isSet(env: Environment, name: string): boolean {
  return (env[name]?.trim() ?? '') !== '';
}
