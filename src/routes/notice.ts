import type { ReadFailure } from '../fullscript/read-failure.js';
import { ERROR_TABLE, type ErrorCode } from '../http/error-table.js';
import { permissions } from './permissions.js';

/** What stands in a section in place of what could not be read. */
export interface Notice {
  readonly tone: 'plain' | 'warn' | 'bad';
  readonly title: string;
  readonly text: string;
  /** Seconds until it makes sense to try again. */
  readonly wait?: number;
  /** The way on; the empty text is this page once more. */
  readonly href?: string;
  readonly label?: string;
  /** Fullscript's id of the request, for its support. */
  readonly reference?: string;
}

/** About what a section is, in words that go into a sentence. */
export interface Subject {
  /** `the patients`, `the orders`. */
  readonly what: string;
  readonly scope: string;
  /** Where permissions that were added since are received. */
  readonly reconnectHref: string;
}

type Words = (subject: Subject) => Pick<Notice, 'tone' | 'title' | 'text' | 'href' | 'label'>;

const again = { href: '', label: 'Try again' };

const WORDS: Readonly<Record<ReadFailure['kind'], Words>> = {
  scope_missing: ({ scope, reconnectHref }) => ({
    tone: 'warn',
    title: 'A permission is missing',
    text: `Your connection lacks the permission “${titleOf(scope)}” (${scope}). If it was added lately, connect again to receive it.`,
    href: reconnectHref,
    label: 'Connect again',
  }),
  restricted: ({ what, reconnectHref }) => ({
    tone: 'plain',
    title: 'Not open to this portal',
    text: `Fullscript does not let this portal, or your role, see ${what}; some things it shows by agreement only. If that was changed lately, connect again.`,
    href: reconnectHref,
    label: 'Connect again',
  }),
  not_found: ({ what }) => ({
    tone: 'plain',
    title: 'Fullscript does not have this',
    text: `It does not know ${what}. It may have been removed.`,
  }),
  rate_limited: ({ what }) => ({
    tone: 'warn',
    title: 'Fullscript asks for a pause',
    text: `It was asked too often. You stay signed in; ${what} can be loaded again shortly.`,
    ...again,
  }),
  crowded: ({ what }) => ({
    tone: 'warn',
    title: 'Too many things are loading at once',
    text: `So much is being loaded for you that ${what} had no turn. You stay signed in; try again in a moment.`,
    ...again,
  }),
  congested: ({ what }) => ({
    tone: 'warn',
    title: 'Fullscript is slow just now',
    text: `So many people wait for its answers that ${what} had no turn. You stay signed in; try again in a moment.`,
    ...again,
  }),
  slow: troubled('warn', 'Fullscript did not answer in time', 'It was asked, and waited for.'),
  offline: troubled('bad', 'Fullscript cannot be reached', 'No connection could be made to it.'),
  trouble: troubled('bad', 'Fullscript has a problem', 'It answered with an error of its own.'),
  garbage: troubled(
    'bad',
    'Fullscript answered in an unknown form',
    'There was an answer, but this portal cannot read it.',
  ),
  refused: troubled(
    'bad',
    'Fullscript refused this question',
    'It does not accept what this portal asked. The people who run the portal have to look at it if that goes on.',
  ),
};

function troubled(tone: Notice['tone'], title: string, why: string): Words {
  return ({ what }) => ({
    tone,
    title,
    text: `${why} So ${what} could not be loaded. You stay signed in; please try again in a moment.`,
    ...again,
  });
}

function titleOf(scope: string): string {
  return permissions([scope])[0]?.title ?? scope;
}

/** What is said about a read that failed. */
export function notice(failure: ReadFailure, subject: Subject): Notice {
  const { kind, retryAfterMs, requestId } = failure;
  return {
    ...WORDS[kind](subject),
    ...(retryAfterMs === undefined ? {} : { wait: Math.ceil(retryAfterMs / 1000) }),
    ...(requestId === undefined ? {} : { reference: requestId }),
  };
}

/** Under which code the same is listed for everybody else. The first two are explained, not failed. */
const CODES: Readonly<Record<ReadFailure['kind'], ErrorCode | undefined>> = {
  scope_missing: undefined,
  restricted: undefined,
  not_found: 'fullscript_not_found',
  rate_limited: 'fullscript_rate_limited',
  slow: 'fullscript_timeout',
  offline: 'fullscript_unreachable',
  trouble: 'fullscript_unavailable',
  garbage: 'fullscript_unexpected',
  refused: 'fullscript_refused',
  crowded: 'too_many_open_calls',
  congested: 'fullscript_congested',
};

/** The status of a page that was made for what could not be read. */
export function failureStatus({ kind }: ReadFailure): number {
  const code = CODES[kind];
  return code === undefined ? 200 : ERROR_TABLE[code].status;
}
