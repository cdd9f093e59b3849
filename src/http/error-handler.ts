import type { ErrorRequestHandler, Request, Response } from 'express';
import { CallNotSentError } from '../fullscript/errors.js';
import { NeedsReconnectError } from '../grants/errors.js';
import { ERROR_TABLE, type ErrorCode, type ErrorEntry, type WayForward } from './error-table.js';
import { type FormAgain, formAgain } from './form-again.js';
import { formField } from './form-field.js';
import { isApi } from './is-api.js';
import { reconnectCause } from './reconnect-causes.js';
import { requestIdOf } from './request-id.js';

/** What an error page shows; plain strings only. */
export interface ErrorView {
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  /** The button that leads on. */
  readonly href: string;
  readonly label: string;
  readonly requestId: string;
  /** Set when the button asks for a refresh by hand: where it leads when that works. */
  readonly returnTo: string | undefined;
  /** The form that may be sent once more, as it was. */
  readonly again: FormAgain | undefined;
  /** Seconds to wait, where a limit is reached. */
  readonly wait: string | undefined;
  /** Seconds until the page asks whether it is worth another try. */
  readonly retry: string | undefined;
}

const START_AGAIN = 'startAgain';

const SIGN_IN_AGAIN = 'signInAgain';

/** Says where a sign-in starts that takes the place of the one that this request belongs to. */
export function offerSignInAgain(res: Response, href: string): void {
  res.locals[SIGN_IN_AGAIN] = href;
}

/**
 * Says that repeating this request cannot help, whatever goes wrong with it from here on.
 *
 * @param href where to start again, with what was wanted.
 */
export function offerStartAgain(res: Response, href: string): void {
  res.locals[START_AGAIN] = href;
}

/**
 * The last stop of every failed request: problem JSON below `/api/`, a page elsewhere. The message
 * of an error is for the log; people get what the table says for its code.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9457.html
 */
export function errorHandler(deps: {
  report: (failure: { error: unknown; code: ErrorCode; status: number; requestId: string }) => void;
  /** For the sign-out button of people who are signed in. */
  csrfToken?: (req: Request) => string | undefined;
}): ErrorRequestHandler {
  // eslint-disable-next-line max-params, @typescript-eslint/no-unused-vars -- Express tells error handlers by their four parameters
  return (error: unknown, req, res, _next) => {
    // Not a failure: the client did not wait. The request's own line says 499.
    if (error instanceof CallNotSentError && error.code === 'client_gone') return;
    const code = errorCode(error);
    const entry = entryOf(error, code);
    const requestId = requestIdOf(res);
    deps.report({ error, code, status: entry.status, requestId });
    // An answer that is half out cannot be replaced. Express would cut the connection as well, and print
    // the error past the log.
    if (res.headersSent) {
      res.destroy();
      return;
    }
    res.status(entry.status);
    const wait = retryAfter(error, entry);
    if (wait !== undefined) res.set('Retry-After', wait);
    if (isApi(req.originalUrl)) {
      sendProblem(res, { code, entry, requestId, ...reasonOf(error) });
      return;
    }
    const lastResort = (failure: Error) => {
      deps.report({ error: failure, code: 'internal_error', status: 500, requestId });
      res.type('html').send(plainPage(entry, requestId));
    };
    try {
      const csrfToken = deps.csrfToken?.(req);
      const view = errorView({ req, res, code, entry, isSignedIn: csrfToken !== undefined });
      const canWait = req.method === 'GET' && res.locals[START_AGAIN] === undefined;
      const away = code === 'store_unavailable' && canWait;
      const page = {
        ...view,
        again: csrfToken === undefined ? undefined : formAgain(error, req),
        wait: entry.status === 429 ? wait : undefined,
        retry: away ? wait : undefined,
      };
      renderPage(res, { page, csrfToken }, lastResort);
    } catch (failure) {
      lastResort(failure instanceof Error ? failure : new Error('error page', { cause: failure }));
    }
  };
}

function renderPage(
  res: Response,
  view: { page: ErrorView; csrfToken: string | undefined },
  failed: (failure: Error) => void,
): void {
  // Express types the callback's error as always there.
  res.render('error', view, (failure: Error | null, html) => {
    if (failure === null) res.send(html);
    else failed(failure);
  });
}

