import { isLoopback } from '../config/loopback.js';
import { weakSecrets } from '../config/production.js';
import type { Survey } from '../config.js';
import { type Finding, ok, problem, warning } from './finding.js';

const DOCS = 'docs/configuration.md has every variable';

/** What can be said of a configuration by looking at it alone. */
export function examineConfiguration(survey: Survey): readonly Finding[] {
  return [
    ...variables(survey),
    ...quotes(survey),
    mode(survey),
    ...proxies(survey),
    ...secrets(survey),
    ...metrics(survey),
  ];
}

function variables({ problems, values }: Survey): Finding[] {
  const number = Object.keys(values).length;
  if (problems.length === 0) return [ok('configuration.variables', `${number} set, none wrong`)];
  return problems.map(({ variable, problem: found, example }) => {
    const hint = example === undefined ? DOCS : `for example ${variable}=${example}; ${DOCS}`;
    return problem(`configuration.${variable}`, found, `Correct ${variable}: ${hint}.`);
  });
}

function quotes({ warnings }: Survey): Finding[] {
  const todo = 'Write the values without quotes: docker --env-file passes them on as they stand.';
  return warnings.map((found) => warning('configuration.quotes', found, todo));
}

function mode({ production, baseUrl }: Survey): Finding {
  const check = 'configuration.mode';
  const isHere = isLoopback(baseUrl);
  if (production && isHere) {
    return warning(
      check,
      `production, but BASE_URL is ${baseUrl}: only browsers on this machine can sign in`,
      'Set BASE_URL to the address that browsers see.',
    );
  }
  if (production) return ok(check, 'production');
  if (isHere) return ok(check, 'development, on this machine');
  return warning(
    check,
    `NODE_ENV is not production, but BASE_URL is ${baseUrl}`,
    'Set NODE_ENV=production: it refuses what is comfortable in development and dangerous elsewhere.',
  );
}

function proxies({ baseUrl, values }: Survey): Finding[] {
  const check = 'configuration.proxy';
  const trusted = values.trustProxy ?? false;
  if (!baseUrl.startsWith('https:')) return [];
  if (trusted !== false) return [ok(check, `trusted: ${String(trusted)}`)];
  return [
    warning(
      check,
      'BASE_URL is https, but TRUST_PROXY is unset: nobody can stay signed in',
      'Set TRUST_PROXY to the number of proxies in front of the server, or to their addresses.',
    ),
  ];
}

function secrets({ values, production, problems }: Survey): Finding[] {
  const { sessionSecret, encryptionKeys } = values;
  const known = new Set(problems.map(({ variable }) => variable));
  // In production they are problems already.
  const weak = weakSecrets(values).filter(({ variable }) => !known.has(variable));
  const weakOnes = weak.map(({ variable, problem: found }) =>
    warning(
      `configuration.${variable}`,
      found,
      `Put another in front: openssl rand -base64 ${variable === 'SESSION_SECRET' ? 48 : 32}.`,
    ),
  );
  if (weakOnes.length > 0 || known.has('SESSION_SECRET') || known.has('TOKEN_ENCRYPTION_KEYS'))
    return weakOnes;
  const unset = production ? 'missing' : 'made and kept in DATA_DIR';
  const keys = encryptionKeys?.map(({ id }) => id).join(', ');
  const cookies = sessionSecret === undefined ? unset : `${sessionSecret.length} set`;
  return [
    ok('configuration.secrets', `cookie secrets: ${cookies}; sealing keys: ${keys ?? unset}`),
  ];
}

function metrics({ production, values }: Survey): Finding[] {
  if (!production || values.metricsToken !== undefined) return [];
  return [
    warning(
      'configuration.metrics',
      'METRICS_TOKEN is unset: /metrics is open to everybody who reaches the server',
      'Set METRICS_TOKEN, or keep /metrics from the outside in the proxy.',
    ),
  ];
}
