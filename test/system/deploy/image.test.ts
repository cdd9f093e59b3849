import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { validate } from 'dockerfile-utils';
import { type Simulator, startSimulator } from '../../../src/simulator/simulator.js';
import { environment, freePort } from '../../support/app.js';
import { type Browser, createBrowser } from '../../support/browser.js';
import { type CarriedOut, carryOut } from '../../support/carried-out.js';
import { type Stage, buildContext, readDockerfile } from '../../support/dockerfile.js';
import { type ServerProcess, ready, startProcess } from '../../support/process.js';
import { type TestRedis, startRedis } from '../../support/redis-server.js';
import { type TcpRedis, startTcpRedis } from '../../support/redis-tcp.js';
import { until } from '../../support/until.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const source = read('Dockerfile');

/** Every file of the project, and some that may lie beside it. */
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

describe('the Dockerfile', () => {
  const stages = readDockerfile(source);
  const last = stages.at(-1)!;
  const of = (stage: Stage, name: string) =>
    stage.instructions.filter((instruction) => instruction.name === name);
  const context = buildContext(read('.dockerignore'), [...projectFiles(), ...STRAY]);

  const messages = (text: string) =>
    validate(text).map(({ message, range }) => ({ message, range }));

  it('is as the linter wants it', () => {
    expect(messages(source)).toEqual([]);
  });

  it('with an unknown flag → is found: the test can fail', () => {
    expect(messages(source.replace('--from=build', '--form=build'))).not.toEqual([]);
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

  it('the day of the build is not in it where another is given: /etc/shadow has the day of an account', () => {
    const last = readDockerfile(source).at(-1)!.instructions;
    const told = last.findIndex(({ name, text }) => name === 'ARG' && text === 'SOURCE_DATE_EPOCH');
    const made = last.findIndex(({ name, text }) => name === 'RUN' && text.includes('useradd'));
    expect(told).toBeGreaterThan(0);
    expect(told).toBeLessThan(made);
  });

  it('bases with a tag, packages whose scripts do not run, node as the first process', () => {
    const bases = [...source.matchAll(/^ARG (\w+_IMAGE)=.*\/?\b[\w-]+:(\S+)$/gm)];
    const used = stages.map((stage) => of(stage, 'FROM')[0]!.words[0]);
    expect(used).toEqual(bases.map(([, name]) => `\${${name}}`));
    expect(bases.filter(([, , tag]) => tag === 'latest')).toEqual([]);
    const commands = stages
      .flatMap((stage) => of(stage, 'RUN'))
      .flatMap(({ text }) => text.split('&&'));
    const npm = commands.filter((command) => /\bnpm (?!run )/.test(command));
    expect(npm).toHaveLength(2);
    for (const command of npm) expect(command).toMatch(/npm (ci|prune) .*--ignore-scripts/);
    // A shell between them would keep SIGTERM from node.
    expect(of(last, 'ENTRYPOINT')).toEqual([]);
    expect(of(last, 'CMD').map(({ text, words }) => [text[0], words[0]])).toEqual([['[', 'node']]);
  });

  it('says the version of the package', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      version: string;
    };
    expect(source).toContain(`\nARG VERSION=${manifest.version}\n`);
  });
});

/** What the bases add, in bytes, rounded up: scripts/build-image-without-docker.sh measures 75 and 127 MB. */
const DEBIAN = 85_000_000;
const NODE = 127_000_000;
const LIMIT = 250_000_000;

/** Node's user in the image. Whoever is not root cannot be it, and is nobody special either. */
const USER = 1000;
const asUser = process.getuid?.() === 0 ? { uid: USER, gid: USER } : {};

