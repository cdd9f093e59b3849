import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { numbersIn, renderDocs } from '../scripts/render-docs.js';
import { OTEL_VARIABLES } from '../src/config/tracing.js';
import { PER_REGION, VARIABLES } from '../src/config/variables.js';
import { STATEMENTS } from './security/statements.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Which folders a folder may import from; `*` for the composition root. */
const MAY_IMPORT: Record<string, readonly string[] | '*'> = {
  'deadline.ts': [],
  oauth: ['deadline.ts'],
  grants: ['oauth', 'deadline.ts'],
  fullscript: ['deadline.ts'],
  redis: ['grants', 'oauth', 'deadline.ts', 'http/shared-counts.ts', 'data-folder.ts'],
  memory: ['grants', 'oauth', 'deadline.ts', 'http/shared-counts.ts'],
  disk: ['grants'],
  http: ['oauth', 'grants', 'fullscript'],
  // Counts what the others tell of, and names none of them in return.
  metrics: [
    'oauth',
    'grants',
    'fullscript',
    'connection-bounds.ts',
    'http/admission.ts',
    'http/request-log.ts',
    'http/audit.ts',
    'http/error-table.ts',
    'redis/store-call.ts',
    'redis/store-failure.ts',
  ],
  routes: ['http', 'oauth', 'grants', 'fullscript'],
  simulator: [],
  config: ['oauth', 'redis/store-url.ts', 'data-folder.ts'],
  'config.ts': ['config', 'data-folder.ts', 'oauth', 'grants', 'redis/store-url.ts'],
  'logger.ts': ['logging'],
  logging: [],
  'listen.ts': [],
  'connection-bounds.ts': [],
  'version.ts': [],
  'data-folder.ts': [],
  'app.ts': ['reports.ts', 'http', 'routes', 'metrics', 'oauth', 'grants', 'fullscript'],
  'compose.ts': '*',
  'reports.ts': ['http', 'grants', 'metrics', 'fullscript'],
  'every.ts': [],
  'after.ts': [],
  'load-later.ts': ['fullscript', 'oauth'],
  'close-all.ts': [],
  'custody.ts': '*',
  'index-keeper.ts': '*',
  'limits.ts': '*',
  'store.ts': '*',
  'store-log.ts': ['redis'],
  'simulated.ts': '*',
  'server.ts': '*',
  'environment.ts': ['config.ts', 'config'],
  'server-arguments.ts': [],
  'config-summary.ts': ['config.ts', 'config', 'oauth', 'redis/store-label.ts'],
  doctor: ['deadline.ts', 'config.ts', 'config', 'grants', 'oauth', 'redis', 'disk'],
  terminal: [],
  rotation: ['config.ts', 'grants', 'redis', 'disk', 'terminal'],
  // A session is told apart by what the session middleware put into it. Grants are refreshed and
  // disconnected by the same parts as in a server.
  cli: [
    'config.ts',
    'custody.ts',
    'simulated.ts',
    'disk',
    'doctor',
    'environment.ts',
    'memory/journal.ts',
    'grants',
    'oauth',
    'redis',
    'rotation',
    'terminal',
    'http/session.ts',
    'http/owner-tags.ts',
    'http/device-label.ts',
  ],
  'main.ts': [
    'server.ts',
    'data-folder.ts',
    'grants/errors.ts',
    'environment.ts',
    'logger.ts',
    'http/request-id.ts',
    'server-arguments.ts',
    'config-summary.ts',
    'version.ts',
  ],
  // Decorators of other people's ports, and what makes their spans.
  tracing: ['oauth', 'grants', 'fullscript', 'http/request-id.ts', 'config/tracing.ts'],
  'index.ts': '*',
};

