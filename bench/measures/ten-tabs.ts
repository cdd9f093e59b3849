import { createBrowser } from '../../test/support/browser.js';
import type { Contestant } from '../contestant.js';
import { OURS, PEERS_OF_OURS } from '../contestants.js';
import { sideBySide } from '../figures.js';
import type { Measure } from '../measure.js';
import { finishSignIn, isSignedIn, startSignIn } from '../sign-in.js';

const TABS = 10;

/** One browser starts ten sign-ins, then comes back from all of them at once. */
export const tenTabs: Measure = {
  name: 'ten-tabs',
  run: async (stage) => {
    const own = await tabsOf(await stage.start(OURS));
    const others: [string, string][] = [];
    for (const spec of PEERS_OF_OURS) {
      others.push([spec.name, textOf(await tabsOf(await stage.start(spec)))]);
    }
    const figure = {
      name: 'ten tabs signing in at once',
      wanted: `${TABS} of ${TABS}`,
      measured: textOf(own),
      reached: own.good === TABS,
      others: sideBySide(others),
    };
    return { figures: [figure] };
  },
};

interface Tabs {
  /** Those that ended without an error; none if the browser is not signed in after all that. */
  readonly good: number;
  /** Of the answers that ended the others; 0 where there was none. */
  readonly badStatuses: ReadonlySet<number>;
}

function textOf({ good, badStatuses }: Tabs): string {
  const bad = badStatuses.size === 0 ? '' : ` (else ${[...badStatuses].sort().join(', ')})`;
  return `${good} of ${TABS}${bad}`;
}

async function tabsOf(contestant: Contestant): Promise<Tabs> {
  const browser = createBrowser(contestant.origin);
  const backs: string[] = [];
  for (let tab = 0; tab < TABS; tab += 1) {
    const back = await startSignIn(contestant, { browser, name: 'ten-tabs' });
    if (back !== undefined) backs.push(back);
  }
  const none = { status: 0, location: null };
  const pages = await Promise.all(
    backs.map((back) => finishSignIn(contestant, browser, back).catch(() => none)),
  );
  const good = pages.filter(isGood).length;
  const badStatuses = new Set(pages.filter((page) => !isGood(page)).map(({ status }) => status));
  return { good: (await isSignedIn(contestant, browser)) ? good : 0, badStatuses };
}

/** A sign-in leads on; one library says in the address that it failed. */
function isGood({ status, location }: { status: number; location: string | null }): boolean {
  return status >= 300 && status < 400 && !/[?&]error=/.test(location ?? '');
}
