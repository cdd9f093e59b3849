import { Cluster, type Redis } from 'ioredis';
import type { RedisClient } from './client.js';
import { type Durability, type ServerFacts, durabilityOf } from './durability.js';
import { createTouchThrottle } from './touch-throttle.js';

/** What is known of the server behind a client; asked once a connection. */
export interface DurabilityCheck {
  /** Undefined while it cannot be asked. Never fails. */
  readonly current: () => Promise<Durability | undefined>;
  /** Something was not as expected: asks again in the background, if that is not too soon. */
  readonly doubt: () => void;
}

export interface DurabilityCheckDeps {
  readonly client: RedisClient;
  /** Told each time the server was asked, so with every connection. */
  readonly onLearned?: ((durability: Durability) => void) | undefined;
  readonly now?: () => number;
}

const DOUBT_EVERY_MS = 2_000;

/** Asks with every new connection, because behind it may be another server. */
export function createDurabilityCheck(deps: DurabilityCheckDeps): DurabilityCheck {
  const { client, onLearned, now = () => performance.now() } = deps;
  const doubts = createTouchThrottle({ everyMs: DOUBT_EVERY_MS, limit: 1, now });
  let known: Promise<Durability | undefined> | undefined;

  async function ask(): Promise<Durability | undefined> {
    const durability = await askAll(client).catch(() => undefined);
    if (durability !== undefined) onLearned?.(durability);
    return durability;
  }

  function learn(): Promise<Durability | undefined> {
    const answer = ask().then((durability) => {
      // Nobody answered: whoever needs to know next asks again.
      if (durability === undefined && known === answer) known = undefined;
      return durability;
    });
    return (known = answer);
  }

  /** Nobody waits for it: what was known holds until there is an answer. */
  async function learnAgain(): Promise<void> {
    const durability = await ask();
    if (durability !== undefined && known !== undefined) known = Promise.resolve(durability);
  }

  client.on('ready', () => void learn());
  client.on('close', () => (known = undefined));
  return {
    current: () => known ?? learn(),
    doubt: () => {
      if (known !== undefined && doubts.due('')) void learnAgain();
    },
  };
}

async function askAll(client: RedisClient): Promise<Durability> {
  if (!(client instanceof Cluster)) return durabilityOf(await readFacts(client));
  const judge = async (node: Redis) => durabilityOf(await readFacts(node));
  const all = await Promise.all(client.nodes('master').map(judge));
  const problems = all.flatMap((one) => one.problems);
  // Nodes are usually set alike: each problem is said once.
  const texts = new Map(problems.map((problem) => [problem.text, problem]));
  const mayLag = all.some((one) => one.mayLag);
  return { wait: undefined, mayLag, problems: [...texts.values()] };
}

/**
 * Asks a server about itself. What the login may not ask is missing from the answer.
 *
 * @throws Error of ioredis when the server does not answer.
 */
export async function readFacts(client: Redis): Promise<ServerFacts> {
  const [info, settings] = await Promise.all([
    unlessRefused(client.info()),
    // By pattern: several names in one command came with Redis 7.
    unlessRefused(client.config('GET', '*append*')),
  ]);
  return { info, settings: settings && pairs(settings) };
}

async function unlessRefused<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isRefusal(error)) return undefined;
    throw error;
  }
}

/** Whether the server answered, and with an error, as opposed to not answering. */
export function isRefusal(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

function pairs(flat: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? ''] as const] : [])),
  );
}
