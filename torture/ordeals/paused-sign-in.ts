import { setTimeout as delay } from 'node:timers/promises';
import { type Browser, createBrowser } from '../../test/support/browser.js';
import type { Fleet, Member } from '../fleet.js';
import type { Ordeal, OrdealStage } from '../ordeal.js';

/** Up to more than a silent connection to Redis is kept. */
const PAUSE_MS = [1_000, 3_000] as const;
const UNLIMITED = { RATE_LIMIT_OAUTH: '0' };
/** How many ordinary sign-ins say how long one takes. */
const MEASURED = 9;

export const pausedSignIn: Ordeal = {
  name: 'paused-sign-in',
  title: 'process stopped for 1 to 3 s at any moment of a sign-in: signed in all the same',
  run: async ({ short, random, open }) => {
    const fleet = await open({ processes: 2, env: () => UNLIMITED });
    const rounds = short ? 5 : 25;
    const spans = await Promise.all(fleet.members.map((member) => usualSpan(fleet, member)));
    const misses: string[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      const problems = await Promise.all(
        fleet.members.map((member, i) =>
          pauseAmid(fleet, { member, person: i, random, spanMs: spans[i]! }).catch(
            (error: unknown) => [`no sign-in could be started: ${String(error)}`],
          ),
        ),
      );
      misses.push(...problems.flat().map((problem) => `round ${round}: ${problem}`));
    }
    const pauses = rounds * fleet.members.length;
    const span = `${Math.round(Math.max(...spans))} ms`;
    const figure = `${pauses} pauses within ${span} of a callback, ${misses.length} sign-ins lost`;
    return { rounds: pauses, figure, misses };
  },
};

/** How long a callback takes that is left in peace: as long as the middle one of some. */
async function usualSpan(fleet: Fleet, member: Member): Promise<number> {
  const spans: number[] = [];
  for (let i = 0; i < MEASURED; i += 1) {
    const { browser, callback } = await consented(fleet, member, 0);
    const from = performance.now();
    await browser.send(callback);
    spans.push(performance.now() - from);
  }
  return spans.toSorted((a, b) => a - b)[Math.floor(MEASURED / 2)]!;
}

async function consented({ simulator }: Fleet, { origin }: Member, person: number) {
  const browser = createBrowser(origin);
  return { browser, callback: await browser.consent({ person: simulator.people[person]!.id }) };
}

async function pauseAmid(
  fleet: Fleet,
  at: { member: Member; person: number; random: OrdealStage['random']; spanMs: number },
): Promise<string[]> {
  const { member, random } = at;
  const momentMs = random.between(0, at.spanMs);
  const pauseMs = random.between(...PAUSE_MS);
  const { browser, callback } = await consented(fleet, member, at.person);
  const outcome = answerOf(browser.send(callback));
  await delay(momentMs);
  member.pause();
  await delay(pauseMs);
  member.resume();
  const when = `stopped after ${momentMs.toFixed(1)} ms for ${Math.round(pauseMs)} ms`;
  const told = await outcome;
  const session = await answerOf(browser.send('/api/session'));
  const isSignedIn = session.includes('"signedIn":true');
  return told === '303' && isSignedIn ? [] : [`${when}: ${told}, then ${session}`];
}

/** The status, the code on an error page, and the body of other answers; or why there is none. */
async function answerOf(answer: ReturnType<Browser['send']>): Promise<string> {
  try {
    const { status, text } = await answer;
    const code = /\((\w+)\)<|"signedIn":\w+/.exec(text);
    return [status, code?.[0].replace('<', '') ?? []].flat().join(' ');
  } catch (error) {
    return `no answer: ${String((error as Error).cause ?? error)}`;
  }
}
