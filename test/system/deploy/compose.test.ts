import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../../src/config.js';
import { ConfigError } from '../../../src/config/problem.js';
import { VARIABLES } from '../../../src/config/variables.js';
import { readEnvironment } from '../../../src/simulator/environment.js';
import { SECRETS } from '../../support/app.js';
import {
  type Dotenv,
  environmentOf,
  portsOf,
  readCompose,
  wordsOf,
} from '../../support/compose-file.js';
import { readDockerfile } from '../../support/dockerfile.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const source = read('docker-compose.yml');
const { services, volumes } = readCompose(source);
const names = Object.keys(services);
const folder = mkdtempSync(join(tmpdir(), 'fc-compose-'));

afterAll(() => rmSync(folder, { recursive: true }));

/** The profiles that somebody may name, and the services that Compose starts then. */
function started(...profiles: string[]): string[] {
  return names.filter((name) => {
    const own = services[name]!.profiles ?? [];
    return own.length === 0 || own.some((profile) => profiles.includes(profile));
  });
}

const OURS = /^fullscript-connect:/;
const isServer = (name: string) =>
  OURS.test(services[name]!.image) && services[name]!.command === undefined;
const servers = names.filter(isServer);
const replicas = servers.filter((name) => services[name]!.profiles?.includes('scale'));

/** What the server of a service makes of its environment. */
function configOf(name: string, dotenv: Dotenv = {}) {
  return loadConfig({ ...environmentOf(services[name]!, dotenv), DATA_DIR: folder });
}

const CREDENTIALS = { FULLSCRIPT_CLIENT_ID: 'client-id', FULLSCRIPT_CLIENT_SECRET: 'shh' };

describe('docker-compose.yml', () => {
  /** What dclint finds: by the schema of the Compose specification, and by its own rules. */
  function lint(text: string): { rule: string; message: string }[] {
    const path = join(folder, 'docker-compose.yml');
    writeFileSync(path, text);
    // In the order in which one reads it, not in that of the alphabet. What one service builds has a
    // name, under which the others run it.
    const others = ['services-alphabetical-order', 'service-keys-order', 'no-build-and-image'];
    const off = others.flatMap((rule) => ['--disable-rule', rule]);
    const linter = join(ROOT, 'node_modules/dclint/bin/dclint.cjs');
    const { stdout } = spawnSync(process.execPath, [linter, path, '-f', 'json', ...off], {
      encoding: 'utf8',
    });
    return (JSON.parse(stdout) as { messages: { rule: string; message: string }[] }[]).flatMap(
      ({ messages }) => messages,
    );
  }

  it('is as the Compose specification and the rules of dclint want it', () => {
    expect(lint(source)).toEqual([]);
  });

  it('with an unknown key → is found: the test can fail', () => {
    expect(lint(source.replace('restart: unless', 'restarts: unless'))).not.toEqual([]);
  });

  it('volumes: each that is used is declared, and the other way round; files are there', () => {
    const mounts = names.flatMap((name) => services[name]!.volumes ?? []);
    const sources = mounts.map((mount) => mount.split(':')[0]!);
    const named = sources.filter((one) => !one.startsWith('.'));
    expect(new Set(named)).toEqual(new Set(Object.keys(volumes)));
    const files = mounts.filter((mount) => mount.startsWith('./'));
    expect(files).toHaveLength(2);
    for (const file of files) {
      expect(file).toMatch(/:ro$/);
      expect(statSync(join(ROOT, file.split(':')[0]!)).isFile()).toBe(true);
    }
  });

  it.each([['scale'], ['cluster']])(
    'profile %s: each service waits for services that are started',
    (profile) => {
      const running = started(profile);
      const wanted = running.flatMap((name) => Object.keys(services[name]!.depends_on ?? {}));
      expect(wanted.filter((name) => !running.includes(name))).toEqual([]);
      const waits = running.flatMap((name) => Object.entries(services[name]!.depends_on ?? {}));
      for (const [name, { condition }] of waits) {
        const ends = services[name]!.restart === undefined;
        expect([name, condition]).toEqual([
          name,
          ends ? 'service_completed_successfully' : 'service_healthy',
        ]);
        // Our own servers are asked as their image says.
        if (!ends && !isServer(name)) expect(services[name]!.healthcheck).toBeDefined();
      }
    },
  );
});

