import type { IncomingMessage, ServerResponse } from 'node:http';
import { ERROR_TABLE } from './error-table.js';
import { type ErrorView, plainPage, problemText } from './error-handler.js';
import type { ServerBusyError } from './errors.js';
import { isApi } from './is-api.js';
import { idOf } from './request-id.js';
import { type ReportRequest, reportAtEnd } from './request-log.js';
import type { SetHeaders } from './security-headers.js';

export interface BusyAnswerDeps {
  /** The error page as text; `withoutScripts` where its address is not for them. */
  readonly render: (view: { page: ErrorView; withoutScripts: boolean }) => Promise<string>;
  readonly setHeaders: SetHeaders;
  readonly report: ReportRequest;
  /** Paths that Fullscript sends people back to, with a code. */
  readonly callbacks: readonly RegExp[];
}

export type AnswerBusy = (
  busy: ServerBusyError,
  of: { req: IncomingMessage; res: ServerResponse },
) => void;

/** Stands for the reference in a page that is rendered once. */
const REFERENCE = '{reference}';

/**
 * Answers that a request is not begun. The same as the error handler would say, past Express and with pages that are rendered
 * once: a refusal that costs as much as an answer would help no process that is behind.
 */
export function createBusyAnswer(deps: BusyAnswerDeps): AnswerBusy {
  const pages = new Map<string, Promise<string>>();

  function pageFor(view: { page: ErrorView; withoutScripts: boolean }): Promise<string> {
    const name = `${view.page.href} ${view.withoutScripts}`;
    const page = pages.get(name) ?? deps.render(view).catch(() => plainPage(ENTRY, REFERENCE));
    pages.set(name, page);
    return page;
  }

  return (busy, { req, res }) => {
    const { url = '', method } = req;
    const requestId = idOf(req, res);
    const wait = String(busy.retryAfterMs / 1000);
    reportAtEnd(deps.report, { req, res });
    deps.setHeaders(res);
    res.statusCode = ENTRY.status;
    res.setHeader('Retry-After', wait);
    if (isApi(url)) {
      res.setHeader('Content-Type', 'application/problem+json; charset=utf-8');
      res.end(problemText({ code: busy.code, entry: ENTRY, requestId }));
      return;
    }
    const withoutScripts = deps.callbacks.some((path) => path.test(url.split('?', 1)[0] ?? ''));
    if (withoutScripts) res.setHeader('Referrer-Policy', 'no-referrer');
    res.setHeader('Content-Type', 'text/html; charset=utf-8');
    const page = viewOf(method === 'GET', wait);
    void pageFor({ page, withoutScripts }).then((text) =>
      res.end(text.replace(REFERENCE, requestId)),
    );
  };
}

const ENTRY = ERROR_TABLE.server_busy;

function viewOf(canRepeat: boolean, wait: string): ErrorView {
  return {
    code: 'server_busy',
    title: ENTRY.title,
    detail: ENTRY.detail,
    // What was posted is not posted again by a link.
    href: canRepeat ? '' : '/portal',
    label: 'Try again',
    requestId: REFERENCE,
    returnTo: undefined,
    again: undefined,
    wait: undefined,
    retry: canRepeat ? wait : undefined,
  };
}
