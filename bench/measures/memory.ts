import { setTimeout as delay } from 'node:timers/promises';
import type { Contestant } from '../contestant.js';
import { OURS } from '../contestants.js';
import { atMost } from '../figures.js';
import { getRequest, loadWell } from '../http-load.js';
import { INSPECTED, type Inspector, openInspector } from '../inspector.js';
import type { Measure } from '../measure.js';
import { memoryOf } from '../process-use.js';
import { signInUsers } from '../sign-in.js';

const USERS = 10_000;
const FIRST = 10_000;
const ALL = 100_000;
const CONNECTIONS = 16;
/** How often it is looked whether memory still shrinks, and for how long. */
const LOOK_MS = 1_000;
const LOOKS = 15;
/** All of them come from one address here, which is what this limit is against. */
const NO_LIMIT = { RATE_LIMIT_OAUTH: '0' };

interface Memory {
  readonly resident: number;
  readonly heap: number;
}

/** Many users, many requests, half of them calls of the API: what the server holds on to. */
export const memory: Measure = {
  name: 'memory',
  run: async (stage) => {
    const share = stage.short ? 0.1 : 1;
    const contestant = await stage.start(OURS, { env: NO_LIMIT, nodeArgs: [INSPECTED] });
    const inspector = await openInspector(contestant.program);
    const users = await signInUsers(contestant, { count: USERS * share });
    const kinds = [OURS.signedInPath, OURS.gatewayPath];
    // Every user once before anybody comes again, then with the other kind of request.
    const requests = kinds.flatMap((_, turn) =>
      users.map(({ cookie }, at) => getRequest(kinds[(at + turn) % 2] ?? '', cookie)),
    );
    await ask(contestant, { requests, total: FIRST * share });
    const early = await settled(contestant, inspector);
    await ask(contestant, { requests, total: (ALL - FIRST) * share });
    const late = await settled(contestant, inspector);
    inspector.close();
    const what = `after ${number(ALL * share)} requests of ${number(USERS * share)} users`;
    const figure = (name: string, kind: keyof Memory) =>
      atMost(1.1, {
        name: `${name} ${what}, against the first ${number(FIRST * share)}`,
        value: late[kind] / early[kind],
        text: `${(late[kind] / early[kind]).toFixed(2)} (${megabytes(late[kind])}, ${megabytes(early[kind])})`,
      });
    return { figures: [figure('memory', 'resident'), figure('live heap', 'heap')] };
  },
};

const number = (value: number) => value.toLocaleString('en');
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;

async function ask(
  { port, spec }: Contestant,
  { requests, total }: { requests: readonly Buffer[]; total: number },
): Promise<void> {
  await loadWell(spec.name, { port, requests, total, connections: CONNECTIONS });
}

/** When what is not needed has been collected, and given back as far as the engine does that. */
async function settled({ program }: Contestant, inspector: Inspector): Promise<Memory> {
  let heap = await inspector.liveHeap();
  let resident = memoryOf(program.pid).pss;
  for (let look = 0; look < LOOKS; look += 1) {
    await delay(LOOK_MS);
    heap = await inspector.liveHeap();
    const now = memoryOf(program.pid).pss;
    if (now >= resident * 0.995) break;
    resident = now;
  }
  return { resident, heap };
}
