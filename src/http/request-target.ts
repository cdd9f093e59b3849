import type { IncomingMessage, RequestListener } from 'node:http';
import { RequestTargetError } from './errors.js';
import { goOn } from './going-on.js';

/**
 * Whether the target of a request is a path, or a whole http address as it is sent to proxies.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9112.html#section-3.2
 */
export function isRequestTarget(target: string): boolean {
  return target.startsWith('/') || (/^https?:\/\//i.test(target) && URL.canParse(target));
}

/**
 * Keeps other targets from whatever reads addresses: Express answers what it cannot read by itself, past our
 * headers, log and metrics, and `new URL` throws. They are answered as a request for the root that went wrong.
 */
export function refuseOtherTargets(app: RequestListener): RequestListener {
  return (req: IncomingMessage, res) => {
    if (!isRequestTarget(req.url ?? '')) {
      req.url = '/';
      goOn(req, new RequestTargetError());
    }
    app(req, res);
  };
}
