import type { Request, RequestHandler, Response } from 'express';
import type { ApiClient } from '../fullscript/api-client.js';
import { type ReadFailure, readFailure } from '../fullscript/read-failure.js';
import { atMost } from '../grants/patience.js';
import { type Fullscript, fullscriptOf } from '../http/require-grant.js';
import { addressWith } from './address.js';
import { authorizePath } from './landing.js';
import { type Notice, type Subject, failureStatus, notice } from './notice.js';

/** A part of a page that Fullscript fills: what it holds, or why it does not. */
export interface Section<T> {
  readonly ready?: T;
  /** Fullscript takes its time; the page goes out without it, and this is where it will be. */
  readonly late?: { readonly what: string; readonly href: string };
  readonly notice?: Notice;
  readonly failure?: ReadFailure;
}

/** Reads what a section shows, as the user of this request. */
export type ReadSection = <T>(
  about: Pick<Subject, 'what' | 'scope'>,
  read: (api: ApiClient, fullscript: Fullscript) => Promise<T>,
) => Promise<Section<T>>;

export interface PortalPagesDeps {
  readonly requireGrant: RequestHandler;
  /** How long a page waits for Fullscript before it goes out without what is missing. */
  readonly patienceMs: number;
}

/**
 * Sections of the page that this request asks for. One that Fullscript withholds has a notice; one that
 * it is slow with is left open after `patienceMs`, unless the request says `wait=1`. What concerns more
 * than a section, such as a connection that has ended, is thrown.
 */
export function sectionsOf(
  req: Request,
  res: Response,
  { patienceMs }: Pick<PortalPagesDeps, 'patienceMs'>,
): ReadSection {
  const fullscript = fullscriptOf(res);
  const isPatient = req.query['wait'] === '1';
  const reconnectHref = reconnectPath(fullscript, addressWith(req));
  return async (about, read) => {
    const reading = settle(read(fullscript.api, fullscript));
    const outcome = await (isPatient ? reading : atMost(patienceMs, reading));
    if (outcome === undefined)
      return { late: { what: about.what, href: addressWith(req, { wait: '1' }) } };
    if ('value' in outcome) return { ready: outcome.value };
    const needs = { scope: about.scope, granted: fullscript.grant.tokens.scope };
    const failure = readFailure(outcome.error, needs);
    if (failure === undefined) throw outcome.error;
    return { failure, notice: notice(failure, { ...about, reconnectHref }) };
  };
}

/** The same section with something else made of what it holds. */
export function mapSection<T, U>({ ready, ...rest }: Section<T>, to: (value: T) => U): Section<U> {
  return ready === undefined ? rest : { ready: to(ready) };
}

/** Gives a page the status of the section that it was made for. */
export function showStatus(res: Response, { failure }: Section<unknown>): void {
  if (failure === undefined) return;
  res.status(failureStatus(failure));
  const { retryAfterMs } = failure;
  if (retryAfterMs !== undefined) res.set('Retry-After', String(Math.ceil(retryAfterMs / 1000)));
}

/** Where somebody goes to connect again, and comes back from. */
export function reconnectPath({ key }: Pick<Fullscript, 'key'>, returnTo: string): string {
  return authorizePath({ registration: key.registration, returnTo });
}

type Outcome<T> = { readonly value: T } | { readonly error: unknown };

/** Never rejects: a read that nobody waits for any more must not end the process. */
function settle<T>(reading: Promise<T>): Promise<Outcome<T>> {
  return reading.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}