/**
 * For when the error page fails too: needs no session and no view. Left to Express, the answer would
 * show the stack, and lack our headers. Its texts are constants of ours.
 */
export function plainPage({ title, detail }: ErrorEntry, requestId: string): string {
  return (
    `<!doctype html><html lang="en"><title>${title}</title><h1>${title}</h1><p>${detail}</p>` +
    `<p>Reference <code>${requestId}</code></p></html>`
  );
}

/** What is told of an error; why a connection has to be made again is for its user to know. */
function entryOf(error: unknown, code: ErrorCode): ErrorEntry {
  const entry = ERROR_TABLE[code];
  if (!(error instanceof NeedsReconnectError)) return entry;
  return { ...entry, detail: reconnectCause(error.reason) };
}

function reasonOf(error: unknown): { reason?: string } {
  return error instanceof NeedsReconnectError ? { reason: error.reason } : {};
}

/** The stable code of anything thrown. */
export function errorCode(error: unknown): ErrorCode {
  if (!(error instanceof Error)) return 'internal_error';
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string' && Object.hasOwn(ERROR_TABLE, code)) return code as ErrorCode;
  // Express's own and its body parsers' errors carry a status.
  const status = (error as { status?: unknown }).status;
  if (status === 413) return 'payload_too_large';
  if (status === 415) return 'unsupported_media_type';
  return typeof status === 'number' && status >= 400 && status < 500
    ? 'bad_request'
    : 'internal_error';
}

function errorView(of: {
  req: Request;
  res: Response;
  code: ErrorCode;
  entry: ErrorEntry;
  isSignedIn: boolean;
}): Omit<ErrorView, 'again' | 'wait' | 'retry'> {
  const { req, res, code } = of;
  const { title, detail, way } = of.entry;
  const canRepeat = way === 'retry' || way === 'renew';
  const spent = canRepeat && res.locals[START_AGAIN] !== undefined;
  const { href, label } = wayOut(spent ? 'start_again' : way, of);
  const byHand = way === 'renew' && !spent && of.isSignedIn;
  const returnTo = byHand ? wantedPage(req) : undefined;
  return { code, title, detail, href, label, requestId: requestIdOf(res), returnTo };
}

/** A refresh by hand that failed again is repeated for the page it was meant for. */
function wantedPage(req: Request): string {
  if (req.method === 'GET') return req.originalUrl;
  return formField(req, 'returnTo') ?? '/portal';
}

function wayOut(
  way: WayForward,
  { req, res }: { req: Request; res: Response },
): { href: string; label: string } {
  switch (way) {
    case 'sign_in_again': {
      const href: unknown = res.locals[SIGN_IN_AGAIN];
      return { href: typeof href === 'string' ? href : '/oauth/authorize', label: 'Start again' };
    }
    case 'reconnect':
      return { href: '/oauth/authorize', label: 'Connect again' };
    case 'start_again':
      return { href: startAgainAt(res), label: 'Start again' };
    case 'retry':
    case 'renew':
      // What was posted is not posted again by a link; the portal has the button.
      return { href: req.method === 'GET' ? '' : '/portal', label: 'Try again' };
    default:
      return { href: '/', label: 'Back to the start' };
  }
}

function startAgainAt({ locals }: Response): string {
  const href: unknown = locals[START_AGAIN];
  return typeof href === 'string' ? href : '/';
}

function sendProblem(res: Response, about: Parameters<typeof problemText>[0]): void {
  res.type('application/problem+json').send(problemText(about));
}

/** A problem document. */
export function problemText(about: {
  code: ErrorCode;
  entry: ErrorEntry;
  requestId: string;
  reason?: string;
}): string {
  const { code, entry, requestId, reason } = about;
  const { status, title, detail } = entry;
  return JSON.stringify({ type: 'about:blank', title, status, detail, code, reason, requestId });
}

/** Seconds until it makes sense to come back, for the answers that say "later". */
function retryAfter(error: unknown, entry: ErrorEntry): string | undefined {
  const { retryAfterMs, retryAfter } = error as { retryAfterMs?: number; retryAfter?: string };
  if (entry.status < 502 && entry.status !== 429) return undefined;
  if (retryAfterMs !== undefined) return String(Math.ceil(retryAfterMs / 1000));
  if (entry.status !== 503) return undefined;
  return /^\d{1,5}$/.test(retryAfter ?? '') ? retryAfter : '2';
}
