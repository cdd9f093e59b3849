import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';
import helmet from 'helmet';

export type SetHeaders = (res: ServerResponse) => void;

/**
 * Headers of every answer. Nothing may frame or sniff us, scripts and styles come from here
 * only, and a link away tells nobody where it was clicked. They are the same for every answer, so helmet is
 * asked once.
 *
 * @param options.formTargets origins beside ours where a form may end. Chromium judges every redirect
 *   after a form by this, so a form that leads to sign-in is cut off without them.
 * @see https://www.w3.org/TR/CSP3/#directive-form-action
 */
export function securityHeaders(options: {
  https: boolean;
  formTargets: readonly string[];
}): SetHeaders {
  const headers = headersOf(
    helmet({
      contentSecurityPolicy: {
        useDefaults: false,
        directives: {
          defaultSrc: ["'none'"],
          baseUri: ["'none'"],
          connectSrc: ["'self'"],
          fontSrc: ["'self'"],
          formAction: ["'self'", ...options.formTargets],
          frameAncestors: ["'none'"],
          imgSrc: ["'self'", 'data:'],
          scriptSrc: ["'self'"],
          styleSrc: ["'self'"],
          ...(options.https ? { upgradeInsecureRequests: [] } : {}),
        },
      },
      // On plain http a browser must not be told to insist on https.
      strictTransportSecurity: options.https
        ? { maxAge: 63_072_000, includeSubDomains: false }
        : false,
      // Not `no-referrer`: with it browsers send our own forms with `Origin: null`.
      referrerPolicy: { policy: 'same-origin' },
      xFrameOptions: { action: 'deny' },
    }),
  );
  return (res) => {
    for (const [name, value] of headers) res.setHeader(name, value);
  };
}

/** The same as middleware. */
export function settingHeaders(set: SetHeaders): RequestHandler {
  return (_req, res, next) => {
    set(res);
    next();
  };
}

type Helmet = ReturnType<typeof helmet>;

/** What helmet sets on an answer. */
function headersOf(middleware: Helmet): [string, string][] {
  const headers: [string, string][] = [];
  const answer = {
    setHeader: (name: string, value: string) => headers.push([name, value]),
    removeHeader: () => undefined,
  };
  middleware(
    undefined as unknown as IncomingMessage,
    answer as unknown as ServerResponse,
    (error?: unknown) => {
      if (error !== undefined) throw new Error('helmet', { cause: error });
    },
  );
  return headers;
}

/** Every answer is about one person at one moment. Static files are not: they come before this. */
export const noStore: SetHeaders = (res) => {
  res.setHeader('Cache-Control', 'no-store');
};

/** For addresses that hold a code: not even a page of ours needs to hear of it, nor do our scripts. */
export const noReferrer: RequestHandler = (_req, res, next) => {
  res.set('Referrer-Policy', 'no-referrer');
  res.locals['withoutScripts'] = true;
  next();
};
