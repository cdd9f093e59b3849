import { readFile, writeFile } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import type { Logger } from 'pino';
import type { Config, SimulatorConfig } from './config.js';
import { openDataFolder } from './data-folder.js';
import { deadlineSignal } from './deadline.js';
import { authorizationServer } from './oauth/authorization-server.js';
import { type Registration, registrationId } from './oauth/registration.js';
import { secret } from './oauth/secret.js';
import { SIMULATOR_CLIENT_ID, SIMULATOR_CLIENT_SECRET } from './simulator/clients.js';

/** A simulator to sign in with, and its end. Over HTTP, like Fullscript itself. */
export interface Simulated {
  readonly registration: Registration;
  /** Where a browser finds its pages. */
  readonly origin: string;
  readonly close: () => Promise<void>;
}

/** Finds or starts the simulator that stands in for Fullscript while no credentials are set. */
export async function openSimulator(deps: Deps): Promise<Simulated> {
  const { simulator } = deps;
  if (simulator.url !== undefined) {
    const origin = simulator.publicUrl ?? simulator.url;
    return simulated(simulator, { apiUrl: `${simulator.url}/api`, origin });
  }
  return simulated(simulator, await joinOrStart(deps));
}

/** The same for a command, which starts none: a server may come back and find its own in its place. */
export async function joinSimulator(deps: Omit<Deps, 'log'>): Promise<Registration> {
  const { simulator, config } = deps;
  const noted = await readFile(noteOf(deps), 'utf8').catch(() => '');
  const usual = `http://127.0.0.1:${simulator.port ?? otherPort(config.listen.port)}`;
  const origin = simulator.url ?? (URL.canParse(noted) ? noted : usual);
  return simulated(simulator, { apiUrl: `${origin}/api`, origin }).registration;
}

interface Running {
  readonly apiUrl: string;
  readonly origin: string;
  readonly close?: () => Promise<void>;
}

interface Deps {
  readonly config: Config;
  readonly simulator: SimulatorConfig;
  readonly log: Logger;
}

const WATCH_MS = 1_000;

/**
 * Processes on one data folder share grants, so they share the simulator that issued them: the first
 * one starts it, the others join, and one of those takes over on the same port when it is gone.
 */
async function joinOrStart(deps: Deps): Promise<Running> {
  const noted = await readFile(noteOf(deps), 'utf8').catch(() => '');
  if (URL.canParse(noted) && (await isSimulator(noted))) return join(deps, noted);
  const wanted = deps.simulator.port ?? otherPort(deps.config.listen.port);
  try {
    return await start(deps, wanted);
  } catch (error) {
    if (!isTaken(error)) throw error;
    const origin = `http://127.0.0.1:${wanted}`;
    if (await isSimulator(origin)) return join(deps, origin);
    if (deps.simulator.port !== undefined) throw error;
    return start(deps, 0);
  }
}

async function start(deps: Deps, port: number): Promise<Running> {
  // Ahead of the simulator, which would be left behind when there is no place to note it.
  openDataFolder(deps.config.dataDir);
  const stateFile = inDataDir(deps, 'simulator.json');
  // Loaded where it is used: a server with a real application starts without it.
  const { startSimulator } = await import('./simulator/simulator.js');
  const running = await startSimulator({ port, stateFile });
  await writeFile(noteOf(deps), running.origin, { mode: 0o600 });
  return running;
}

/** Uses another process's simulator, and starts one in its place when it is gone. */
function join(deps: Deps, origin: string): Running {
  let own: Promise<Running | undefined> = Promise.resolve(undefined);
  const timer = setInterval(() => {
    own = own.then(async (running) => {
      if (running !== undefined || (await isSimulator(origin))) return running;
      deps.log.info(
        { simulator: origin },
        'the simulator of another process is gone; starting one',
      );
      return start(deps, Number(new URL(origin).port)).catch(() => undefined);
    });
  }, WATCH_MS);
  timer.unref();
  return {
    origin,
    apiUrl: `${origin}/api`,
    close: async () => {
      clearInterval(timer);
      await (await own)?.close?.();
    },
  };
}

function isTaken(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
}

/** Says where the simulator of this data folder is. */
function noteOf(deps: Pick<Deps, 'config'>): string {
  return inDataDir(deps, 'simulator.origin');
}

function inDataDir({ config }: Pick<Deps, 'config'>, name: string): string {
  return joinPath(config.dataDir, name);
}

async function isSimulator(origin: string): Promise<boolean> {
  const { signal, stop } = deadlineSignal(2_000);
  try {
    const answer = await fetch(`${origin}/simulator/health`, { signal, redirect: 'error' });
    const body = (await answer.json()) as { simulator?: unknown } | null;
    return body?.simulator === 'fullscript';
  } catch {
    return false;
  } finally {
    stop();
  }
}

/** Well away: the next port is likely to be the next server's. */
function otherPort(port: number): number {
  return port === 0 || port + 1000 > 65535 ? 0 : port + 1000;
}

function simulated(simulator: SimulatorConfig, running: Running): Simulated {
  const { region, redirectUri, scope } = simulator;
  const { apiUrl, origin, close = () => Promise.resolve() } = running;
  const authorizeUrl = `${origin}/api/oauth/authorize`;
  const registration: Registration = {
    id: registrationId(region, 'sandbox'),
    region,
    environment: 'sandbox',
    clientId: SIMULATOR_CLIENT_ID,
    clientSecret: secret(SIMULATOR_CLIENT_SECRET),
    redirectUri,
    server: authorizationServer({ region, environment: 'sandbox' }, { apiUrl, authorizeUrl }),
    pkce: false,
    issuer: undefined,
    scope,
  };
  return { registration, origin, close };
}
