import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Config, SimulatorConfig } from './config.js';
import { authorizationServer } from './oauth/authorization-server.js';
import { type Registration, registrationId } from './oauth/registration.js';
import { secret } from './oauth/secret.js';
import {
  SIMULATOR_CLIENT_ID,
  SIMULATOR_CLIENT_SECRET,
  startSimulator,
} from './simulator/simulator.js';

/** A simulator to sign in with, and its end. Over HTTP, like Fullscript itself. */
export interface Simulated {
  readonly registration: Registration;
  /** Where a browser finds its pages. */
  readonly origin: string;
  readonly close: () => Promise<void>;
}

/** Finds or starts the simulator that stands in for Fullscript while no credentials are set. */
export async function openSimulator(deps: {
  config: Config;
  simulator: SimulatorConfig;
  log: Logger;
}): Promise<Simulated> {
  const { simulator } = deps;
  if (simulator.url !== undefined) {
    const origin = simulator.publicUrl ?? simulator.url;
    return simulated(simulator, { apiUrl: `${simulator.url}/api`, origin });
  }
  const wanted = simulator.port ?? nextPort(deps.config.listen.port);
  const running = await start(deps, wanted).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return instead(deps, wanted, error);
  });
  return simulated(simulator, running);
}

interface Running {
  readonly apiUrl: string;
  readonly origin: string;
  readonly close?: () => Promise<void>;
}

function start({ config }: { config: Config }, port: number): Promise<Running> {
  const stateFile = join(config.dataDir, 'simulator.json');
  return startSimulator({ port, stateFile });
}

/** The port is taken: by the simulator of another process, which will do, or by something else. */
async function instead(
  deps: { config: Config; simulator: SimulatorConfig },
  port: number,
  error: unknown,
): Promise<Running> {
  const origin = `http://127.0.0.1:${port}`;
  if (await isSimulator(origin)) return { origin, apiUrl: `${origin}/api` };
  if (deps.simulator.port !== undefined) throw error;
  return start(deps, 0);
}

async function isSimulator(origin: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(2_000);
    const answer = await fetch(`${origin}/simulator/health`, { signal, redirect: 'error' });
    const body = (await answer.json()) as { simulator?: unknown } | null;
    return body?.simulator === 'fullscript';
  } catch {
    return false;
  }
}

function nextPort(port: number): number {
  return port === 0 || port === 65535 ? 0 : port + 1;
}

function simulated(simulator: SimulatorConfig, running: Running): Simulated {
  const { region, redirectUri } = simulator;
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
  };
  return { registration, origin, close };
}
