/** One instruction of a Dockerfile, on one line whatever the file makes of it. */
export interface Instruction {
  readonly name: string;
  /** `--from=build` as `{ from: 'build' }`. */
  readonly flags: Readonly<Record<string, string>>;
  /** What follows the flags: words, or the members of a JSON array. */
  readonly words: readonly string[];
  readonly text: string;
}

/** From one FROM to the next. */
export interface Stage {
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
}

/**
 * Reads as much of the language as a Dockerfile without heredocs and escapes uses.
 *
 * @see https://docs.docker.com/reference/dockerfile/
 */
export function readDockerfile(source: string): Stage[] {
  const lines = source
    .split('\n')
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const stages: { name: string | undefined; instructions: Instruction[] }[] = [];
  for (const instruction of lines.map(readInstruction)) {
    if (instruction.name === 'FROM') {
      const [, , name] = instruction.words;
      stages.push({ name, instructions: [] });
    }
    stages.at(-1)?.instructions.push(instruction);
  }
  return stages;
}

function readInstruction(line: string): Instruction {
  const [name = '', ...rest] = line.split(/\s+/);
  const flagCount = rest.findIndex((word) => !word.startsWith('--'));
  const flags = rest.slice(0, flagCount).map((flag) => flag.slice(2).split('='));
  const words = rest.slice(flagCount);
  const text = words.join(' ');
  return {
    name: name.toUpperCase(),
    flags: Object.fromEntries(flags.map(([key = '', ...value]) => [key, value.join('=')])),
    words: text.startsWith('[') ? (JSON.parse(text) as string[]) : words,
    text,
  };
}

/**
 * Which paths the rules of a `.dockerignore` leave in the build context. The last rule that matches a
 * path, or a folder above it, decides.
 *
 * @see https://docs.docker.com/build/concepts/context/#dockerignore-files
 */
export function buildContext(dockerignore: string, paths: readonly string[]): string[] {
  const rules = dockerignore
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({ keeps: line.startsWith('!'), pattern: patternOf(line.replace(/^!/, '')) }));
  return paths.filter((path) => rules.findLast(({ pattern }) => pattern.test(path))?.keeps ?? true);
}

function patternOf(glob: string): RegExp {
  const parts = glob.split('/').map((part) => {
    if (part === '**') return '(?:[^/]+/)*';
    const name = part.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*');
    return `${name}/`;
  });
  return new RegExp(`^${parts.join('').replace(/\/$/, '')}(?:/|$)`);
}
