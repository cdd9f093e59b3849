import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SERVER_HELP } from '../../../src/server-arguments.js';
import { SECRETS, freePort } from '../../support/app.js';
import { type ServerProcess, ready, startProcess } from '../../support/process.js';
import { type Database, openDatabase } from '../../support/shared-redis.js';

/** What the summary says is in test/config/config-summary.test.ts. */

let root: string;
let redis: Database;
const processes: ServerProcess[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'fc-check-'));
  redis = await openDatabase();
});

afterAll(async () => {
  await Promise.all(processes.map((one) => one.stop()));
  await redis.stop();
  await rm(root, { recursive: true, force: true });
});

const newFolder = () => mkdtemp(join(root, 'folder-'));

function start(cwd: string, args: string[], env: Record<string, string> = {}): ServerProcess {
  const started = startProcess({ cwd, env, args });
  processes.push(started);
  return started;
}

async function run(args: string[], env: Record<string, string> = {}, cwd = root) {
  const started = start(cwd, args, env);
  return { code: await started.exited, output: started.output() };
}

describe('node dist/main.js --check-config', () => {
  it.concurrent(
    'right → exit 0 with what a server would be, .env read, and no file made',
    async () => {
      const folder = await newFolder();
      await writeFile(join(folder, '.env'), 'BASE_URL=http://localhost:4321\n');
      const { code, output } = await run(['--check-config'], {}, folder);
      expect({ code, output }).toMatchObject({ code: 0 });
      expect(output).toContain('http://localhost:4321');
      expect(output).toContain('SESSION_SECRET, TOKEN_ENCRYPTION_KEYS, and kept in DATA_DIR');
      expect(await readdir(folder)).toEqual(['.env']);
    },
  );

  it.concurrent('a folder in the place of .env → exit 78 with a line that says so', async () => {
    const folder = await newFolder();
    await mkdir(join(folder, '.env'));
    const { code, output } = await run([], {}, folder);
    expect({ code, output }).toEqual({
      code: 78,
      output: '.env cannot be read (EISDIR): it is a folder; remove it\n',
    });
  });

  it.concurrent('wrong → exit 78 with every problem', async () => {
    const env = { NODE_ENV: 'production', PORT: 'x', SESSION_SECRET: '', TRUST_PROXY: 'true' };
    const { code, output } = await run(['--check-config'], env);
    expect(code).toBe(78);
    for (const name of ['PORT', 'SESSION_SECRET', 'TRUST_PROXY']) expect(output).toContain(name);
  });
});

describe('the other options of the server', () => {
  it.concurrent('--help, --version → that; anything else → exit 64, and no server', async () => {
    const [help, version, wrong] = await Promise.all([
      run(['--help']),
      run(['--version']),
      run(['--check-confg']),
    ]);
    expect(help).toEqual({ code: 0, output: SERVER_HELP });
    expect(version).toMatchObject({ code: 0, output: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
    expect(wrong).toMatchObject({ code: 64, output: expect.stringContaining('--help') });
  });
});

describe('a start', () => {
  it.concurrent(
    'with a DATA_DIR that cannot be written to → a line that names it, exit 1',
    async () => {
      const folder = await newFolder();
      await writeFile(join(folder, 'file'), '');
      const env = {
        ...SECRETS,
        PORT: String(await freePort()),
        DATA_DIR: join(folder, 'file', 'x'),
      };
      const { code, output } = await run([], env, folder);
      expect(code).toBe(1);
      expect(output).toMatch(/cannot use .*file\/x.* \(ENOTDIR\): give DATA_DIR a folder/);
    },
  );

  it.concurrent(
    'no DATA_DIR yet, and secrets of its own → it is made, with the simulator in it',
    async () => {
      const folder = await newFolder();
      const port = await freePort();
      const env = { ...SECRETS, PORT: String(port), SIMULATOR_PORT: String(await freePort()) };
      await ready(start(folder, [], env), `http://127.0.0.1:${port}`);
      expect(await readdir(join(folder, '.data'))).toContain('simulator.origin');
    },
  );

  it.concurrent(
    'the clocks of the server and of Redis differ by minutes → a warning, and it starts',
    async () => {
      const folder = await newFolder();
      const port = await freePort();
      const clock = join(folder, 'clock');
      await writeFile(clock, '600000');
      const skewed = new URL('../../../torture/skewed-clock.mjs', import.meta.url).href;
      const server = start(folder, [], {
        ...{ PORT: String(port), REDIS_URL: redis.url, CLOCK_FILE: clock },
        SIMULATOR_PORT: String(await freePort()),
        NODE_OPTIONS: `--import=${skewed}`,
      });
      await ready(server, `http://127.0.0.1:${port}`);
      expect(server.output()).toContain('the clocks of this machine and of Redis differ');
    },
  );
});
