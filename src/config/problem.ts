/** Something in the environment that the server cannot start with. */
export interface Problem {
  readonly variable: string;
  /** Reads on after the variable's name: "is missing". */
  readonly problem: string;
  readonly example?: string | undefined;
}

/** All that is wrong with the configuration, so that it is mended in one go. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'configuration_invalid';

  /** @param warnings what else there is to know of it, and may be the reason. */
  constructor(
    readonly problems: readonly Problem[],
    warnings: readonly string[] = [],
  ) {
    const lines = [...problems.map(line), ...warnings.map((one) => `  Also: ${one}`)];
    super(`The configuration has ${count(problems.length)}:\n${lines.join('\n')}`);
  }
}

function count(problems: number): string {
  return problems === 1 ? 'a problem' : `${problems} problems`;
}

function line({ variable, problem, example }: Problem): string {
  return `  ${variable} ${problem}${example === undefined ? '' : ` (for example ${example})`}`;
}
