import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { VARIABLES } from '../../../src/config/variables.js';
import { type Simulator, startSimulator } from '../../../src/simulator/simulator.js';
import { environment, freePort } from '../../support/app.js';
import { type Browser, createBrowser } from '../../support/browser.js';
import { readCompose } from '../../support/compose-file.js';
import { type Stage, buildContext, readDockerfile } from '../../support/dockerfile.js';
import { type ServerProcess, ready, startProcess } from '../../support/process.js';
import { type TestRedis, startRedis } from '../../support/redis-server.js';
import { until } from '../../support/until.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

interface Manifest {
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
}
interface Lock {
  readonly packages: Record<string, { readonly dev?: boolean }>;
}

/** Every file of the project, and some that may lie in somebody's folder. */
function projectFiles(): string[] {
  const skipped = new Set(['node_modules', '.git', 'dist']);
  const folders = readdirSync(ROOT, { withFileTypes: true }).filter(
    ({ name }) => !skipped.has(name),
  );
  const found = folders.flatMap((entry) =>
    entry.isDirectory()
      ? readdirSync(join(ROOT, entry.name), { recursive: true, withFileTypes: true })
          .filter((below) => below.isFile())
          .map((below) => join(below.parentPath, below.name).slice(ROOT.length))
      : [entry.name],
  );
  return found;
}

const STRAY = [
  ...['.env', '.env.production', '.data/secrets.json', '.data/journal/x.json', '.git/config'],
  ...['node_modules/express/index.js', 'dist/main.js', 'npm-debug.log', 'id_rsa', 'dump.rdb'],
  ...['src/.env', 'src/http/.env.local', 'public/.data/secrets.json', 'test/x.test.ts'],
];

