import { atMost } from '../grants/patience.js';
import { failureOf } from './failure.js';
import { type Examination, problem } from './finding.js';

/**
 * What came of a piece of work, or that it failed or took too long: one that hangs must not hold up the others.
 * What it was about to say is lost then.
 */
export async function bounded(
  check: string,
  timeoutMs: number,
  work: () => Promise<Examination>,
): Promise<Examination> {
  try {
    const examination = await atMost(timeoutMs, work());
    if (examination !== undefined) return examination;
    const found = `not done within ${timeoutMs / 1_000} s`;
    const todo = 'Something does not answer: see the other lines, and the network of this machine.';
    return { findings: [problem(check, found, todo)], clocks: [] };
  } catch (error) {
    // Its message may hold anything.
    const found = `could not be looked at: ${failureOf(error)}`;
    return { findings: [problem(check, found, 'Look at it by hand.')], clocks: [] };
  }
}
