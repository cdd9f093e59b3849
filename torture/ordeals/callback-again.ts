import { setTimeout as delay } from 'node:timers/promises';
import { copyOf, createBrowser, sessionOf } from '../../test/support/browser.js';
import type { Fleet } from '../fleet.js';
import type { Ordeal, OrdealStage } from '../ordeal.js';

/** How long Fullscript takes for a code, at most. */
const SLOW_MS = 400;
const UNLIMITED = { RATE_LIMIT_OAUTH: '0' };

export const callbackAgain: Ordeal = {
  name: 'callback-again',
  title:
    'client leaves at any moment of its callback and comes again, to another process: signed in once',
  run: async ({ short, random, open }) => {
    const fleet = await open({ processes: 2, env: () => UNLIMITED });
    const rounds = short ? 20 : 200;
    const misses: string[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      const problem = await leaveAndCome(fleet, { round, random });
      if (problem !== undefined) misses.push(`round ${round}: ${problem}`);
    }
    return { rounds, figure: `${misses.length} of ${rounds} sign-ins lost or made twice`, misses };
  },
};

async function leaveAndCome(
  { simulator, members }: Fleet,
  { round, random }: { round: number; random: OrdealStage['random'] },
): Promise<string | undefined> {
  const [from, to] = [members[round % 2]!, members[(round + 1) % 2]!];
  const browser = createBrowser(from.origin);
  const callback = await browser.consent({ person: simulator.people[0]!.id });
  const again = copyOf(browser, to.origin);
  const { exchanges } = simulator.stats;
  const takesMs = random.between(0, SLOW_MS);
  simulator.faults.add({ endpoint: 'token', kind: 'delay', ms: takesMs, times: 1 });
  const afterMs = random.between(1, SLOW_MS);
  const client = new AbortController();
  const first = browser.send(callback, { signal: client.signal }).catch(() => undefined);
  await delay(afterMs);
  client.abort();
  const hasAnswered = (await first) !== undefined;
  const next = hasAnswered ? browser : again;
  const { status } = await next.send(callback);
  const { signedIn } = await sessionOf(next);
  const calls = simulator.stats.exchanges - exchanges;
  if (status === 303 && signedIn && calls === 1) return undefined;
  const when = `left after ${Math.round(afterMs)} of about ${Math.round(takesMs)} ms`;
  return `${when}: then ${status}, signed in: ${signedIn}, ${calls} token calls`;
}
