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
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Examination>((resolve) => {
    const found = `not done within ${timeoutMs / 1_000} s`;
    const todo = 'Something does not answer: see the other lines, and the network of this machine.';
    const tooLate = { findings: [problem(check, found, todo)], clocks: [] };
    timer = setTimeout(() => resolve(tooLate), timeoutMs);
  });
  try {
    return await Promise.race([work(), late]);
  } catch (error) {
    // Its message may hold anything.
    const found = `could not be looked at: ${failureOf(error)}`;
    return { findings: [problem(check, found, 'Look at it by hand.')], clocks: [] };
  } finally {
    clearTimeout(timer);
  }
}
