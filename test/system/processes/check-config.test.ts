import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { configSummary } from '../../../src/config-summary.js';
import { secretsWithoutMaking } from '../../../src/config/generated-secrets.js';
import { loadConfig } from '../../../src/config.js';
import { SERVER_HELP, serverWish } from '../../../src/server-arguments.js';
import { freePort } from '../../support/app.js';
import { type ServerProcess, ready, startProcess } from '../../support/process.js';
import { startRedis } from '../../support/redis-server.js';

let folder: string;
const processes: ServerProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fc-check-'));
});

afterEach(async () => {
  await Promise.all(processes.splice(0).map((one) => one.stop()));
  await rm(folder, { recursive: true, force: true });
});

function start(args: string[], env: Record<string, string> = {}): ServerProcess {
  const started = startProcess({ cwd: folder, env, args });
  processes.push(started);
  return started;
}

async function run(args: string[], env: Record<string, string> = {}) {
  const started = start(args, env);
  return { code: await started.exited, output: started.output() };
}

const PRODUCTION = {
  NODE_ENV: 'production',
  BASE_URL: 'https://portal.example.com',
  TRUST_PROXY: '1',
  FULLSCRIPT_CLIENT_ID: 'client-1',
  FULLSCRIPT_CLIENT_SECRET: 'client-secret-of-this-test',
  FULLSCRIPT_CA_CLIENT_ID: 'client-2',
  FULLSCRIPT_CA_CLIENT_SECRET: 'client-secret-of-canada',
  // Nobody is there, which does not matter.
  REDIS_URL: 'rediss://me:password-of-redis@redis.example.com:1',
  SESSION_SECRET: `${'s'.repeat(40)},${'t'.repeat(40)}`,
  TOKEN_ENCRYPTION_KEYS: `new:${randomBytes(32).toString('base64')},old:${randomBytes(32).toString('base64')}`,
  METRICS_TOKEN: 'token-of-the-metrics',
};

describe('node dist/main.js --check-config', () => {
  it('right → exit 0 with what a server would be, and no secret', async () => {
    const { code, output } = await run(['--check-config'], PRODUCTION);
    expect({ code, output }).toMatchObject({ code: 0 });
    for (const part of [
      'us-sandbox',
      'ca-sandbox',
      'api-ca-snd.fullscript.io',
      'redirect URI https://portal.example.com/oauth/callback',
      'rediss://redis.example.com:1/0',
      'new, old; the first one seals',
      '8 h idle, 168 h at most',
      '2; the first one signs',
    ]) {
      expect(output).toContain(part);
    }
    const secrets = ['client-secret', 'password-of', 'ssss', 'tttt', 'token-of', 'me:'];
    const keys = PRODUCTION.TOKEN_ENCRYPTION_KEYS.split(/[,:]/).filter((part) => part.length > 9);
    for (const secret of [...secrets, ...keys]) expect(output).not.toContain(secret);
  });

  it('wrong → exit 78 with every problem', async () => {
    const env = { ...PRODUCTION, PORT: 'x', SESSION_SECRET: '', TRUST_PROXY: 'true' };
    const { code, output } = await run(['--check-config'], env);
    expect(code).toBe(78);
    for (const name of ['PORT', 'SESSION_SECRET', 'TRUST_PROXY']) expect(output).toContain(name);
  });

  it('secrets would be made at start → says so, and makes none', async () => {
    const { code, output } = await run(['--check-config']);
    expect(code).toBe(0);
    expect(output).toContain('SESSION_SECRET, TOKEN_ENCRYPTION_KEYS, and kept in DATA_DIR');
    expect(await readdir(folder)).toEqual([]);
  });

  it('and could not be made → exit 78', async () => {
    await writeFile(join(folder, 'file'), '');
    const { code, output } = await run(['--check-config'], { DATA_DIR: join(folder, 'file', 'x') });
    expect({ code, output }).toMatchObject({
      code: 78,
      output: expect.stringContaining('DATA_DIR'),
    });
  });

  it('.env is read as at start', async () => {
    await writeFile(join(folder, '.env'), 'BASE_URL=http://localhost:4321\n');
    expect((await run(['--check-config'])).output).toContain('http://localhost:4321');
  });
});

describe('the other options of the server', () => {
  it('--help, --version → that; anything else → exit 64, and no server', async () => {
    expect(await run(['--help'])).toEqual({ code: 0, output: SERVER_HELP });
    expect(await run(['--version'])).toMatchObject({
      ...{ code: 0, output: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) },
    });
    for (const args of [['--check-confg'], ['start'], ['--check-config=yes']]) {
      expect(await run(args)).toMatchObject({
        code: 64,
        output: expect.stringContaining('--help'),
      });
    }
  });

  it.each([
    [[], 'start'],
    [['--check-config'], 'check-config'],
    [['--check-config', '-h'], 'help'],
    [['-v'], 'version'],
    [['x'], 'wrong use'],
  ])('%j → %s', (args, wish) => {
    expect(serverWish(args).wish).toBe(wish);
  });
});

describe('configSummary', () => {
  it('nothing set → the simulator and the embedded store', () => {
    const env = { DATA_DIR: folder };
    const config = loadConfig(env, { secretsFrom: secretsWithoutMaking });
    const text = configSummary(config, env);
    expect(text).toMatch(/Fullscript +the simulator in the server/);
    expect(text).toMatch(/store +embedded, in /);
    const away = { ...env, SIMULATOR_URL: 'http://simulator:4010' };
    const other = loadConfig(away, { secretsFrom: secretsWithoutMaking });
    expect(configSummary(other, away)).toContain('the simulator at http://simulator:4010');
  });
});

describe('a start', () => {
  it('with a DATA_DIR that cannot be written to → a line that names it, exit 1', async () => {
    await writeFile(join(folder, 'file'), '');
    const { SESSION_SECRET, TOKEN_ENCRYPTION_KEYS } = PRODUCTION;
    const port = String(await freePort());
    const secrets = { SESSION_SECRET, TOKEN_ENCRYPTION_KEYS, PORT: port };
    const { code, output } = await run([], { ...secrets, DATA_DIR: join(folder, 'file', 'x') });
    expect(code).toBe(1);
    expect(output).toMatch(/cannot use .*file\/x.* \(ENOTDIR\): give DATA_DIR a folder/);
  });

  it('no DATA_DIR yet, and secrets of its own → it is made, with the simulator in it', async () => {
    const { SESSION_SECRET, TOKEN_ENCRYPTION_KEYS } = PRODUCTION;
    const port = await freePort();
    const env = { SESSION_SECRET, TOKEN_ENCRYPTION_KEYS, PORT: String(port) };
    const server = start([], { ...env, SIMULATOR_PORT: String(await freePort()) });
    await ready(server, `http://127.0.0.1:${port}`);
    expect(await readdir(join(folder, '.data'))).toContain('simulator.origin');
  });

  it('the clocks of the server and of Redis differ by minutes → a warning, and it starts', async () => {
    const redis = await startRedis();
    const port = await freePort();
    const clock = join(folder, 'clock');
    await writeFile(clock, '600000');
    const skewed = new URL('../../../torture/skewed-clock.mjs', import.meta.url).href;
    const server = start([], {
      ...{ PORT: String(port), REDIS_URL: redis.url, CLOCK_FILE: clock },
      SIMULATOR_PORT: String(await freePort()),
      NODE_OPTIONS: `--import=${skewed}`,
    });
    await ready(server, `http://127.0.0.1:${port}`);
    expect(server.output()).toContain('the clocks of this machine and of Redis differ');
    await server.stop();
    await redis.stop();
  });
});
