import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { loadConfig } from '../../src/config.js';
import { currentRequestId } from '../../src/http/request-id.js';
import { createLogger } from '../../src/logger.js';
import { type ServerOptions, startServer } from '../../src/server.js';
import {
  SIMULATOR_CLIENT_ID,
  SIMULATOR_CLIENT_SECRET,
  type Simulator,
} from '../../src/simulator/simulator.js';
import { freePorts } from './free-ports.js';
import { isRecorded, recordEnvironment, recordFolder, recordText } from './leaks/material.js';
import './prompt-queues.js';

export const SECRETS = {
  SESSION_SECRET: randomBytes(32).toString('base64url'),
  TOKEN_ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}`,
};

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

/** A folder that goes with the whole run: jest's workers do not hear of their own end. */
function ownFolder(): string {
  const run = process.env['TEST_RUN_DIR'];
  const folder = mkdtempSync(join(run ?? tmpdir(), 'fc-data-'));
  if (run === undefined) process.once('exit', () => rmSync(folder, { recursive: true }));
  return folder;
}

/** The environment of a server that talks to `simulator` as if it were Fullscript. */
export function environment(parts: { simulator: Simulator; redisUrl: string; port: number }) {
  return {
    PORT: String(parts.port),
    BASE_URL: `http://127.0.0.1:${parts.port}`,
    FULLSCRIPT_CLIENT_ID: SIMULATOR_CLIENT_ID,
    FULLSCRIPT_CLIENT_SECRET: SIMULATOR_CLIENT_SECRET,
    FULLSCRIPT_API_URL: parts.simulator.apiUrl,
    REDIS_URL: parts.redisUrl,
    DATA_DIR: ownFolder(),
    ...SECRETS,
  };
}

/** What a server gives balancers and its first visitors time for, which no test needs. */
const WITHOUT_WAITING: ServerOptions = { noticeMs: 0, laterMs: 0, replayMs: 20, lookAgainMs: 60 };

/** A server in this process, with its log kept. */
export async function startApp(env: Record<string, string>, options: ServerOptions = {}) {
  const lines: string[] = [];
  recordEnvironment(env);
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      recordText('log', 'startApp', chunk.toString());
      done();
    },
  });
  const level = env['LOG_LEVEL'] ?? 'trace';
  const log = createLogger({
    ...{ level, production: true, destination },
    requestId: currentRequestId,
  });
  const config = loadConfig(env);
  const server = await startServer(config, log, { ...WITHOUT_WAITING, ...options });
  const close = async () => {
    // For the scan: what was counted until the end. A server that is in trouble says nothing.
    if (isRecorded()) await fetch(`${server.address}/metrics`).catch(() => undefined);
    await server.close();
    recordFolder('file', config.dataDir);
  };
  return { origin: config.baseUrl, lines, close };
}