describe('the image', () => {
  const stages = readDockerfile(read('Dockerfile'));
  const build = stages[0]!;
  const last = stages.at(-1)!;
  const of = (stage: Stage, name: string) =>
    stage.instructions.filter((instruction) => instruction.name === name);
  const files = projectFiles();
  const context = buildContext(read('.dockerignore'), [...files, ...STRAY]);

  it('is built in one stage and runs in another', () => {
    expect(stages).toHaveLength(2);
    expect(build.name).toBe('build');
  });

  it('is for production, unless somebody says otherwise', () => {
    expect(of(last, 'ENV').flatMap(({ words }) => words)).toContain('NODE_ENV=production');
  });

  it('runs as a user who owns nothing of it but the folder for data', () => {
    const names = last.instructions.map(({ name }) => name);
    expect(of(last, 'USER').map(({ text }) => text)).toEqual(['1000:1000']);
    expect(names.indexOf('USER')).toBeLessThan(names.indexOf('CMD'));
    expect(names.indexOf('USER')).toBeGreaterThan(
      Math.max(names.lastIndexOf('COPY'), names.lastIndexOf('RUN')),
    );
    for (const { flags } of of(last, 'COPY')) expect(Object.keys(flags)).not.toContain('chown');
    for (const { flags } of of(last, 'COPY')) expect(Object.keys(flags)).not.toContain('chmod');
    expect(of(last, 'RUN').map(({ text }) => text)).toEqual([
      'groupadd --gid 1000 node && useradd --uid 1000 --gid node --no-log-init --no-create-home node' +
        ' && mkdir /data && chown node:node /data',
    ]);
    expect(of(last, 'VOLUME').map(({ text }) => text)).toEqual(['/data']);
    const writable = context.filter((path) => (statSync(join(ROOT, path)).mode & 0o002) !== 0);
    expect(writable).toEqual([]);
  });

  it('starts Node itself, which hears SIGTERM, and says whether it is healthy', () => {
    expect(of(last, 'CMD').map(({ words }) => words[0])).toEqual(['node']);
    expect(of(last, 'ENTRYPOINT')).toEqual([]);
    const [health] = of(last, 'HEALTHCHECK');
    expect(health?.text).toContain('/livez');
  });

  it('is told no secret while it is built', () => {
    const all = stages.flatMap(({ instructions }) => [...instructions]);
    expect(all.filter(({ name }) => ['ADD', 'ONBUILD'].includes(name))).toEqual([]);
    const told = all.filter(({ name }) => name === 'ARG').map(({ text }) => text.split('=')[0]);
    expect(told).toEqual(['VERSION', 'REVISION', 'SOURCE_DATE_EPOCH']);
    expect(all.filter(({ flags }) => 'mount' in flags)).toEqual([]);
    const env = all.filter(({ name }) => name === 'ENV').flatMap(({ words }) => words);
    const names = env.map((pair) => pair.split('=')[0]);
    expect(names).toEqual(['NODE_ENV', 'HOST', 'PORT', 'DATA_DIR']);
  });

  it('is made of what the allow-list names, and of nothing that may lie beside it', () => {
    expect(read('.dockerignore').split('\n')[0]).toBe('*');
    expect(context.filter((path) => STRAY.includes(path))).toEqual([]);
    expect(context).toEqual(expect.arrayContaining(['package.json', 'src/main.ts']));
    const places = new Set(context.map((path) => path.split('/')[0]!));
    expect([...places].sort()).toEqual([
      ...['package-lock.json', 'package.json', 'public', 'scripts', 'src'],
      ...['tsconfig.build.json', 'tsconfig.json', 'views'],
    ]);
    const scripts = context.filter((path) => path.startsWith('scripts/'));
    expect(scripts).toEqual(['scripts/prune-packages.mjs']);
    const copies = stages
      .flatMap((stage) => of(stage, 'COPY'))
      .filter(({ flags }) => !('from' in flags));
    const sources = copies.flatMap(({ words }) => words.slice(0, -1));
    expect(new Set(sources)).toEqual(
      new Set(
        [...places].map(
          (place) => scripts.find((script) => script.startsWith(`${place}/`)) ?? place,
        ),
      ),
    );
  });

  it('takes from its build Node, the compiled server and the packages it runs with', () => {
    const taken = of(last, 'COPY').filter(({ flags }) => flags['from'] === 'build');
    expect(taken.map(({ words }) => words[0])).toEqual([
      ...['/usr/local/bin/node', '/app/node_modules', '/app/dist'],
    ]);
    const runs = of(build, 'RUN').map(({ text }) => text);
    expect(runs[0]).toMatch(/^npm ci --ignore-scripts /);
    expect(runs[1]).toMatch(/npm run build && npm prune --omit=dev --ignore-scripts /);
    expect(runs.slice(2)).toEqual(['node scripts/prune-packages.mjs node_modules']);
  });

  it('holds every package the server imports, and none of those for development', () => {
    const manifest = JSON.parse(read('package.json')) as Manifest;
    const lock = JSON.parse(read('package-lock.json')) as Lock;
    const imported = files
      .filter((path) => path.startsWith('src/') && path.endsWith('.ts'))
      .flatMap((path) => [...read(path).matchAll(/\b(?:from|import\()\s*'([\w@][\w@/:.-]*)'/g)])
      .map(([, specifier = '']) => /^(@[^/]+\/)?[^/]+/.exec(specifier)![0])
      .filter((name) => !name.startsWith('node:') && !builtinModules.includes(name));
    const loaded = new Set(imported);
    expect(loaded.size).toBeGreaterThan(8);
    expect([...loaded].filter((name) => !(name in manifest.dependencies))).toEqual([]);
    const production = Object.entries(lock.packages).filter(([, { dev }]) => dev !== true);
    const installed = new Set(production.map(([path]) => path.replace(/^.*node_modules\//, '')));
    for (const name of Object.keys(manifest.dependencies)) expect(installed).toContain(name);
    for (const name of Object.keys(manifest.devDependencies)) expect(installed).not.toContain(name);
  });
});

describe('docker-compose.yml', () => {
  const { services } = readCompose(read('docker-compose.yml'));
  const HARDENED = [
    'app',
    'simulator',
    'replica-1',
    'replica-2',
    'replica-3',
    'balancer',
    'cluster-app',
  ];

  it.each(HARDENED)('%s: read-only, no privileges to be had, no capabilities', (name) => {
    expect(services[name]).toMatchObject({
      read_only: true,
      security_opt: ['no-new-privileges:true'],
      cap_drop: ['ALL'],
    });
    const taken = ['privileged', 'cap_add', 'network_mode', 'pid'];
    expect(Object.keys(services[name]!).filter((key) => taken.includes(key))).toEqual([]);
    const { user = 'nginx' } = services[name] as { user?: string };
    expect(user).toBe('nginx');
  });

  it('nobody but Redis is left out of that', () => {
    const others = Object.keys(services).filter((name) => !HARDENED.includes(name));
    for (const name of others) expect(services[name]!.image).toMatch(/^redis:/);
  });

  it('secrets are passed through from outside and stand nowhere in it', () => {
    const env = (services['app']!.environment ?? {}) as Record<string, string>;
    const secrets = Object.keys(env).filter((name) => /SECRET|KEY|TOKEN|CLIENT_ID/.test(name));
    expect(secrets).toEqual(expect.arrayContaining(['SESSION_SECRET', 'TOKEN_ENCRYPTION_KEYS']));
    const literal = secrets.filter((name) => !/_URL$/.test(name) && env[name] !== `\${${name}:-}`);
    expect(literal).toEqual([]);
    expect(env[VARIABLES.redisUrl.name]).not.toContain('@');
    for (const service of Object.values(services)) {
      expect(Object.keys(service)).not.toContain('env_file');
    }
  });

  it('ports are open to this machine only', () => {
    for (const { ports = [] } of Object.values(services)) {
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
    }
  });
});

describe('the image on a read-only file system', () => {
  let redis: TestRedis;
  let simulator: Simulator;
  let dataDir: string;
  let server: ServerProcess | undefined;
  let browser: Browser;

  beforeAll(async () => {
    simulator = await startSimulator();
  });

  afterAll(() => simulator.close());

  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'fc-data-'));
    redis = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
    simulator.faults.reset();
  });

  afterEach(async () => {
    if (server?.child.exitCode === null) await server.stop();
    await redis.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  /** Where the leak scan of the whole suite has a server write down what it says. */
  const { LEAK_SCAN_DIR } = process.env;
  const notes = LEAK_SCAN_DIR === undefined ? [] : [`${LEAK_SCAN_DIR}/*`];

  /** Node may read everything and write what is named here, as in a container that is read-only. */
  function permissions(writable: readonly string[]): string {
    const known = process.allowedNodeEnvironmentFlags;
    return [
      known.has('--permission') ? '--permission' : '--experimental-permission',
      '--allow-fs-read=*',
      ...[...writable, ...notes].map((path) => `--allow-fs-write=${path}`),
      // Later versions of Node ask for this as well.
      ...(known.has('--allow-net') ? ['--allow-net'] : []),
    ].join(' ');
  }

  async function start(writable: readonly string[]): Promise<ServerProcess> {
    const port = await freePort();
    const env = environment({ simulator, redisUrl: redis.url, port });
    server = startProcess({
      cwd: dataDir,
      env: {
        ...env,
        NODE_ENV: 'production',
        DATA_DIR: dataDir,
        NODE_OPTIONS: permissions(writable),
      },
    });
    browser = createBrowser(env.BASE_URL);
    await ready(server, env.BASE_URL);
    return server;
  }

  const journal = () => {
    const entries = readdirSync(dataDir, { recursive: true, encoding: 'utf8' });
    return entries.filter((path) => path.endsWith('.json'));
  };
  const isReady = async () => (await browser.send('/readyz')).status === 200;

  /** A refresh whose answer comes when Redis has gone. */
  async function refreshIntoOutage(): Promise<number> {
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const { refreshes } = simulator.stats;
    simulator.expireAccessTokens();
    simulator.faults.add({ endpoint: 'token', kind: 'delay', until: opened, times: 1 });
    const answer = browser.send('/api/fullscript/clinic');
    await until(() => simulator.stats.refreshes > refreshes);
    await redis.kill();
    open();
    return (await answer).status;
  }

  it('signs in, refreshes, keeps a journal over an outage, and ends with 0 at SIGTERM', async () => {
    const running = await start([`${dataDir}/*`]);
    expect((await browser.signIn(simulator.people[0]!.id)).status).toBe(200);
    const { refreshes } = simulator.stats;
    simulator.expireAccessTokens();
    expect((await browser.send('/api/fullscript/clinic')).status).toBe(200);
    expect(simulator.stats.refreshes).toBe(refreshes + 1);

    expect(await refreshIntoOutage()).toBe(200);
    await until(() => journal().length === 1);
    await redis.restart();
    await until(isReady);
    await until(() => journal().length === 0);
    expect(await browser.json('/api/session')).toMatchObject({ signedIn: true, status: 'active' });
    expect((await browser.send('/api/fullscript/clinic')).status).toBe(200);

    expect(await running.stop()).toBe(0);
    expect(running.output()).not.toMatch(/ERR_ACCESS_DENIED|cannot hold the journal/);
  });

  it('without a place to write → no journal, and the log says so: the test can fail', async () => {
    const running = await start([]);
    expect(running.output()).toContain('DATA_DIR cannot hold the journal');
    expect(running.output()).toContain('ERR_ACCESS_DENIED');
    expect((await browser.signIn(simulator.people[0]!.id)).status).toBe(200);
    expect(await refreshIntoOutage()).toBe(200);
    expect(await isReady()).toBe(false);
    expect(journal()).toEqual([]);
    await redis.restart();
    await until(isReady);
    expect(await running.stop()).toBe(0);
  });
});
