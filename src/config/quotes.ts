import { REGIONS } from '../oauth/authorization-server.js';
import { type Environment, regionVariable } from './read-variables.js';
import { PER_REGION, VARIABLES, type VariableName } from './variables.js';

/** A character more or less makes another secret, and may be meant. */
const SECRETS: readonly VariableName[] = [
  'clientSecret',
  'sessionSecret',
  'encryptionKeys',
  'metricsToken',
];

/**
 * Takes the quotes off values that came with them: a shell and `.env` do so, `docker --env-file` does not. Secrets
 * stay as they are.
 *
 * @returns the environment, and a warning for what was found; it names variables and no value.
 */
export function withoutQuotes(env: Environment): { env: Environment; warnings: string[] } {
  const quoted = namesOf(others()).filter((name) => isQuoted(env[name]));
  const secrets = namesOf(SECRETS).filter((name) => isQuoted(env[name]));
  const taken = [...new Set(['NODE_ENV', ...quoted])].filter((name) => isQuoted(env[name]));
  const empty = secrets.filter((name) => inside(env[name]) === '');
  const bare = [...taken, ...empty].map((name) => [name, inside(env[name])] as const);
  const kept = secrets.filter((name) => !empty.includes(name));
  const warnings = [
    ...(taken.length > 0 ? [`values stood in quotes, which were taken off: ${taken.join()}`] : []),
    ...kept.map((name) => `${name} stands in quotes, which were kept as a part of the secret`),
  ];
  return { env: { ...env, ...Object.fromEntries(bare) }, warnings };
}

function others(): readonly VariableName[] {
  const all = Object.keys(VARIABLES) as VariableName[];
  return all.filter((name) => !SECRETS.includes(name));
}

/** The variables, those of each region included. */
function namesOf(names: readonly VariableName[]): string[] {
  return names.flatMap((name) => [
    VARIABLES[name].name,
    ...((PER_REGION as readonly VariableName[]).includes(name)
      ? REGIONS.map((region) => regionVariable(name, region))
      : []),
  ]);
}

const QUOTED = /^(["'])(.*)\1$/s;

function isQuoted(value: string | undefined): boolean {
  return QUOTED.test(value?.trim() ?? '');
}

function inside(value: string | undefined): string {
  return QUOTED.exec(value?.trim() ?? '')?.[2]?.trim() ?? '';
}
