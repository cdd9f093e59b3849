import { setMaxListeners } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAnswering } from './answering.js';
import { createApp } from './app.js';
import { listeningChannel } from './channels.js';
import { type Clients, createClients, type SimulatorClient } from './clients.js';
import { createDataSet } from './data/data-set.js';
import type { Person } from './data/records.js';
import { createFaultPlan, type FaultPlan } from './faults.js';
import type { Issued } from './pair.js';
import { createProvider, type Provider, restoreSnapshot, takeSnapshot } from './provider.js';
import { createRecorder, type RecordedRequest } from './recorder.js';
import type { ScenarioName } from './scenario-table.js';
import { createScenarios } from './scenarios.js';
import { plainWorld, type ProviderSettings, type Rotation } from './settings.js';
import { readStateFile, writeStateFile } from './state-file.js';
import { type Steering, steer } from './steering.js';
import { createStats, type SimulatorStats } from './stats.js';

export { SIMULATOR_CLIENT_ID, SIMULATOR_CLIENT_SECRET } from './clients.js';
export type { FaultPlan, Issued, Person, ProviderSettings, RecordedRequest, Rotation };
export type { SimulatorClient, SimulatorStats };
export type { Fault } from './faults.js';
export type { ScenarioName };

/** How to start a simulator; everything has a default. Times are in seconds. */
export interface SimulatorOptions {
  host?: string;
  /** 0, the default, takes a free port. */
  port?: number;
  /** Applications besides the built-in one. */
  clients?: SimulatorClient[];
  /** Of the built-in application; none means any loopback http URL. */
  redirectUris?: string[];
  rotation?: Rotation;
  accessTokenLifetime?: number;
  codeLifetime?: number;
  /** Milliseconds since the epoch; injected by tests to move time. */
  now?: () => number;
  /** Where codes and tokens outlive a restart; nowhere by default. */
  stateFile?: string;
  /** Tokens that speak for the clinic, as those of applications from before 26 August 2021. */
  legacyClinicTokens?: boolean;
  /** Told of every request: id, method, path, status. Never of a token. */
  log?: (line: Record<string, unknown>) => void;
}

/** A running simulator. */
export interface Simulator extends Steering {
  origin: string;
  apiUrl: string;
  port: number;
  people: Person[];
  faults: FaultPlan;
  readonly stats: SimulatorStats;
  requests: RecordedRequest[];
  /** Every code and token ever issued, for scans that look for leaks. */
  issued: Issued;
  /** Plays a state of Fullscript; `works` undoes it, and everything else that was switched on. */
  play: (scenario: ScenarioName) => void;
  /** The scenario that is on. */
  readonly scenario: ScenarioName | undefined;
  close(): Promise<void>;
}

/** Starts a Fullscript of our own. Fails when the port is taken or the state file is damaged. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { steering, scenarios, stats, ...parts } = assemble(options);
  const { provider, clients, faults, recorder } = parts;
  const { people } = parts.data;
  const closing = createClosing();
  const answering = createAnswering({ faults, onCall: stats.count, closing: closing.signal });
  const address = { origin: '' };
  const app = createApp({
    ...{ ...parts, scenarios, answering, address },
    setScopes: steering.setScopes,
    stats: stats.read,
    legacyClinicTokens: options.legacyClinicTokens ?? false,
  });
  const server = await listen(createServer(app), options);
  announce(server, clients);
  const { port } = server.address() as AddressInfo;
  address.origin = originOf(options.host, port);
  return {
    ...steering,
    ...{ origin: address.origin, apiUrl: `${address.origin}/api`, port, people, faults },
    play: scenarios.play,
    get scenario() {
      return scenarios.current();
    },
    get stats() {
      return stats.read();
    },
    requests: recorder.requests,
    issued: provider.issued,
    close: () => closeServer(server, closing),
  };
}

/** Everything that needs no server yet. */
function assemble(options: SimulatorOptions) {
  const now = options.now ?? Date.now;
  const provider = openProvider(options, now);
  const clients = createClients(options.clients ?? [], options.redirectUris ?? []);
  const data = createDataSet();
  const faults = createFaultPlan();
  const stats = createStats(provider);
  const recorder = createRecorder({ now, log: options.log ?? (() => undefined) });
  const { resetScopes, ...steering } = steer(provider, clients);
  const scenarios = createScenarios({ provider, faults, people: data.people, resetScopes });
  return { provider, clients, data, faults, stats, recorder, steering, scenarios };
}

function createClosing(): AbortController {
  const closing = new AbortController();
  // One for each answer that a fault holds back.
  setMaxListeners(0, closing.signal);
  return closing;
}

function announce(server: Server, clients: Clients): void {
  const clientSecrets = [...clients.values()].map(({ clientSecret }) => clientSecret);
  listeningChannel.publish({ server, clientSecrets });
}

function openProvider(options: SimulatorOptions, now: () => number): Provider {
  const { stateFile } = options;
  const provider: Provider = createProvider({
    settings: {
      rotation: options.rotation ?? 'on_use',
      accessTokenLifetime: options.accessTokenLifetime ?? 7200,
      codeLifetime: options.codeLifetime ?? 600,
      ...plainWorld(),
    },
    now,
    changed: () => {
      if (stateFile !== undefined) writeStateFile(stateFile, takeSnapshot(provider));
    },
  });
  if (stateFile !== undefined) restoreSnapshot(provider, readStateFile(stateFile));
  return provider;
}

function listen(server: Server, { host, port }: SimulatorOptions): Promise<Server> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port ?? 0, host ?? '127.0.0.1', () => resolve(server));
  });
}

function originOf(host = '127.0.0.1', port: number): string {
  if (host === '0.0.0.0' || host === '::') return `http://127.0.0.1:${port}`;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function closeServer(server: Server, closing: AbortController): Promise<void> {
  closing.abort();
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
