import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { numbersIn, renderDocs } from '../scripts/render-docs.js';
import { OTEL_VARIABLES } from '../src/config/tracing.js';
import { PER_REGION, VARIABLES } from '../src/config/variables.js';
import { STATEMENTS } from './security/statements.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Which folders a folder may import from; `*` for the composition root. */
const MAY_IMPORT: Record<string, readonly string[] | '*'> = {
  oauth: [],
  grants: ['oauth'],
  fullscript: [],
  redis: ['grants', 'oauth', 'http/shared-counts.ts'],
  memory: ['grants', 'oauth', 'http/shared-counts.ts'],
  disk: ['grants'],
  http: ['oauth', 'grants', 'fullscript'],
  // Counts what the others tell of, and names none of them in return.
  metrics: [
    'oauth',
    'grants',
    'fullscript',
    'http/request-log.ts',
    'http/audit.ts',
    'http/error-table.ts',
    'redis/store-call.ts',
    'redis/store-failure.ts',
  ],
  routes: ['http', 'oauth', 'grants', 'fullscript'],
  simulator: [],
  config: ['oauth', 'redis/store-url.ts'],
  'config.ts': ['config', 'oauth', 'grants', 'redis/store-url.ts'],
  'logger.ts': ['logging'],
  logging: [],
  'listen.ts': [],
  'version.ts': [],
  'app.ts': ['reports.ts', 'http', 'routes', 'metrics', 'oauth', 'grants', 'fullscript'],
  'compose.ts': '*',
  'reports.ts': ['http', 'grants', 'metrics'],
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
  doctor: ['config.ts', 'config', 'grants', 'oauth', 'redis', 'disk'],
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

/** Files without a test of their own: entries, pure types, and pages made of text. */
const UNTESTED = new Set([
  'main.ts',
  'environment.ts',
  'index.ts',
  'cli/main.ts',
  'simulator/main.ts',
]);

function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => path.replaceAll('\\', '/'))
    .sort();
}

