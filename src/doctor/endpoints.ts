import { isLoopback } from '../config/loopback.js';
import type { AuthorizationServer } from '../oauth/authorization-server.js';
import type { DocumentedUrls } from './documented-urls.js';
import { failureOf } from './failure.js';
import { type ClockSample, type Examination, ok, problem, skipped } from './finding.js';
import type { HostDeps } from './hosts.js';

export interface EndpointsAt {
  readonly group: string;
  readonly server: AuthorizationServer;
  readonly documented: DocumentedUrls;
  /** The variable for an endpoint, of this registration. */
  readonly variable: (endpoint: 'apiUrl' | 'authorizeUrl') => string;
}

/** Something asked of an address, and whether Fullscript's own answer came. */
interface Asked {
  readonly url: string;
  readonly answers: boolean;
  readonly how: string;
  readonly clock: ClockSample | undefined;
}

interface Kind {
  readonly name: 'api' | 'authorize';
  readonly endpoint: 'apiUrl' | 'authorizeUrl';
  /** What is asked for below the address. */
  readonly path: string;
  readonly isAnswer: (status: number) => boolean;
}

/** Without a bearer the API says 401; a stranger at the authorize page is sent to sign in. */
const KINDS: readonly Kind[] = [
  {
    ...{ name: 'api', endpoint: 'apiUrl', path: '/clinic' },
    isAnswer: (status) => status === 401 || status === 403,
  },
  {
    ...{ name: 'authorize', endpoint: 'authorizeUrl', path: '' },
    isAnswer: (status) => status >= 200 && status < 400,
  },
];

/**
 * Whether API and authorize page answer where they are configured, and which of the addresses that
 * Fullscript's documentation has for them do.
 */
export async function examineEndpoints(deps: HostDeps, at: EndpointsAt): Promise<Examination> {
  const parts = await Promise.all(KINDS.map((kind) => examineKind(deps, at, kind)));
  return {
    findings: parts.flatMap(({ findings }) => findings),
    clocks: parts.flatMap(({ clocks }) => clocks),
  };
}

async function examineKind(deps: HostDeps, at: EndpointsAt, kind: Kind): Promise<Examination> {
  const { group, server, documented } = at;
  const configured = server[kind.endpoint];
  const check = `${group}.${kind.name}`;
  const isLocal = isLoopback(configured);
  if (deps.offline && !isLocal) {
    return { findings: [skipped(check, `${configured}: not asked (--offline)`)], clocks: [] };
  }
  // Whoever talks to a simulator does not want to know where Fullscript is.
  const others = isLocal ? [] : documented[kind.name].filter((url) => url !== configured);
  const [own, ...rest] = await Promise.all(
    [configured, ...others].map((url) => ask(deps, kind, url)),
  );
  const all = [own, ...rest].filter((one) => one !== undefined);
  const clocks = all.flatMap(({ clock, answers }) => (clock && answers ? [clock] : []));
  const found = byAnswer(all);
  if (own?.answers === true) return { findings: [ok(check, found)], clocks };
  return { findings: [problem(check, found, remedy(at, kind, rest))], clocks };
}

/** "answers: one, another; no answer in time: a third". */
function byAnswer(asked: readonly Asked[]): string {
  const answers = new Set(asked.map(({ how }) => how));
  return [...answers]
    .map((how) => {
      const its = asked.filter((one) => one.how === how).map(({ url }) => url);
      return `${how}: ${its.join(', ')}`;
    })
    .join('; ');
}

function remedy({ variable, server }: EndpointsAt, kind: Kind, rest: readonly Asked[]): string {
  const better = rest.find(({ answers }) => answers);
  if (better === undefined) {
    return `None of the documented addresses answers from here: see to the network of this machine, or to ${variable(kind.endpoint)}.`;
  }
  const moves = kind.name === 'api' && server.authorizeUrl.startsWith(server.apiUrl);
  const more = moves ? ' Authorize, token and revocation endpoint move with it.' : '';
  return `Set ${variable(kind.endpoint)}=${better.url}.${more}`;
}

async function ask(deps: HostDeps, kind: Kind, url: string): Promise<Asked> {
  const { network, now } = deps;
  const from = now();
  try {
    const { status, date } = await network.get(url + kind.path);
    // `Date` has whole seconds: the middle of one, at the middle of the trip.
    const ours = (from + now()) / 2;
    const source = new URL(url).host;
    const clock = date === undefined ? undefined : { source, theirs: date + 500, ours };
    const answers = kind.isAnswer(status);
    return {
      url,
      answers,
      how: answers ? 'answers' : `answers with ${status}`,
      clock,
    };
  } catch (error) {
    return { url, answers: false, how: failureOf(error), clock: undefined };
  }
}
