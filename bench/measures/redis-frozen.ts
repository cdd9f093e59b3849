import type { Contestant } from '../contestant.js';
import { OURS, PEERS_OF_OURS } from '../contestants.js';
import { sideBySide } from '../figures.js';
import type { Measure } from '../measure.js';
import { type User, isSignedIn, signInUsers } from '../sign-in.js';

const USERS = 50;
const CUT_OFF_MS = 10_000;
const LIMIT_MS = 1_000;

interface Frozen {
  /** Milliseconds; undefined: none before the cut-off. */
  readonly firstAnswer: number | undefined;
  readonly statuses: ReadonlySet<number>;
  readonly stillSignedIn: number;
}

/** Redis keeps its connections and says nothing; users ask; then it goes on. */
export const redisFrozen: Measure = {
  name: 'redis-frozen',
  run: async (stage) => {
    const own = await freeze(await stage.start(OURS));
    const others: [string, Frozen][] = [];
    for (const spec of PEERS_OF_OURS) {
      others.push([spec.name, await freeze(await stage.start(spec))]);
    }
    const side = (text: (frozen: Frozen) => string) =>
      sideBySide(others.map(([name, frozen]) => [name, text(frozen)]));
    const { firstAnswer = Infinity, stillSignedIn } = own;
    return {
      figures: [
        {
          name: 'Redis frozen: first answer',
          wanted: '≤ 1 s',
          measured: answerText(own),
          reached: firstAnswer <= LIMIT_MS,
          others: side(answerText),
        },
        {
          name: 'users still signed in afterwards',
          wanted: 'all',
          measured: usersText(own),
          reached: stillSignedIn === USERS,
          others: side(usersText),
        },
      ],
    };
  },
};

const answerText = ({ firstAnswer, statuses }: Frozen) =>
  firstAnswer === undefined
    ? `none in ${CUT_OFF_MS / 1_000} s`
    : `${firstAnswer.toFixed(0)} ms (${[...statuses].sort().join(', ')})`;
const usersText = ({ stillSignedIn }: Frozen) => `${stillSignedIn} of ${USERS}`;

async function freeze(contestant: Contestant): Promise<Frozen> {
  const users = await signInUsers(contestant, { count: USERS });
  const statuses = new Set<number>();
  let firstAnswer: number | undefined;
  contestant.redis?.pause();
  const from = performance.now();
  try {
    await Promise.all(
      users.map(async (user) => {
        const status = await statusOf(contestant, user);
        if (status === undefined) return;
        firstAnswer ??= performance.now() - from;
        statuses.add(status);
      }),
    );
  } finally {
    contestant.redis?.resume();
  }
  return { firstAnswer, statuses, stillSignedIn: await countSignedIn(contestant, users) };
}

/** With the browser, which drops its cookies when it is told to. */
async function statusOf({ spec }: Contestant, { browser }: User): Promise<number | undefined> {
  const signal = AbortSignal.timeout(CUT_OFF_MS);
  return browser.send(spec.signedInPath, { signal }).then(
    ({ status }) => status,
    () => undefined,
  );
}

async function countSignedIn(contestant: Contestant, users: readonly User[]): Promise<number> {
  const found = await Promise.all(
    users.map(({ browser }) => isSignedIn(contestant, browser).catch(() => false)),
  );
  return found.filter(Boolean).length;
}
