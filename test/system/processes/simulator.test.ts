import { mkdtemp, rm } from 'node:fs/promises';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type ServerProcess, startProcess } from '../../support/process.js';
import { until } from '../../support/until.js';

let cwd: string;
const running: ServerProcess[] = [];

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'fc-simulator-'));
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
});

afterAll(() => rm(cwd, { recursive: true, force: true }));

function start(env: Record<string, string>): ServerProcess {
  const started = startProcess({ cwd, env, script: 'simulator/main.js' });
  running.push(started);
  return started;
}

describe('npm run simulator', () => {
  it('SIGTERM, SIGINT → what to set, one variable a line as in .env, at the start, exit 0', async () => {
    const ends = (['SIGTERM', 'SIGINT'] as const).map(async (signal) => {
      const simulator = start({ SIMULATOR_PORT: '0' });
      await until(() => simulator.output().includes('SECRET='));
      const [, ...lines] = simulator.output().split('\n');
      const { FULLSCRIPT_API_URL: apiUrl, ...client } = parseEnv(lines.join('\n'));
      expect(client).toMatchObject({
        FULLSCRIPT_CLIENT_ID: 'fullscript-simulator-client-id',
        FULLSCRIPT_CLIENT_SECRET: expect.stringMatching(/^\S+$/),
      });
      expect((await fetch(`${apiUrl!}/clinic`)).status).toBe(401);
      simulator.child.kill(signal);
      return simulator.exited;
    });
    expect(await Promise.all(ends)).toEqual([0, 0]);
  });

  it('wrong environment, or port taken → exit 1 and the reason', async () => {
    const other: Server = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const wrong = start({ SIMULATOR_PORT: 'abc' });
    const taken = start({ SIMULATOR_PORT: String(port) });
    expect(await Promise.all([wrong.exited, taken.exited])).toEqual([1, 1]);
    await until(() => wrong.output().includes('SIMULATOR_PORT: must be a whole number'));
    await until(() => taken.output().includes('EADDRINUSE'));
    other.close();
  });
});
