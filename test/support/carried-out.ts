import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Instruction, type Stage, buildContext, readDockerfile } from './dockerfile.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** An image as far as it can be made without an engine: what the last stage holds beside its base. */
export interface CarriedOut {
  /** The folder that stands for `/`. */
  readonly root: string;
  readonly workdir: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly healthcheck: readonly string[];
}

/**
 * Carries out the Dockerfile in a folder: the same copies from the same build context, the same
 * commands, each stage with a folder of its own for `/`. What its bases hold is that of this machine.
 * Commands of the last stage are left out, since they change the system's users.
 */
export function carryOut(folder: string): CarriedOut {
  const stages = readDockerfile(readFileSync(join(ROOT, 'Dockerfile'), 'utf8'));
  const rootOf = (name: string) => join(folder, name);
  for (const stage of stages) {
    const at = {
      root: rootOf(stage.name ?? 'image'),
      workdir: '/',
      isLast: stage === stages.at(-1),
    };
    for (const instruction of stage.instructions) carryOutOne(instruction, at, rootOf);
  }
  return described(stages.at(-1)!, rootOf('image'));
}

interface Place {
  readonly root: string;
  workdir: string;
  readonly isLast: boolean;
}

function carryOutOne(
  { name, words, text, flags }: Instruction,
  at: Place,
  rootOf: (stage: string) => string,
): void {
  if (name === 'WORKDIR') at.workdir = text;
  if (name === 'WORKDIR') mkdirSync(join(at.root, text), { recursive: true });
  if (name === 'RUN' && !at.isLast) run(text, join(at.root, at.workdir));
  if (name !== 'COPY') return;
  const from = flags['from'] === undefined ? undefined : rootOf(flags['from']);
  const target = words.at(-1)!;
  for (const source of words.slice(0, -1)) copy({ source, from, target }, at);
}

function copy(what: { source: string; from: string | undefined; target: string }, at: Place): void {
  const { source, from, target } = what;
  const place = join(at.root, target.startsWith('/') ? '' : at.workdir, target);
  const intoFolder = target.endsWith('/') ? join(place, source.split('/').at(-1)!) : place;
  if (from === undefined) copyFromContext(source, intoFolder);
  else if (existsSync(join(from, source)))
    cpSync(join(from, source), intoFolder, { recursive: true });
  // Of the base. Node is this one.
  else if (source !== '/usr/local/bin/node') throw new Error(`${source} is in no stage`);
}

/** Only what `.dockerignore` lets an engine see. */
function copyFromContext(source: string, target: string): void {
  const isFile = statSync(join(ROOT, source)).isFile();
  const below = isFile
    ? ['']
    : readdirSync(join(ROOT, source), { recursive: true, encoding: 'utf8' });
  const paths = below.map((path) => join(source, path));
  const context = buildContext(readFileSync(join(ROOT, '.dockerignore'), 'utf8'), paths);
  const files = context.filter((path) => statSync(join(ROOT, path)).isFile());
  if (files.length === 0) throw new Error(`${source} is not in the build context`);
  for (const path of files) {
    const place = isFile ? target : join(target, path.slice(source.length));
    mkdirSync(dirname(place), { recursive: true });
    cpSync(join(ROOT, path), place);
  }
}

/** What a machine may need to reach packages, or its cache of them. Nothing else of it gets in. */
const ON_THE_WAY_TO_PACKAGES = [
  ...['HOME', 'NODE_EXTRA_CA_CERTS', 'npm_config_registry', 'npm_config_cache'],
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'],
];

function run(command: string, cwd: string): void {
  const node = dirname(process.execPath);
  const surroundings = ON_THE_WAY_TO_PACKAGES.map((name) => [name, process.env[name]]);
  const env = {
    ...(Object.fromEntries(surroundings) as Record<string, string | undefined>),
    PATH: `${node}:${process.env['PATH']}`,
    npm_config_prefer_offline: 'true',
  };
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], {
    cwd,
    env,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${command}:\n${stdout}${stderr}`);
}

function described({ instructions }: Stage, root: string): CarriedOut {
  const of = (name: string) => instructions.filter((one) => one.name === name);
  const [health] = of('HEALTHCHECK');
  const pairs = of('ENV').flatMap(({ words }) => words.map((pair) => pair.split('=')));
  return {
    root,
    workdir: of('WORKDIR').at(-1)!.text,
    environment: Object.fromEntries(pairs) as Record<string, string>,
    command: of('CMD').at(-1)!.words,
    healthcheck: JSON.parse(health!.text.replace(/^CMD /, '')) as string[],
  };
}
