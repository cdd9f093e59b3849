import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { RequestHandler } from 'express';
import { readCall } from './call.js';
import { requestChannel } from './channels.js';

const MAX_RECORDS = 10_000;

/** One request as it arrived. Tests read tokens out of it, so it never goes to a log. */
export interface RecordedRequest {
  /** What the answer carries as `x-request-id`. */
  id: string;
  /** Milliseconds since the epoch, on the simulator's clock. */
  time: number;
  method: string;
  path: string;
  search: string;
  headers: IncomingHttpHeaders;
  body: string;
  /** Of token requests. */
  grantType?: string;
  /** Not there while the request runs, nor when the socket was closed without an answer. */
  status?: number;
}

/** What Rails adds to every answer. */
const RAILS_HEADERS: Record<string, string> = {
  'x-frame-options': 'SAMEORIGIN',
  'x-xss-protection': '1; mode=block',
  'x-content-type-options': 'nosniff',
  'x-download-options': 'noopen',
  'x-permitted-cross-domain-policies': 'none',
  'referrer-policy': 'strict-origin-when-cross-origin',
};

/** Records what comes in, except the calls that steer the simulator itself. */
export function createRecorder(deps: {
  now: () => number;
  log: (line: Record<string, unknown>) => void;
}): { requests: RecordedRequest[]; record: RequestHandler } {
  const requests: RecordedRequest[] = [];
  const record: RequestHandler = (req, res, next) => {
    const id = randomUUID();
    res.set({ 'x-request-id': id, ...RAILS_HEADERS });
    const { method, path, search, headers, rawBody, fields } = readCall(req);
    if (path === '/simulator' || path.startsWith('/simulator/')) {
      next();
      return;
    }
    const entry: RecordedRequest = {
      id,
      time: deps.now(),
      method,
      path,
      search,
      headers,
      body: rawBody,
    };
    if (typeof fields['grant_type'] === 'string') entry.grantType = fields['grant_type'];
    requests.push(entry);
    requestChannel.publish(entry);
    if (requests.length > MAX_RECORDS) requests.shift();
    res.once('finish', () => {
      entry.status = res.statusCode;
    });
    res.once('close', () => deps.log({ id, method, path, status: entry.status ?? 'closed' }));
    next();
  };
  return { requests, record };
}
