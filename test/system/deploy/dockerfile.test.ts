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
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { validate } from 'dockerfile-utils';
import { type Simulator, startSimulator } from '../../../src/simulator/simulator.js';
import { environment, freePort } from '../../support/app.js';
import { createBrowser } from '../../support/browser.js';
import { type CarriedOut, carryOut } from '../../support/carried-out.js';
import { readDockerfile } from '../../support/dockerfile.js';
import { type TcpRedis, startTcpRedis } from '../../support/redis-tcp.js';
import { until } from '../../support/until.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const source = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');

describe('the Dockerfile', () => {
  const messages = (text: string) =>
    validate(text).map(({ message, range }) => ({ message, range }));

  it('is as the linter wants it', () => {
    expect(messages(source)).toEqual([]);
  });

  it.each([
    ['an instruction that nobody knows', source.replace('EXPOSE', 'EXPOSES')],
    ['a second command', `${source}\nCMD ["node"]`],
    ['a flag that nobody knows', source.replace('--from=build', '--form=build')],
  ])('with %s → is found: the test can fail', (_mistake, text) => {
    expect(messages(text)).not.toEqual([]);
  });

  it('its bases have a version, and none is the latest', () => {
    const bases = [...source.matchAll(/^ARG \w+_IMAGE=(.*)$/gm)].map(([, image]) => image);
    expect(bases).toEqual(['node:24-bookworm-slim', 'debian:bookworm-slim']);
    const used = readDockerfile(source).map(({ instructions }) => instructions[0]!.words[0]);
    expect(used).toEqual(['${NODE_IMAGE}', '${BASE_IMAGE}']);
  });

  it('the day of the build is not in it where another is given: /etc/shadow has the day of an account', () => {
    const last = readDockerfile(source).at(-1)!.instructions;
    const told = last.findIndex(({ name, text }) => name === 'ARG' && text === 'SOURCE_DATE_EPOCH');
    const made = last.findIndex(({ name, text }) => name === 'RUN' && text.includes('useradd'));
    expect(told).toBeGreaterThan(0);
    expect(told).toBeLessThan(made);
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

  it('the health check without a port → asks at the one that the server takes then', () => {
    expect(image.healthcheck.at(-1)).toContain('process.env.PORT || 3000');
  });

  it('the command line is in it', async () => {
    expect([await codeOf(['node', 'dist/cli/main.js', '--help'], {}), output]).toEqual([
      0,
      expect.stringContaining('fullscript-connect'),
    ]);
  });
});
