import { failureOf } from './failure.js';
import { type Finding, ok, problem } from './finding.js';
import type { Network } from './network.js';

/** The simulator that stands in for Fullscript while no registration is configured. */
export async function examineSimulator(
  network: Pick<Network, 'get'>,
  url: string | undefined,
): Promise<Finding> {
  const check = 'fullscript.simulator';
  if (url === undefined) {
    return ok(
      check,
      'no client id is set: the server starts the simulator, no real account is touched',
    );
  }
  const todo = 'Start it (npm run simulator), or correct SIMULATOR_URL.';
  try {
    const { status, text } = await network.get(`${url}/simulator/health`);
    if (status === 200 && text.includes('"fullscript"')) return ok(check, `${url} runs`);
    return problem(check, `${url} answers ${status}, but is no simulator`, todo);
  } catch (error) {
    return problem(check, `${url}: ${failureOf(error)}`, todo);
  }
}
