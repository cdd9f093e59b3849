import { type IncomingHttpHeaders, type RequestOptions, request } from 'node:http';
import { text as readText } from 'node:stream/consumers';

/** A request with exactly these headers, `Host` included; redirects are not followed. */
export function ask(url: string, options: RequestOptions = {}) {
  return new Promise<{ status: number; headers: IncomingHttpHeaders; text: string }>(
    (resolve, reject) => {
      const sent = request(url, options, (answer) => {
        const { statusCode: status = 0, headers } = answer;
        readText(answer).then((text) => resolve({ status, headers, text }), reject);
      });
      sent.once('error', reject);
      sent.end();
    },
  );
}

/** The query of the authorize URL that a sign-in was sent to. */
export function authorizationOf(location: string | null | undefined): URLSearchParams {
  return new URL(location ?? '').searchParams;
}
