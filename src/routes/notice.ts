import type { ReadFailure } from '../fullscript/read-failure.js';

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
    text: `The application lacks the permission ${scope}. If it was added lately, connect again.`,
    href: reconnectHref,
    label: 'Connect again',
  }),
  restricted: ({ what, reconnectHref }) => ({
    tone: 'plain',
    title: 'Not open to this application',
    text: `Fullscript does not let this application, or your role, see ${what}; some things it shows by agreement only. If that was changed lately, connect again.`,
    href: reconnectHref,
    label: 'Connect again',
  }),
  not_found: ({ what }) => ({
    tone: 'plain',
    title: 'Fullscript does not have this',
    text: `It knows nothing of ${what}. It may have been removed.`,
  }),
  rate_limited: ({ what }) => ({
    tone: 'warn',
    title: 'Fullscript asks for a pause',
    text: `So much was asked of it that ${what} must wait. You stay signed in.`,
    ...again,
  }),
  slow: ({ what }) => ({
    tone: 'warn',
    title: 'Fullscript did not answer this in time',
    text: `It was asked for ${what} and took too long. You stay signed in; please try again in a moment.`,
    ...again,
  }),
  offline: ({ what }) => ({
    tone: 'bad',
    title: 'Fullscript cannot be reached',
    text: `Fullscript did not answer this server when it asked for ${what}. You stay signed in; please try again in a moment.`,
    ...again,
  }),
  trouble: ({ what }) => ({
    tone: 'bad',
    title: 'Fullscript has a problem',
    text: `Fullscript did not answer this server with ${what}. You stay signed in; please try again in a moment.`,
    ...again,
  }),
  garbage: ({ what }) => ({
    tone: 'bad',
    title: 'Fullscript answered in an unknown form',
    text: `What came in place of ${what} could not be read. Please try again in a moment.`,
    ...again,
  }),
};

/** What is said about a read that failed. */
export function notice(failure: ReadFailure, subject: Subject): Notice {
  const { kind, retryAfterMs, requestId } = failure;
  return {
    ...WORDS[kind](subject),
    ...(retryAfterMs === undefined ? {} : { wait: Math.ceil(retryAfterMs / 1000) }),
    ...(requestId === undefined ? {} : { reference: requestId }),
  };
}

const STATUS: Readonly<Record<ReadFailure['kind'], number>> = {
  // Explained, not failed: the page says what there is to say.
  scope_missing: 200,
  restricted: 200,
  not_found: 404,
  rate_limited: 503,
  slow: 504,
  offline: 502,
  trouble: 502,
  garbage: 502,
};

/** The status of a page that was made for what could not be read; as in the table of errors. */
export function failureStatus({ kind }: ReadFailure): number {
  return STATUS[kind];
}
