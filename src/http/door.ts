import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Admission } from './admission.js';
import type { AnswerBusy } from './busy-answer.js';
import { readCookies } from './cookies.js';
import { HeadersTooLargeError, RequestTargetError } from './errors.js';
import { goOn } from './going-on.js';

/** As much as Node takes unless it is told otherwise: more is read only to be answered in our words. */
const LARGEST_HEADERS = 16_384;
/** Cookies of this size are the reason, whatever else was sent. */
const MANY_COOKIES = 8_192;
/** Few enough that proxies pass the answer on; what is left goes with the next one. */
const TAKEN_BACK_AT_ONCE = 20;
/** Answered at any time: a process that is behind is not to be restarted, and its metrics say why. */
const WATCHED = /^\/(?:livez|readyz|metrics)(?:\?|$)/;
const OURS = /^(__Host-)?fc_(session|device|auth_[\w-]+)$/;

/**
 * Refuses what nothing behind it should have to deal with. A target that is neither a path nor an http address
 * is answered by Express past our headers, log and metrics, and `new URL` throws; headers that are too large are
 * answered by Node with an empty page, for as long as the browser has its cookies.
 *
 * More requests than the process gets through wait here as well, or are refused (`admission.ts`).
 *
 * @param ways.app answers every other request.
 * @param ways.refuse answers with what went wrong.
 */
export function guardDoor(ways: {
  app: RequestListener;
  refuse: RequestListener;
  admission: Pick<Admission, 'admit'>;
  answerBusy: AnswerBusy;
}): RequestListener {
  const { app, admission, answerBusy } = ways;
  return (req, res) => {
    const failure = failureOf(req);
    if (failure === undefined) {
      const begin = () => app(req, res);
      if (WATCHED.test(req.url ?? '')) begin();
      else admission.admit({ req, res, begin, refuse: (busy) => answerBusy(busy, { req, res }) });
      return;
    }
    // Answered as a request for the root.
    if (failure instanceof RequestTargetError) req.url = '/';
    else takeCookiesBack(req, res);
    goOn(req, failure);
    ways.refuse(req, res);
  };
}

function failureOf(req: IncomingMessage): Error | undefined {
  if (!isRequestTarget(req.url ?? '')) return new RequestTargetError();
  return sizeOf(req) > LARGEST_HEADERS ? new HeadersTooLargeError() : undefined;
}

/**
 * Whether the target of a request is a path, or a whole http address as it is sent to proxies.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9112.html#section-3.2
 */
export function isRequestTarget(target: string): boolean {
  return target.startsWith('/') || (/^https?:\/\//i.test(target) && URL.canParse(target));
}

/** Of names, values, and what stands between them. */
function sizeOf({ url = '', rawHeaders }: IncomingMessage): number {
  let size = url.length;
  for (const text of rawHeaders) size += text.length + 2;
  return size;
}

/** Otherwise no later request of this browser would come through either. */
function takeCookiesBack(req: IncomingMessage, res: ServerResponse): void {
  if ((req.headers.cookie?.length ?? 0) < MANY_COOKIES) return;
  const names = [...readCookies(req).keys()].filter((name) => OURS.test(name));
  const lines = names.slice(0, TAKEN_BACK_AT_ONCE).map((name) => {
    const secure = name.startsWith('__Host-') ? '; Secure' : '';
    return `${name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax${secure}`;
  });
  res.setHeader('Set-Cookie', lines);
}
