import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts } from './free-ports.js';
import { until } from './until.js';

const CONFIG = fileURLToPath(new URL('../../docker/nginx.conf', import.meta.url));
/** Debian has it where only root looks. */
const PATH = `${process.env['PATH']}:/usr/sbin`;

/** One line of the access log. */
export interface Passed {
  readonly requestId: string;
  readonly path: string;
  readonly status: number;
  readonly replica: string;
}

export interface Nginx {
  readonly origin: string;
  readonly passed: () => Passed[];
  /** Everything it wrote into its access log, as it is. */
  readonly log: () => string;
  /** As after a server has been replaced: workers that know it anew. */
  readonly reload: () => void;
  readonly stop: () => Promise<void>;
}

/**
 * The balancer as it is shipped, on loopback, in front of servers on these ports. Nothing of its file is
 * changed but addresses and paths.
 */
export async function startNginx(ports: readonly number[], listenOn?: number): Promise<Nginx> {
  const [port = 0] = listenOn === undefined ? await freePorts(1) : [listenOn];
  const folder = mkdtempSync(join(tmpdir(), 'fc-nginx-'));
  const config = join(folder, 'nginx.conf');
  const logFile = join(folder, 'access.log');
  writeFileSync(config, placed({ folder, logFile, port, ports }));
  writeFileSync(logFile, '');
  // Its workers give up root where they have it.
  for (const path of [folder, logFile]) chmodSync(path, 0o777);
  const options = ['-p', folder, '-c', config];
  const check = spawnSync('nginx', ['-t', ...options], { env: { PATH }, encoding: 'utf8' });
  if (check.status !== 0) throw new Error(`nginx -t: ${check.stderr || check.error?.message}`);
  const child = spawn('nginx', [...options, '-g', 'daemon off;'], {
    env: { PATH },
    stdio: 'ignore',
  });
  // With SIGKILL its workers would stay.
  const endNow = () => child.kill('SIGTERM');
  process.once('exit', endNow);
  await until(() => accepts(port));
  const log = () => readFileSync(logFile, 'utf8');
  return {
    origin: `http://127.0.0.1:${port}`,
    log,
    reload: () => {
      const { status } = spawnSync('nginx', ['-s', 'reload', ...options], { env: { PATH } });
      if (status !== 0) throw new Error('nginx was not reloaded');
    },
    passed: () => (log().match(/^.+$/gm) ?? []).map((line) => JSON.parse(line) as Passed),
    stop: async () => {
      process.off('exit', endNow);
      await end(child);
      rmSync(folder, { recursive: true });
    },
  };
}

function placed(at: { folder: string; logFile: string; port: number; ports: readonly number[] }) {
  return at.ports.reduce(
    (text, port, index) => text.replace(`replica-${index + 1}:3000`, `127.0.0.1:${port}`),
    readFileSync(CONFIG, 'utf8')
      .replaceAll(' /tmp/', ` ${at.folder}/`)
      .replace('/dev/stdout', at.logFile)
      .replace('listen 8080;', `listen 127.0.0.1:${at.port};`),
  );
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