describe('the steps of the Dockerfile, carried out', () => {
  let image: CarriedOut;
  let dataDir: string;
  let simulator: Simulator;
  let redis: TcpRedis;
  let child: ChildProcess | undefined;
  let output = '';
  const folder = mkdtempSync(join(tmpdir(), 'fc-image-'));

  beforeAll(async () => {
    // Others may look into it, as into an image.
    chmodSync(folder, 0o755);
    image = carryOut(folder);
    dataDir = join(image.root, 'data');
    mkdirSync(dataDir);
    chmodSync(dataDir, 0o777);
    [simulator, redis] = await Promise.all([startSimulator(), startTcpRedis()]);
  }, 300_000);

  afterEach(async () => {
    if (child === undefined || child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });

  afterAll(async () => {
    await Promise.all([simulator.close(), redis.stop()]);
    rmSync(folder, { recursive: true });
  });

  /** Every file with its size and the time of its last change. */
  function files(root = image.root): Map<string, { size: number; mtimeMs: number }> {
    const entries = readdirSync(root, { recursive: true, withFileTypes: true });
    const found = entries.filter((entry) => !entry.isDirectory());
    return new Map(
      found.map(({ parentPath, name }) => {
        const { size, mtimeMs } = statSync(join(parentPath, name));
        return [join(parentPath, name).slice(root.length), { size, mtimeMs }];
      }),
    );
  }

  /** A process as the image starts it: its words, its variables, its user. */
  function start(words: readonly string[], env: Record<string, string>): ChildProcess {
    const [program, ...args] = words;
    expect(program).toBe('node');
    const variables = { ...image.environment, ...env, DATA_DIR: dataDir };
    const cwd = join(image.root, image.workdir);
    const started = spawn(process.execPath, args, { cwd, env: variables, ...asUser });
    output = '';
    for (const stream of [started.stdout, started.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
    }
    return started;
  }

  async function codeOf(words: readonly string[], env: Record<string, string>) {
    const [code] = (await once(start(words, env), 'exit')) as [number | null];
    return code;
  }

  it('with its bases it stays below 250 MB', () => {
    const own = [...files().values()].reduce((sum, { size }) => sum + size, 0);
    expect(own).toBeGreaterThan(10_000_000);
    expect(DEBIAN + NODE + own).toBeLessThan(LIMIT);
  });

  it('nothing is in it that Node does not run, and each licence is', () => {
    const modules = [...files().keys()].filter((path) => path.startsWith('/app/node_modules/'));
    expect(modules.filter((path) => /\.(map|[cm]?ts)$/.test(path))).toEqual([]);
    const lost = modules.filter((path) => /\/(typescript|jest|eslint|tsx)\//.test(path));
    expect(lost).toEqual([]);
    expect(modules.filter((path) => /licen[cs]e/i.test(path)).length).toBeGreaterThan(50);
  });

  it('each package that it needs can be loaded', async () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const imports = Object.keys(manifest.dependencies).map((name) => `import '${name}';`);
    const words = ['node', '--input-type=module', '-e', imports.join('\n')];
    expect([await codeOf(words, {}), output]).toEqual([0, '']);
  });

  it('without settings → it is for production, and says what is missing', async () => {
    expect(await codeOf(image.command, {})).toBe(78);
    for (const name of ['REDIS_URL', 'SESSION_SECRET', 'FULLSCRIPT_CLIENT_ID']) {
      expect(output).toContain(`${name} is missing`);
    }
  });

  it('started as a user without rights → serves, is healthy, writes to /data only, ends with 0', async () => {
    const port = await freePort();
    const settings = environment({ simulator, redisUrl: redis.url, port });
    const env = { ...settings, HOST: '127.0.0.1' };
    const before = files();
    child = start(image.command, env);
    const running = child;
    await until(async () => {
      if (running.exitCode !== null) throw new Error(output);
      return (await fetch(`${env.BASE_URL}/livez`).catch(() => undefined))?.ok === true;
    });
    expect(statSync(join(dataDir, 'journal')).uid).not.toBe(0);
    const browser = createBrowser(env.BASE_URL);
    expect((await browser.signIn(simulator.people[0]!.id)).status).toBe(200);
    expect((await browser.send('/portal')).status).toBe(200);
    expect(health(port)).toBe(0);
    expect(health(await freePort())).toBe(1);
    expect((await fetch(`${env.BASE_URL}/readyz`)).status).toBe(200);
    running.kill('SIGTERM');
    expect(await once(running, 'exit')).toEqual([0, null]);
    const after = [...files()].filter(([path]) => !path.startsWith('/data/'));
    expect(new Map(after)).toEqual(before);
  });

  function health(port: number): number | null {
    const [, ...args] = image.healthcheck;
    const env = { ...image.environment, PORT: String(port) };
    return spawnSync(process.execPath, args, { env, ...asUser }).status;
  }

  it('the command line is in it', async () => {
    expect([await codeOf(['node', 'dist/cli/main.js', '--help'], {}), output]).toEqual([
      0,
      expect.stringContaining('fullscript-connect'),
    ]);
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
    redis = await startRedis({ args: KEPT });
    simulator.faults.reset();
  });

  afterEach(async () => {
    if (server?.child.exitCode === null) await server.stop();
    await redis.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  /** What was written outlives the process. That a disk has it too would only make a busy machine slow. */
  const KEPT = ['--appendonly', 'yes', '--appendfsync', 'no'];

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
