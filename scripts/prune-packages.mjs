// Takes out of a node_modules what Node never runs: maps, types and sources in TypeScript, documents,
// tests, and the copies of the code that some packages bring along for bundlers. Licences stay. Part of
// the image's build: node scripts/prune-packages.mjs node_modules
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';

/** Node refuses to run TypeScript below node_modules, so none of it can be needed. */
const NEVER_RUN = /\.(map|[cm]?ts|tsx|md|markdown|flow)$/i;
const LICENCE = /^(licen[cs]e|notice|copying)/i;
/** Beside a package's manifest only: deeper down they may be parts of the code. */
const NOT_CODE = new Set([
  ...['test', 'tests', '__tests__', 'bench', 'benchmark', 'benchmarks', 'coverage'],
  ...['doc', 'docs', 'example', 'examples', '.github'],
]);
const TWIN = /^(esm|esnext|es)$/;
/** The conditions of `exports` that Node knows. */
const CONDITIONS = new Set(['node', 'node-addons', 'import', 'require', 'module-sync', 'default']);

const [root] = process.argv.slice(2);
if (root === undefined || !existsSync(root)) {
  console.error('usage: node scripts/prune-packages.mjs <node_modules>');
  process.exit(64);
}
for (const folder of packagesBelow(root)) prunePackage(folder);

/** Folders of packages, those inside of others too. */
function packagesBelow(modules) {
  return foldersIn(modules).flatMap((name) => {
    const folder = join(modules, name);
    if (name.startsWith('@')) return packagesBelow(folder);
    if (!existsSync(join(folder, 'package.json'))) return [];
    const inner = join(folder, 'node_modules');
    return [folder, ...(existsSync(inner) ? packagesBelow(inner) : [])];
  });
}

function prunePackage(folder) {
  const entries = entriesOf(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')));
  const reached = entries.map((path) => relative('.', path).split('/'));
  const isReached = (path) => reached.some((entry) => path.every((name, at) => entry[at] === name));
  const walk = (below) => {
    for (const entry of readdirSync(join(folder, ...below), { withFileTypes: true })) {
      const path = [...below, entry.name];
      if (entry.name === 'node_modules') continue;
      const isSpare = entry.isDirectory()
        ? isSpareFolder(entry.name, below) && !isReached(path)
        : isSpareFile(entry.name);
      if (isSpare) rmSync(join(folder, ...path), { recursive: true });
      else if (entry.isDirectory()) walk(path);
    }
  };
  walk([]);
}

function isSpareFile(name) {
  return NEVER_RUN.test(name) && !LICENCE.test(name);
}

function isSpareFolder(name, below) {
  return TWIN.test(name) || (below.length === 0 && NOT_CODE.has(name));
}

/** Paths at which `import` and `require` may enter the package. */
function entriesOf({ main, exports, imports }) {
  return [main || 'index.js', ...targetsOf(exports), ...targetsOf(imports)];
}

function targetsOf(target) {
  if (typeof target === 'string') return [target];
  if (typeof target !== 'object' || target === null) return [];
  return Object.entries(target)
    .filter(([key]) => Array.isArray(target) || /^[.#]/.test(key) || CONDITIONS.has(key))
    .flatMap(([, value]) => targetsOf(value));
}

function foldersIn(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}
