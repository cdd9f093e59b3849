import { until } from '../test/support/until.js';
import type { Answer } from './call.js';
import type { Fleet, Member } from './fleet.js';
import type { Visitor } from './visitor.js';

/** A call that waits for a refresh, and a refresh that waits for `open`. */
export interface HeldRefresh {
  readonly answer: Promise<Answer>;
  readonly open: () => void;
}

/** Expires the token and has `member` refresh it; the token endpoint has the request in its hands. */
export async function holdRefresh(
  { simulator }: Pick<Fleet, 'simulator'>,
  at: { visitor: Visitor; member: Pick<Member, 'ask'>; when?: 'before' | 'after' },
): Promise<HeldRefresh> {
  const { visitor, member, when = 'before' } = at;
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const { refreshes, pairsIssued } = simulator.stats;
  simulator.expireAccessTokens();
  simulator.faults.add({ endpoint: 'token', kind: 'delay', until: opened, times: 1, when });
  const answer = member.ask(visitor);
  await until(() => {
    const { stats } = simulator;
    return when === 'after' ? stats.pairsIssued > pairsIssued : stats.refreshes > refreshes;
  });
  return { answer, open };
}