function importsOf(folder: string, file: string): string[] {
  const text = readFileSync(join(ROOT, folder, file), 'utf8');
  const specifiers = text.matchAll(
    /(?:^|\s)(?:import|export)\s[^'";]*?from\s+'([^']+)'|import\('([^']+)'\)|^import\s+'([^']+)'/gm,
  );
  return [...specifiers].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

const place = (file: string) => file.split('/')[0] ?? file;

/** Imports of project files, as paths below `src`. */
function inside(folder: string, file: string): string[] {
  return importsOf(folder, file)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => join(ROOT, folder, dirname(file), specifier))
    .map((path) => relative(join(ROOT, 'src'), path).replace(/\.js$/, '.ts'));
}

const sources = filesBelow('src');

describe('the import table', () => {
  it('finds the files and their imports', () => {
    expect(sources).toContain('grants/vault.ts');
    expect(inside('src', 'grants/vault.ts')).toContain('grants/cipher.ts');
  });

  it.each(sources)('holds for %s', (file) => {
    const allowed = MAY_IMPORT[place(file)];
    expect(allowed).toBeDefined();
    const strangers = inside('src', file).filter((target) => {
      const own = place(target) === place(file);
      return !own && allowed !== '*' && !allowed!.some((a) => a === target || a === place(target));
    });
    expect(strangers).toEqual([]);
  });

  it('keeps packages where they belong', () => {
    const astray = sources.flatMap((file) =>
      importsOf('src', file)
        .filter((name) => name in ONLY_IN && ONLY_IN[name] !== place(file))
        .map((name) => `${file} imports ${name}`),
    );
    expect(astray).toEqual([]);
  });

  it('has no cycles between files', () => {
    const graph = new Map(sources.map((file) => [file, inside('src', file)]));
    const done = new Set<string>();
    const cycles: string[] = [];
    const walk = (file: string, path: string[]): void => {
      if (path.includes(file)) cycles.push([...path, file].join(' → '));
      if (path.includes(file) || done.has(file)) return;
      for (const next of graph.get(file) ?? []) walk(next, [...path, file]);
      done.add(file);
    };
    for (const file of sources) walk(file, []);
    expect(cycles).toEqual([]);
  });

  it('lets only the entries and the configuration see the environment', () => {
    const readers = sources.filter((file) =>
      /process\.env\b/.test(readFileSync(join(ROOT, 'src', file), 'utf8')),
    );
    const allowed = new Set(['environment.ts', 'simulator/main.ts', 'redis/server-child.ts']);
    expect(readers.filter((file) => !allowed.has(file))).toEqual([]);
  });
});

describe('the sources', () => {
  it.each(sources.filter((file) => !UNTESTED.has(file) && isLogic(file)))(
    '%s is reached by a test',
    (file) => {
      expect(reachedByTests().has(file)).toBe(true);
    },
  );

  it('have no barrels and no utils', () => {
    const bad = sources.filter((file) => /\/index\.ts$|utils?\.ts$|helpers?\.ts$/.test(file));
    expect(bad).toEqual([]);
  });
});

describe('the documents', () => {
  it.each(Object.entries(renderDocs()))('%s is what the code says (npm run docs)', (path, text) => {
    expect(readFileSync(join(ROOT, path), 'utf8')).toBe(text);
  });

  it('docker-compose.yml passes on variables the server reads, and no others', () => {
    const compose = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8');
    const app = compose.slice(compose.indexOf('environment:'), compose.indexOf('volumes:'));
    const known = new Set<string>([
      'NODE_ENV',
      ...OTEL_VARIABLES.map(([name]) => name),
      ...Object.values(VARIABLES).map(({ name }) => name),
      ...Object.values(VARIABLES).flatMap(({ name }) =>
        ['US', 'CA'].map((region) => name.replace('FULLSCRIPT_', `FULLSCRIPT_${region}_`)),
      ),
    ]);
    const passed = [...app.matchAll(/^ {6}([A-Z_]+):/gm)].map((match) => match[1]!);
    expect(passed.length).toBeGreaterThan(20);
    expect(passed.filter((name) => !known.has(name))).toEqual([]);
    const perRegion = PER_REGION.flatMap((name) =>
      ['US', 'CA'].map((region) =>
        VARIABLES[name].name.replace('FULLSCRIPT_', `FULLSCRIPT_${region}_`),
      ),
    );
    const own = Object.values(VARIABLES).map(({ name }) => name);
    const wanted = [...own, ...perRegion, ...OTEL_VARIABLES.map(([name]) => name)];
    expect(wanted.filter((name) => !passed.includes(name))).toEqual([
      // Fixed by the compose file: the simulator is a service of its own.
      'SIMULATOR_PORT',
    ]);
  });

  it('docs/threat-model.md names a threat for each security statement', () => {
    const named = numbersIn(readFileSync(join(ROOT, 'docs/threat-model.md'), 'utf8'));
    expect(Object.keys(STATEMENTS).filter((number) => !named.includes(number))).toEqual([]);
    const [, threats = ''] = readFileSync(join(ROOT, 'docs/threat-model.md'), 'utf8').split(
      '## Threats',
    );
    const rows = (threats.split('## Out of scope')[0] ?? '')
      .split('\n')
      .filter((line) => /^\| (?!threat )/.test(line));
    expect(rows.length).toBeGreaterThan(25);
    const loose = rows.filter((row) => !/SR-\d\d.*\]\(\.\.\/test\//.test(row));
    expect(loose).toEqual([]);
  });

  it('docs/storage.md names every key that src/redis/keys.ts makes', () => {
    const keys = readFileSync(join(ROOT, 'src/redis/keys.ts'), 'utf8');
    const storage = readFileSync(join(ROOT, 'docs/storage.md'), 'utf8');
    const kinds = [...keys.matchAll(/\$\{PREFIX\}:([a-z-]+):/g)].map((match) => match[1]!);
    expect(kinds.length).toBeGreaterThanOrEqual(5);
    for (const kind of kinds) expect(storage).toContain(`fc:1:${kind}:`);
  });
});

/** Type-only files promise nothing that could be run. */
function isLogic(file: string): boolean {
  return /^export (async )?(function|const|class)/m.test(
    readFileSync(join(ROOT, 'src', file), 'utf8'),
  );
}

let reached: Set<string> | undefined;

/** Files that tests import themselves, and what those import: a file nobody reaches is untested. */
function reachedByTests(): Set<string> {
  if (reached !== undefined) return reached;
  const direct = filesBelow('test').flatMap((file) => inside('test', file));
  const found = new Set<string>();
  const visit = (file: string): void => {
    if (found.has(file) || !sources.includes(file)) return;
    found.add(file);
    for (const next of inside('src', file)) visit(next);
  };
  for (const file of direct) visit(file);
  reached = found;
  return found;
}