/** Packages that only one place may know. */
const ONLY_IN: Record<string, string> = {
  ioredis: 'redis',
  bullmq: 'redis',
  'connect-redis': 'redis',
  ejs: 'nowhere',
  'prom-client': 'metrics',
  bowser: 'http',
  'pino-pretty': 'logger.ts',
  '@opentelemetry/api': 'tracing',
  '@opentelemetry/resources': 'tracing',
  '@opentelemetry/sdk-trace-node': 'tracing',
  '@opentelemetry/exporter-trace-otlp-http': 'tracing',
  '@opentelemetry/exporter-trace-otlp-proto': 'tracing',
};

const texts = new Map<string, string>();

/** Each file is read once, however many rules look at it. */
function textOf(path: string): string {
  const text = texts.get(path) ?? readFileSync(join(ROOT, path), 'utf8');
  texts.set(path, text);
  return text;
}

function filesBelow(folder: string, ending: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith(ending))
    .map((path) => join(folder, path))
    .sort();
}

const IMPORT =
  /(?:^|\s)(?:import|export)\s[^'";]*?from\s+'([^']+)'|import\('([^']+)'\)|^import\s+'([^']+)'/gm;

/** What each file imports: packages by name, files by their path below the root. */
const imports = new Map(
  ['src', 'test', 'bench', 'torture']
    .flatMap((folder) => filesBelow(folder, '.ts'))
    .map((file) => {
      const specifiers = [...textOf(file).matchAll(IMPORT)].map(
        ([, from, later, effect]) => from ?? later ?? effect ?? '',
      );
      return [file, specifiers.map((specifier) => resolved(file, specifier))];
    }),
);

function resolved(file: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier;
  return join(dirname(file), specifier).replace(/\.js$/, '.ts');
}

const importsOf = (file: string) => imports.get(file) ?? [];
const isSource = (file: string) => file.startsWith('src/');
const sources = [...imports.keys()].filter(isSource);
/** The folder right below `src`, or the file there. */
const place = (file: string) => file.split('/')[1] ?? file;

function mayImport(file: string, target: string): boolean {
  const allowed = MAY_IMPORT[place(file)] ?? [];
  if (allowed === '*' || place(target) === place(file)) return true;
  return allowed.some((one) => one === place(target) || `src/${one}` === target);
}

/** All files that can be come by from `starts`. */
function reachedFrom(starts: Iterable<string>): Set<string> {
  const reached = new Set(starts);
  // A set goes on to what is added while it is walked.
  for (const file of reached) {
    for (const target of importsOf(file)) reached.add(target);
  }
  return reached;
}

describe('the sources', () => {
  it('are found, with their imports', () => {
    expect(importsOf('src/grants/vault.ts')).toContain('src/grants/cipher.ts');
    expect(sources.filter((file) => !(place(file) in MAY_IMPORT))).toEqual([]);
  });

  it('import what the table allows', () => {
    const astray = sources.flatMap((file) =>
      importsOf(file)
        .filter((target) => isSource(target) && !mayImport(file, target))
        .map((target) => `${file} imports ${target}`),
    );
    expect(astray).toEqual([]);
  });

  it('import packages where they belong', () => {
    const astray = sources.flatMap((file) =>
      importsOf(file)
        .filter((name) => name in ONLY_IN && ONLY_IN[name] !== place(file))
        .map((name) => `${file} imports ${name}`),
    );
    expect(astray).toEqual([]);
  });

  it('have no cycles', () => {
    const inOne = sources.filter((file) => reachedFrom(importsOf(file)).has(file));
    expect(inOne).toEqual([]);
  });

  it('see the environment in the entries only', () => {
    const readers = sources.filter((file) => /process\.env\b/.test(textOf(file)));
    expect(readers).toEqual(['src/environment.ts', 'src/simulator/main.ts']);
  });

  it('have no barrels and no utils', () => {
    const bad = sources.filter((file) => /.\/.+\/index\.ts$|(utils?|helpers?)\.ts$/.test(file));
    expect(bad).toEqual([]);
  });

  it('with logic → reached by a test', () => {
    const reached = reachedFrom([...imports.keys()].filter((file) => file.endsWith('.test.ts')));
    // Type-only files promise nothing that could be run.
    const hasLogic = (file: string) =>
      /^export (async )?(function|const|class)/m.test(textOf(file));
    const missed = sources.filter((file) => hasLogic(file) && !reached.has(file));
    expect(missed).toEqual([]);
  });
});

const threatModel = 'docs/threat-model.md';
const documents = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...filesBelow('docs', '.md'),
];

describe('the documents', () => {
  it('made by `npm run docs` → are what the code says', () => {
    const made = renderDocs();
    const paths = Object.keys(made);
    expect(Object.fromEntries(paths.map((path) => [path, textOf(path)]))).toEqual(made);
  });

  it('docker-compose.yml → passes on the variables that the server reads, and no others', () => {
    const compose = textOf('docker-compose.yml');
    const app = compose.slice(compose.indexOf('environment:'), compose.indexOf('volumes:'));
    const passed = [...app.matchAll(/^ {6}([A-Z_]+):/gm)].map(([, name = '']) => name);
    const plain = Object.values(VARIABLES).map(({ name }): string => name);
    const perRegion = PER_REGION.flatMap((name) =>
      ['US', 'CA'].map((region) => VARIABLES[name].name.replace('_', `_${region}_`)),
    );
    const traces = OTEL_VARIABLES.map(([name]) => name);
    // The simulator of the compose file is a service of its own, with a port that is fixed there.
    const read = [...plain, ...perRegion, ...traces].filter((name) => name !== 'SIMULATOR_PORT');
    expect(passed.toSorted()).toEqual(['NODE_ENV', ...read].toSorted());
  });

  it('threat-model.md → names a threat for each security statement', () => {
    const named = numbersIn(textOf(threatModel));
    expect(Object.keys(STATEMENTS).filter((number) => !named.includes(number))).toEqual([]);
  });

  it('threat-model.md → names a statement and a test for each threat', () => {
    const [, threats = ''] = textOf(threatModel).split(/^## (?:Threats|Out of scope)$/m);
    const rows = threats.split('\n').filter((line) => /^\| (?!threat )/.test(line));
    expect(rows.length).toBeGreaterThan(25);
    expect(rows.filter((row) => !/SR-\d\d.*\]\(\.\.\/test\//.test(row))).toEqual([]);
  });

  it('storage.md → names every key that src/redis/keys.ts makes', () => {
    const keys = textOf('src/redis/keys.ts').matchAll(/\$\{root\}(:[a-z-]+:)/g);
    const kinds = [...keys].map(([, kind = '']) => kind);
    expect(kinds.length).toBeGreaterThanOrEqual(5);
    expect(kinds.filter((kind) => !textOf('docs/storage.md').includes(`fc:1${kind}`))).toEqual([]);
  });

  it('links → lead somewhere', () => {
    const astray = documents.flatMap((document) =>
      linksIn(document)
        .filter((link) => leadsNowhere(document, link))
        .map((link) => `${document}: ${link}`),
    );
    expect(astray).toEqual([]);
  });

  it('README → leads to every document beside it', () => {
    const linked = linksIn('README.md');
    const beside = documents.filter((path) => dirname(path) === 'docs');
    expect(beside.filter((path) => !linked.some((link) => link.startsWith(path)))).toEqual([]);
  });
});

/** Those inside of this project. */
function linksIn(document: string): string[] {
  const links = [...textOf(document).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
  return links.filter((link) => !/^[a-z]+:/.test(link));
}

function leadsNowhere(document: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? document : join(dirname(document), path);
  if (!existsSync(join(ROOT, target))) return true;
  return anchor !== undefined && !anchorsOf(target).includes(anchor);
}

/** As forges make them: small letters, no signs, a hyphen for each blank. */
function anchorsOf(document: string): string[] {
  const headings = [...textOf(document).matchAll(/^#+ (.*)$/gm)];
  return headings.map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}
