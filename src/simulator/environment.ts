import { z } from 'zod';
import type { SimulatorOptions } from './simulator.js';

/** An empty variable counts as not set. `docker --env-file` passes quotes on. */
const optional = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => bare(value) || undefined, schema.optional());

function bare(value: unknown): unknown {
  return typeof value === 'string' ? value.trim().replace(/^(["'])(.*)\1$/s, '$2') : value;
}

const wholeNumber = z.string().regex(/^\d+$/, 'must be a whole number').transform(Number);

const redirectUris = z
  .string()
  .transform((list) =>
    list
      .split(',')
      .map((one) => one.trim())
      .filter(Boolean),
  )
  .pipe(z.array(z.url({ protocol: /^https?$/, error: 'must be a comma list of http(s) URLs' })));

const schema = z.object({
  SIMULATOR_PORT: optional(wholeNumber.pipe(z.number().max(65_535, 'must be at most 65535'))),
  SIMULATOR_HOST: optional(z.string()),
  SIMULATOR_STATE_FILE: optional(z.string()),
  SIMULATOR_REDIRECT_URIS: optional(redirectUris),
  SIMULATOR_ROTATION: optional(
    z.enum(['on_use', 'immediate'], { error: 'must be on_use or immediate' }),
  ),
  SIMULATOR_ACCESS_TOKEN_LIFETIME: optional(
    wholeNumber.pipe(z.number().min(1, 'must be at least 1 second')),
  ),
});

/** What the environment asks for, or every problem it has, one line each. */
export type EnvironmentResult =
  { options: SimulatorOptions; problems?: never } | { options?: never; problems: string[] };

/** Reads the simulator's variables; see docs/simulator.md for the list. */
export function readEnvironment(environment: NodeJS.ProcessEnv): EnvironmentResult {
  const result = schema.safeParse(environment);
  if (!result.success) {
    const problems = result.error.issues.map(
      (issue) => `${String(issue.path[0])}: ${issue.message}`,
    );
    return { problems };
  }
  const read = result.data;
  const options = {
    port: read.SIMULATOR_PORT ?? 4010,
    host: read.SIMULATOR_HOST,
    stateFile: read.SIMULATOR_STATE_FILE,
    redirectUris: read.SIMULATOR_REDIRECT_URIS,
    rotation: read.SIMULATOR_ROTATION,
    accessTokenLifetime: read.SIMULATOR_ACCESS_TOKEN_LIFETIME,
  };
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { options: Object.fromEntries(given) };
}
