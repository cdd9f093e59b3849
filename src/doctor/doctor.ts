import { join } from 'node:path';
import { readEnvFile } from '../config/env-file.js';
import { isLoopback } from '../config/loopback.js';
import type { Environment } from '../config/read-variables.js';
import { type Survey, surveyConfig } from '../config.js';
import { embeddedState } from '../redis/embedded-state.js';
import { inspectStore } from '../redis/inspection.js';
import { marksOf } from '../redis/installation.js';
import { storeHosts, storeLabel } from '../redis/store-label.js';
import type { StoreAddress } from '../redis/store-url.js';
import { bounded } from './bounded.js';
import { examineClock } from './clock.js';
import { examineConfiguration } from './configuration.js';
import { type Examination, type Finding, ok, skipped, together, warning } from './finding.js';
import { type FullscriptDeps, examineRegistration } from './fullscript.js';
import { examineDataFolder, examineEnvFile, examineNode } from './machine.js';
import { examineBaseUrl } from './redirect.js';
import { examineSimulator } from './simulator.js';
import { examineStore } from './store.js';
import { unknownVariables } from './unknown-variables.js';

export interface DoctorDeps extends Omit<FullscriptDeps, 'baseUrl'> {
  /** Where `.env` may be. */
  readonly folder: string;
  readonly nodeVersion: string;
  /** Told with each part that is done, and how many there are. */
  readonly onPart?: (done: number, of: number) => void;
}

/** A look at Redis takes several answers one after the other. */
const PART_MS = 12_000;
const REDIS_READY_MS = 5_000;

type Part = readonly [check: string, work: () => Promise<Examination>];

/** Looks at an installation from all sides, with a configuration that may be wrong. Changes nothing. */
export async function examine(deps: DoctorDeps): Promise<readonly Finding[]> {
  const survey = surveyConfig(deps.env);
  const file = readEnvFile(join(deps.folder, '.env'));
  const parts = [...localParts(deps, survey, file), ...remoteParts(deps, survey)];
  let done = 0;
  const examinations = await Promise.all(
    parts.map(async ([check, work]) => {
      const examination = await bounded(check, PART_MS, work);
      deps.onPart?.((done += 1), parts.length);
      return examination;
    }),
  );
  const { findings, clocks } = together(examinations);
  return [...findings, examineClock(clocks)];
}

function localParts(deps: DoctorDeps, survey: Survey, file: Environment | undefined): Part[] {
  const { env, folder, nodeVersion } = deps;
  const { dataDir, values } = survey;
  const look = (findings: readonly Finding[]): Examination => ({ findings, clocks: [] });
  return [
    [
      'configuration.variables',
      () =>
        Promise.resolve(
          look([...examineConfiguration(survey), ...unknownVariables(env, file ?? {})]),
        ),
    ],
    ['machine.node', () => Promise.resolve(look([examineNode(nodeVersion)]))],
    [
      'machine.data-folder',
      async () => look(await examineDataFolder(dataDir, values.encryptionKeys)),
    ],
    [
      'machine.env-file',
      async () => look(file === undefined ? [] : await examineEnvFile(folder, file)),
    ],
  ];
}

function remoteParts(deps: DoctorDeps, survey: Survey): Part[] {
  const { baseUrl, registrations, simulated } = survey;
  const look = (finding: Finding): Examination => ({ findings: [finding], clocks: [] });
  const simulator: Part[] = simulated
    ? [['fullscript.simulator', async () => look(await simulatorOrNothing(deps, survey))]]
    : [];
  return [
    ...simulator,
    ...registrations.map((one): Part => [
      `fullscript.${one.id}`,
      () => examineRegistration({ ...deps, baseUrl }, one),
    ]),
    ['redirect.base-url', async () => look(await examineBaseUrl(deps, baseUrl))],
    ['redis.connection', () => store(deps, survey)],
  ];
}

/** Half a registration is no wish for the simulator. */
async function simulatorOrNothing(
  { network, offline }: DoctorDeps,
  { values, production }: Survey,
): Promise<Finding> {
  const check = 'fullscript.simulator';
  const { simulatorUrl, clientId, clientSecret } = values;
  if (production || clientId !== undefined || clientSecret !== undefined) {
    return skipped('fullscript.registration', 'no registration is complete: see the configuration');
  }
  const url = simulatorUrl?.replace(/\/$/, '');
  if (url !== undefined && offline && !isLoopback(url)) {
    return skipped(check, `${url}: not asked (--offline)`);
  }
  return examineSimulator(network, url);
}

async function store(
  deps: Pick<DoctorDeps, 'now' | 'elapsed' | 'offline'>,
  { problems, production, dataDir, values }: Survey,
): Promise<Examination> {
  const check = 'redis.connection';
  const look = (finding: Finding): Examination => ({ findings: [finding], clocks: [] });
  const prefix = values.redisPrefix;
  const address = values.redisUrl;
  const marks = values.encryptionKeys && marksOf(values.encryptionKeys);
  if (address !== undefined) return inspected(deps, { ...address, prefix }, marks);
  if (problems.some(({ variable }) => variable === 'REDIS_URL') || production) {
    return look(skipped(check, 'REDIS_URL cannot be used: see the configuration'));
  }
  const state = await embeddedState(dataDir);
  if (state.kind === 'running') return inspected(deps, { ...state.address, prefix }, marks);
  if (state.kind === 'not running') {
    const found = `embedded: no server runs on ${dataDir}; one starts a ${state.program} of its own`;
    return look(ok(check, found));
  }
  const found = 'REDIS_URL is unset and no redis-server is installed: nothing survives a restart';
  return look(warning(check, found, 'Install redis-server, or set REDIS_URL.'));
}

async function inspected(
  { now, elapsed, offline }: Pick<DoctorDeps, 'now' | 'elapsed' | 'offline'>,
  address: StoreAddress,
  marks?: readonly string[],
): Promise<Examination> {
  const label = storeLabel(address);
  const isHere = storeHosts(address).every((host) => isLoopback(`http://${bracketed(host)}`));
  if (offline && !isHere) {
    return {
      findings: [skipped('redis.connection', `${label}: not asked (--offline)`)],
      clocks: [],
    };
  }
  const inspection = await inspectStore({ address, readyWaitMs: REDIS_READY_MS, now, elapsed });
  return examineStore(label, inspection, marks);
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
