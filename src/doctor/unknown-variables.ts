import type { Environment } from '../config/read-variables.js';
import { PER_REGION, VARIABLES } from '../config/variables.js';
import { type Finding, warning } from './finding.js';

/** Others that the simulator, Compose (docker-compose.yml) or Node itself reads. */
const ALSO_KNOWN = [
  'NODE_ENV',
  'SIMULATOR_HOST',
  'SIMULATOR_PORT',
  'SIMULATOR_STATE_FILE',
  'BALANCER_PORT',
  'CLUSTER_APP_PORT',
  'IMAGE_TAG',
] as const;
/** A prefix of our own: whatever has it was meant for us. */
const OURS = 'FULLSCRIPT_';
/** Shorter names are one letter away from too many others. */
const SHORTEST = 6;

/**
 * Variables that are set and that nobody reads: those with our prefix, those in `.env`, and those that
 * look like one of ours with a slip. Names only, never values.
 *
 * @param file what `.env` has.
 */
export function unknownVariables(env: Environment, file: Environment): readonly Finding[] {
  const known = knownNames();
  const isSet = (name: string) => (env[name]?.trim() ?? '') !== '' || name in file;
  return [...new Set([...Object.keys(env), ...Object.keys(file)])]
    .filter((name) => isSet(name) && !known.has(name) && !isOthers(name))
    .flatMap((name) => {
      const meant = nearest(name, known);
      if (meant === undefined && !name.startsWith(OURS) && !(name in file)) return [];
      const todo =
        meant === undefined
          ? `Remove ${name}, or see docs/configuration.md for the name that is meant.`
          : `If ${meant} is meant, rename it.`;
      return [
        warning(`configuration.unknown.${name}`, `${name} is set, but nobody reads it`, todo),
      ];
    });
}

/** Read by Node and by OpenTelemetry, which have names of their own. */
function isOthers(name: string): boolean {
  return /^(OTEL|NODE|NPM|npm)_/.test(name);
}

function knownNames(): ReadonlySet<string> {
  const perRegion = PER_REGION.flatMap((name) =>
    ['US', 'CA'].map((region) => VARIABLES[name].name.replace(OURS, `${OURS}${region}_`)),
  );
  return new Set([
    ...Object.values(VARIABLES).map(({ name }) => name),
    ...perRegion,
    ...ALSO_KNOWN,
  ]);
}

/** The name that differs by a slip or two. */
function nearest(name: string, known: ReadonlySet<string>): string | undefined {
  if (name.length < SHORTEST) return undefined;
  const most = name.startsWith(OURS) ? 3 : 2;
  const [best] = [...known]
    .filter((one) => one.length >= SHORTEST)
    .map((one) => ({ one, slips: slipsBetween(name.toUpperCase(), one) }))
    .filter(({ slips }) => slips <= most)
    .sort((a, b) => a.slips - b.slips);
  return best?.one;
}

/** How many letters have to be put in, left out or changed (Levenshtein). */
export function slipsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (const [i, letter] of a.split('').entries()) {
    const next = [i + 1];
    for (const [j, other] of b.split('').entries()) {
      const changed = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(changed, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
