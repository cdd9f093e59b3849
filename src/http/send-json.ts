import type { ServerResponse } from 'node:http';

/**
 * What `res.json` sends, without its look at settings, headers and freshness: it answers what is asked for
 * with every step of a front end.
 */
export function sendJson(res: ServerResponse, value: unknown): void {
  const text = JSON.stringify(value);
  res.setHeader('Content-Type', 'application/json; charset=utf-8');
  res.setHeader('Content-Length', Buffer.byteLength(text));
  res.end(text);
}
