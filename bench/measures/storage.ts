import type { Redis } from 'ioredis';
import {
  GRANT_INDEX_KEY,
  GRANT_KEYS,
  SESSION_KEYS,
  userSessionsKey,
} from '../../test/support/keys.js';
import type { Contestant } from '../contestant.js';
import { OURS, PEERS_OF_OURS } from '../contestants.js';
import { atMost, shown, sideBySide } from '../figures.js';
import type { Measure } from '../measure.js';
import { withClient } from '../redis-use.js';
import { signInUsers } from '../sign-in.js';

const USERS = 50;

/** What a user takes up in Redis, by Redis's own account. */
export const storage: Measure = {
  name: 'storage',
  run: async (stage) => {
    const ours = await stage.start(OURS);
    const own = await bytesByKind(ours);
    const others: [string, string][] = [];
    for (const spec of PEERS_OF_OURS) {
      const { all } = await bytesByKind(await stage.start(spec));
      others.push([spec.name, `${all.toFixed(0)} B`]);
    }
    const side = `for each user, all told: ${sideBySide(others)}`;
    const grant = own.grant + own.indexEntry;
    const session = own.session + own.userSessions;
    const split = (record: number, index: number) =>
      `${(record + index).toFixed(0)} B (record ${record.toFixed(0)}, index ${index.toFixed(0)})`;
    return {
      figures: [
        atMost(1.2, {
          name: 'bytes in Redis, a grant',
          ...{ value: grant / 1_000, unit: ' kB', others: side },
          text: split(own.grant, own.indexEntry),
        }),
        atMost(0.5, {
          name: 'bytes in Redis, a session',
          ...{ value: session / 1_000, unit: ' kB', others: side },
          text: split(own.session, own.userSessions),
        }),
        shown({
          name: 'bytes in Redis, a user who has signed in, activity and audit lines included',
          text: `${own.all.toFixed(0)} B`,
          others: side,
        }),
      ],
    };
  },
};

interface Bytes {
  readonly grant: number;
  readonly indexEntry: number;
  readonly session: number;
  readonly userSessions: number;
  /** Everything there is, for each user. */
  readonly all: number;
}

async function bytesByKind(contestant: Contestant): Promise<Bytes> {
  await signInUsers(contestant, { count: USERS });
  return withClient(contestant.redis?.url ?? '', async (client) => {
    // A user's share of all keys that match.
    const share = async (pattern: string) => {
      const sizes = await Promise.all(
        (await client.keys(pattern)).map((key) => bytesOf(client, key)),
      );
      return sizes.reduce((sum, size) => sum + size, 0) / USERS;
    };
    return {
      grant: await share(GRANT_KEYS),
      indexEntry: await share(GRANT_INDEX_KEY),
      session: await share(SESSION_KEYS),
      userSessions: await share(userSessionsKey('*')),
      all: await share('*'),
    };
  });
}

/** Whole, not estimated from some of its members. */
async function bytesOf(client: Redis, key: string): Promise<number> {
  return Number(await client.memory('USAGE', key, 'SAMPLES', 0));
}