describe('what is started', () => {
  it('without a profile: the app, Redis and the simulator', () => {
    expect(started()).toEqual(['app', 'redis', 'simulator']);
  });

  it('with `scale`: three servers alike, and nginx that knows them', () => {
    expect(replicas).toHaveLength(3);
    const [first, ...others] = replicas.map((name) => services[name]);
    for (const other of others) expect(other).toEqual(first);
    expect(first!.volumes).toEqual(['data:/data']);
    expect(configOf(replicas[0]!).trustProxy).toBe(1);
    const nginx = read('docker/nginx.conf');
    const upstreams = [...nginx.matchAll(/^ +server ([\w-]+):(\d+) /gm)];
    expect(upstreams.map(([, name]) => name)).toEqual(replicas);
    expect(new Set(upstreams.map(([, , port]) => port))).toEqual(new Set(['3000']));
    expect(started('scale')).toEqual(expect.arrayContaining([...replicas, 'balancer']));
    expect(Object.keys(services['balancer']!.depends_on ?? {})).toEqual(replicas);
  });

  it('with `cluster`: another Redis, so another journal', () => {
    const own = services['cluster-app']!.volumes ?? [];
    const elsewhere = names.filter((name) => name !== 'cluster-app');
    const shared = elsewhere.flatMap((name) => services[name]!.volumes ?? []);
    expect(own).toHaveLength(1);
    expect(shared).not.toContain(own[0]);
    const nodes = names.filter((name) => /^cluster-\d$/.test(name));
    expect(nodes).toHaveLength(6);
    const { store } = configOf('cluster-app');
    expect(store).toMatchObject({ kind: 'cluster' });
    expect(wordsOf(services['cluster-create']!.command).slice(2)).toEqual(
      nodes.map((name) => `${name}:6379`),
    );
  });

  it('every Redis writes down what it is given, into a volume', () => {
    const stores = names.filter((name) => wordsOf(services[name]!.command)[0] === 'redis-server');
    expect(stores).toHaveLength(7);
    for (const name of stores) {
      const { command = '', volumes: mounts = [], healthcheck } = services[name]!;
      expect(command).toContain('--appendonly yes --appendfsync always');
      expect(command).toContain('--maxmemory-policy noeviction');
      expect(mounts).toEqual([`${name}:/data`]);
      expect(healthcheck?.test).toEqual(['CMD', 'redis-cli', 'ping']);
    }
  });
});

describe('ports', () => {
  const image = readDockerfile(read('Dockerfile')).at(-1)!;
  const wordsIn = (name: string) =>
    image.instructions.filter((one) => one.name === name).flatMap(({ words }) => words);

  it('the image exposes the one it listens on', () => {
    expect(wordsIn('ENV')).toContain('PORT=3000');
    expect(wordsIn('EXPOSE')).toEqual(['3000']);
  });

  it.each(servers)('%s: what is published is what it listens on, as BASE_URL says', (name) => {
    const config = configOf(name);
    expect(config.listen).toEqual({ host: '0.0.0.0', port: 3000 });
    const front = replicas.includes(name) ? 'balancer' : name;
    const [published, ...more] = portsOf(services[front]!, {});
    expect(more).toEqual([]);
    expect(config.baseUrl).toBe(`http://localhost:${published?.host}`);
    if (front === name) expect(published?.container).toBe(config.listen.port);
  });

  it('the balancer: what is published is what nginx listens on', () => {
    const [, listens] = /^ +listen (\d+);$/m.exec(read('docker/nginx.conf')) ?? [];
    expect(portsOf(services['balancer']!, {})[0]?.container).toBe(Number(listens));
    expect(services['balancer']!.healthcheck?.test.at(-1)).toBe(
      `http://127.0.0.1:${listens}/livez`,
    );
  });

  it('the simulator: where its program listens, and where the servers look for it', () => {
    const { options } = readEnvironment(environmentOf(services['simulator']!, {}));
    const [published] = portsOf(services['simulator']!, {});
    expect(published?.container).toBe(options?.port);
    expect(options?.host).toBe('0.0.0.0');
    for (const name of servers) {
      const { simulator } = configOf(name);
      expect(simulator?.url).toBe(`http://simulator:${options?.port}`);
      expect(simulator?.publicUrl).toBe(`http://localhost:${published?.host}`);
    }
    const check = services['simulator']!.healthcheck?.test.at(-1);
    expect(check).toContain(`http://127.0.0.1:${options?.port}/simulator/health`);
  });

  it('no two services want the same port of this machine', () => {
    const hosts = names.flatMap((name) => portsOf(services[name]!, {}).map(({ host }) => host));
    expect(hosts).toHaveLength(4);
    expect(new Set(hosts).size).toBe(hosts.length);
  });

  it('all of them are published to this machine alone, whatever its firewall lets through', () => {
    const ports = names.flatMap((name) => services[name]!.ports ?? []);
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  });

  it('others in .env → published there, and BASE_URL follows', () => {
    const dotenv = { PORT: '3100', BALANCER_PORT: '3200', CLUSTER_APP_PORT: '3300' };
    const urls = servers.map((name) => configOf(name, dotenv).baseUrl);
    expect(new Set(urls)).toEqual(
      new Set(['http://localhost:3100', 'http://localhost:3200', 'http://localhost:3300']),
    );
    expect(portsOf(services['app']!, dotenv)).toEqual([{ host: 3100, container: 3000 }]);
    expect(portsOf(services['balancer']!, dotenv)).toEqual([{ host: 3200, container: 8080 }]);
  });
});

