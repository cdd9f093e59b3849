import type { Region } from '../oauth/authorization-server.js';
import type { Problem } from './problem.js';
import { PER_REGION, VARIABLES, type Values, type VariableName } from './variables.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The values that are set, and what is wrong with those that cannot be read. Empty means unset. */
export function readVariables(env: Environment, problems: Problem[]): Values {
  const names = Object.keys(VARIABLES) as VariableName[];
  return read({ env, problems, names, nameIn: (name) => VARIABLES[name].name });
}

/** The same for one region's own variables, such as `FULLSCRIPT_CA_CLIENT_ID`. */
export function readRegionVariables(env: Environment, region: Region, problems: Problem[]): Values {
  return read({
    env,
    problems,
    names: PER_REGION,
    nameIn: (name) => regionVariable(name, region),
  });
}

export function regionVariable(name: VariableName, region: Region): string {
  return VARIABLES[name].name.replace('FULLSCRIPT_', `FULLSCRIPT_${region.toUpperCase()}_`);
}

function read(from: {
  env: Environment;
  problems: Problem[];
  names: readonly VariableName[];
  nameIn: (name: VariableName) => string;
}): Values {
  const values: Record<string, unknown> = {};
  for (const name of from.names) {
    const variable = from.nameIn(name);
    const raw = from.env[variable]?.trim() ?? '';
    if (raw === '') continue;
    const { schema, example } = VARIABLES[name];
    const parsed = schema.safeParse(raw);
    if (parsed.success) values[name] = parsed.data;
    else from.problems.push({ variable, problem: firstMessage(parsed.error), example });
  }
  return values;
}

function firstMessage(error: { issues: readonly { message: string }[] }): string {
  return error.issues[0]?.message ?? 'is wrong';
}
