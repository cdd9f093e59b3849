import { once } from 'node:events';
import { request } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Finding } from '../../../src/doctor/finding.js';
import type { Simulator } from '../../../src/simulator/simulator.js';
import { createAuthority } from '../../support/certificates.js';
import { environment, freePort } from '../../support/app.js';
import { ready, startProcess } from '../../support/process.js';
import { type World, openWorld } from '../../support/world.js';

let world: World;
let simulator: Simulator;
let root: string;
const ends: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  world = await openWorld();
  ({ simulator } = world);
  root = await mkdtemp(join(tmpdir(), 'fc-doctor-cli-'));
});

afterAll(async () => {
  for (const end of ends.reverse()) await end();
  await world.close();
  await rm(root, { recursive: true, force: true });
});

interface Report {
  readonly ok: boolean;
  readonly checks: readonly Finding[];
}

async function doctor(env: Record<string, string>, ...args: string[]) {
  const cwd = await mkdtemp(join(root, 'folder-'));
  const child = startProcess({
    cwd,
    env,
    script: 'cli/main.js',
    args: ['doctor', ...args],
  });
  const code = await child.exited;
  return { code, output: child.output(), files: await readdir(cwd) };
}

const find = ({ checks }: Report, check: string) => checks.find((one) => one.check === check);

/** The simulator behind TLS, with a certificate of an authority that nobody knows. */
async function startTlsSimulator() {
  const authority = createAuthority();
  const { certificate, key } = authority.issue();
  const server = createServer({ cert: certificate, key }, (req, res) => {
    const options = { host: '127.0.0.1', port: simulator.port, path: req.url, method: req.method };
    const inner = request({ ...options, headers: req.headers }, (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(res);
    });
    req.pipe(inner);
  });
  server.listen(0, '0.0.0.0');
  await once(server, 'listening');
  ends.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const authorityFile = join(root, 'authority.pem');
  await writeFile(authorityFile, authority.certificate);
  return { port: (server.address() as AddressInfo).port, authorityFile };
}

describe('fullscript-connect doctor', () => {
  it.concurrent('a server that runs → exit 0, every group, and no problem', async () => {
    const port = await freePort();
    const env = environment({ simulator, redisUrl: world.redis.url, port });
    const server = startProcess({ cwd: root, env });
    ends.push(server.stop);
    await ready(server, env.BASE_URL);
    const { code, output } = await doctor(env);
    expect({ code, output }).toMatchObject({
      code: 0,
      output: expect.stringContaining('0 problems'),
    });
    const groups = [
      'Configuration',
      'This machine',
      'Clock',
      'Fullscript',
      'The way back',
      'Redis',
    ];
    for (const group of groups) expect(output).toContain(`\n${group}`.trimStart());
    expect(output).toContain('answers as this server does');
    expect(output).not.toContain('\u001b');
  });

  it.concurrent(
    '--json → ok and checks; a wrong secret → exit 1, and the secret is not shown',
    async () => {
      const env = environment({ simulator, redisUrl: world.redis.url, port: 9 });
      const wrong = { ...env, FULLSCRIPT_CLIENT_SECRET: 'not-the-secret-of-this-client' };
      const { code, output } = await doctor(wrong, '--json');
      const report = JSON.parse(output) as Report;
      expect({ code, ok: report.ok }).toEqual({ code: 1, ok: false });
      expect(find(report, 'fullscript.us-sandbox.credentials')).toMatchObject({
        status: 'problem',
      });
      expect(output).not.toContain('not-the-secret-of-this-client');
      for (const { check, found } of report.checks)
        expect(`${check}: ${found}`).toMatch(/^\w.*: ./);
    },
  );

  it.concurrent(
    'a configuration that the server refuses → exit 1 with each problem, not 78',
    async () => {
      const { code, output, files } = await doctor(
        { NODE_ENV: 'production', PORT: 'x' },
        '--offline',
      );
      expect(code).toBe(1);
      for (const name of ['PORT', 'REDIS_URL', 'SESSION_SECRET']) {
        expect(output).toMatch(new RegExp(`PROBLEM +${name} `));
      }
      expect(files).toEqual([]);
    },
  );

  it.concurrent(
    'TLS with an authority that is named → well; not named, or another name → what to do',
    async () => {
      const { port, authorityFile } = await startTlsSimulator();
      const env = (host: string) => ({
        ...environment({ simulator, redisUrl: world.redis.url, port: 9 }),
        FULLSCRIPT_API_URL: `https://${host}:${port}/api`,
      });
      const known = { NODE_EXTRA_CA_CERTS: authorityFile };
      const look = async (variables: Record<string, string>, host: string) => {
        const report = JSON.parse((await doctor(variables, '--json')).output) as Report;
        return {
          host: find(report, `fullscript.us-sandbox.host.${host}:${port}`),
          credentials: find(report, 'fullscript.us-sandbox.credentials'),
        };
      };
      const [trusted, misnamed, unknown] = await Promise.all([
        look({ ...env('localhost'), ...known }, 'localhost'),
        look({ ...env('127.0.0.2'), ...known }, '127.0.0.2'),
        look(env('localhost'), 'localhost'),
      ]);
      expect(trusted).toMatchObject({
        // It is made for a day.
        host: { status: 'warning', found: expect.stringContaining('TLSv1.3, certificate for 0') },
        credentials: { status: 'ok' },
      });
      expect(misnamed).toMatchObject({
        host: { status: 'problem', found: expect.stringContaining('for another name') },
        credentials: { status: 'problem' },
      });
      expect(unknown).toMatchObject({
        host: { status: 'problem', todo: expect.stringContaining('NODE_EXTRA_CA_CERTS') },
      });
    },
  );

  it.concurrent('an option that is not there → exit 64', async () => {
    expect((await doctor({}, '--loudly')).code).toBe(64);
  });
});
