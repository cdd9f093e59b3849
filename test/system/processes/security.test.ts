import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SECRETS } from '../../support/app.js';
import { startProcess } from '../../support/process.js';
import { type App, type World, openWorld } from '../../support/world.js';

/** What of the statements only a program of its own can show: how it ends, and what it says then. */

const EXIT_CONFIG = 78;

let cwd: string;

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'fc-security-'));
});

afterAll(() => rm(cwd, { recursive: true, force: true }));

describe('a server that would talk by plain http', () => {
  /** How the real server ends with this environment, and what it says. */
  async function startedWith(env: Record<string, string>) {
    const credentials = { FULLSCRIPT_CLIENT_ID: 'a', FULLSCRIPT_CLIENT_SECRET: 'b' };
    const server = startProcess({ cwd, env: { ...SECRETS, ...credentials, PORT: '0', ...env } });
    // One that starts all the same would never end by itself.
    const timer = setTimeout(() => void server.child.kill('SIGKILL'), 15_000);
    const code = await server.exited;
    clearTimeout(timer);
    return { code, said: server.output() };
  }

  it('SR-04 a redirect URI made of such a BASE_URL → ends with 78 and says why', async () => {
    const { code, said } = await startedWith({ BASE_URL: 'http://portal.example.com' });
    expect(code).toBe(EXIT_CONFIG);
    expect(said).toMatch(/FULLSCRIPT_REDIRECT_URI must be https, except on this machine/);
  });

  it('SR-07 all endpoints of Fullscript → ends with 78 and names each', async () => {
    const names = ['API', 'AUTHORIZE', 'TOKEN', 'REVOKE'].map((one) => `FULLSCRIPT_${one}_URL`);
    const urls = names.map((name) => [name, 'http://fullscript.example.com/x']);
    const { code, said } = await startedWith(Object.fromEntries(urls) as Record<string, string>);
    expect(code).toBe(EXIT_CONFIG);
    for (const name of names) expect(said).toContain(`${name} must be https`);
  });
});

describe('commands about sessions', () => {
  let world: World;
  let app: App;

  beforeAll(async () => {
    world = await openWorld();
    app = await world.start();
  });

  afterAll(() => world.close());

  async function command(args: readonly string[], env: Record<string, string> = {}) {
    const settings = { ...app.env, ...env };
    const ran = startProcess({ cwd, env: settings, script: 'cli/main.js', args });
    const code = await ran.exited;
    return { code, output: ran.output() };
  }

  it('SR-25 all sessions end → exits with 0, and the browser is signed out', async () => {
    const browser = app.browser();
    await browser.signIn(world.simulator.people[0]!.id);
    const { code, output } = await command(['sessions', 'end', '--all', '--json']);
    expect({ code, output }).toEqual({ code: 0, output: '{"ended":1}\n' });
    expect(await browser.json('/api/session')).toEqual({ signedIn: false });
  });

  it('SR-25 the store that only the server has → says so, exits with 1', async () => {
    const settings = { REDIS_URL: '', PATH: cwd, DATA_DIR: '.data' };
    const args = ['sessions', 'end', '--all'];
    const nothing = await command(args, settings);
    expect(nothing.code).toBe(1);
    expect(nothing.output).toContain('no server keeps anything in');
    // A folder that a server has used, and no redis-server to open it with.
    await mkdir(join(cwd, '.data', 'appendonlydir'), { recursive: true });
    const inMemory = await command(args, settings);
    expect(inMemory.code).toBe(1);
    expect(inMemory.output).toContain('live in the memory of the server process');
  });

  it('SR-25 wrong use → says what is right, exits with 64, ends nothing; --help exits with 0', async () => {
    const browser = app.browser();
    await browser.signIn(world.simulator.people[0]!.id);
    const wrong = await command(['sessions', 'end']);
    expect(wrong.code).toBe(64);
    expect(wrong.output).toContain('sessions end <user> | --all');
    const help = await command(['--help']);
    expect(help.code).toBe(0);
    expect(help.output).toContain('users disable <user>');
    expect(await browser.json('/api/session')).toMatchObject({ signedIn: true });
  });
});
