import { setTimeout as delay } from 'node:timers/promises';
import type { Answer } from './call.js';
import type { Member } from './fleet.js';
import type { Random } from './random.js';
import type { Visitor } from './visitor.js';

export interface Load {
  /** Lets calls in flight finish, and gives all answers. */
  readonly stop: () => Promise<Answer[]>;
}

const HEALTH_EVERY_MS = 50;

/**
 * Clients that ask one call after the other, each time at a process of their choice. Like a load
 * balancer they go on to the next process when a connection is refused, and only then; with
 * `healthChecks` they also leave out processes that say they are not ready.
 */
export function startLoad(options: {
  readonly members: readonly Member[];
  readonly visitors: readonly Visitor[];
  readonly clients: number;
  readonly pauseMs: number;
  readonly random: Random;
  readonly healthChecks?: boolean;
}): Load {
  const { members, visitors, clients, pauseMs } = options;
  const answers: Answer[] = [];
  const unready = new Set<Member>();
  let stopped = false;

  async function client(visitor: Visitor): Promise<void> {
    const random = options.random.fork();
    while (!stopped) {
      const first = random.below(members.length);
      const order = members.map((_, index) => members[(first + index) % members.length]!);
      const ready = order.filter((member) => !unready.has(member));
      answers.push(await askAny(ready.length > 0 ? ready : order, visitor));
      await delay(pauseMs * (0.5 + random.next()));
    }
  }

  async function check(member: Member): Promise<void> {
    while (!stopped) {
      if (await member.isReady()) unready.delete(member);
      else unready.add(member);
      await delay(HEALTH_EVERY_MS);
    }
  }

  const checks = options.healthChecks === true ? members.map(check) : [];
  const running = Array.from({ length: clients }, (_, i) => client(visitors[i % visitors.length]!));
  return {
    stop: async () => {
      stopped = true;
      await Promise.all([...running, ...checks]);
      return answers;
    },
  };
}

async function askAny(members: readonly Member[], visitor: Visitor): Promise<Answer> {
  const [first, ...others] = members;
  const answer = await first!.ask(visitor);
  return answer.code === 'ECONNREFUSED' && others.length > 0 ? askAny(others, visitor) : answer;
}