describe('variables', () => {
  it('every server is passed on the same ones', () => {
    const [first, ...others] = servers.map((name) => Object.keys(services[name]!.environment!));
    expect(first!.length).toBeGreaterThan(40);
    for (const other of others) expect([...other].sort()).toEqual([...first!].sort());
  });

  it('the simulator is passed on what it reads', () => {
    const text = read('src/simulator/environment.ts');
    const known = [...text.matchAll(/^ {2}(SIMULATOR_[A-Z_]+): /gm)].map(([, name]) => name);
    expect(known).toHaveLength(6);
    const passed = Object.keys(services['simulator']!.environment!);
    expect(passed.filter((name) => !known.includes(name))).toEqual([]);
  });

  it.each(servers)('%s without .env → in development, with the simulator', (name) => {
    const config = configOf(name);
    expect(config.production).toBe(false);
    expect(config.registrations).toEqual([]);
    expect(config.store).not.toBe('embedded');
  });

  it.each(servers)('%s with credentials in .env → talks to Fullscript', (name) => {
    const config = configOf(name, CREDENTIALS);
    expect(config.simulator).toBeUndefined();
    expect(config.registrations.map(({ id, server }) => [id, server.apiUrl])).toEqual([
      ['us-sandbox', 'https://api-us-snd.fullscript.io/api'],
    ]);
  });

  it.each(servers)('%s for production → wants secrets, and starts with them', (name) => {
    const live = { ...CREDENTIALS, NODE_ENV: 'production', BASE_URL: 'https://portal.example.com' };
    expect(() => configOf(name, live)).toThrow(ConfigError);
    const config = configOf(name, { ...live, ...SECRETS, TRUST_PROXY: '2' });
    expect(config.production).toBe(true);
    expect(config.baseUrl).toBe('https://portal.example.com');
    expect(config.trustProxy).toBe(2);
  });
});

describe('what a container may do, and what stands in the file', () => {
  const HARDENED = [
    'app',
    'simulator',
    'replica-1',
    'replica-2',
    'replica-3',
    'balancer',
    'cluster-app',
  ];

  it('ours are read-only, with no privileges to be had, and no capabilities', () => {
    const taken = ['privileged', 'cap_add', 'network_mode', 'pid', 'env_file'];
    for (const name of HARDENED) {
      expect([name, services[name]]).toMatchObject([
        name,
        { read_only: true, security_opt: ['no-new-privileges:true'], cap_drop: ['ALL'] },
      ]);
      expect(Object.keys(services[name]!).filter((key) => taken.includes(key))).toEqual([]);
      const { user = 'nginx' } = services[name] as { user?: string };
      expect([name, user]).toEqual([name, 'nginx']);
    }
  });

  it('only Redis is left out of that', () => {
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
  });
});
