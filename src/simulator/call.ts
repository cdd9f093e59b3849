import type { IncomingHttpHeaders } from 'node:http';
import type { Request } from 'express';

/** A request as a value: all a handler may know about it. */
export interface Call {
  method: string;
  path: string;
  /** The query as it was sent, with its question mark, or empty. */
  search: string;
  query: URLSearchParams;
  params: Record<string, string>;
  headers: IncomingHttpHeaders;
  /** The parameters of a JSON or form body; empty when there are none. */
  fields: Record<string, unknown>;
  /** The body said it was JSON and was not. */
  malformed: boolean;
  rawBody: string;
}

/** Reads an Express request whose body is still raw bytes. */
export function readCall(req: Request): Call {
  const [path = '/', ...rest] = req.originalUrl.split('?');
  const search = rest.length > 0 ? `?${rest.join('?')}` : '';
  const rawBody = Buffer.isBuffer(req.body) ? req.body.toString('utf8') : '';
  const fields = parseBody(rawBody, req.headers['content-type'] ?? '');
  return {
    method: req.method,
    path,
    search,
    query: new URLSearchParams(search),
    params: plainParams(req.params),
    headers: req.headers,
    fields: fields ?? {},
    malformed: fields === undefined,
    rawBody,
  };
}

/** Reads one parameter of the body as text; empty counts as missing. */
export function field(call: Call, name: string): string | undefined {
  const value = Object.hasOwn(call.fields, name) ? call.fields[name] : undefined;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Reads one cookie. */
export function cookie(call: Call, name: string): string | undefined {
  for (const pair of (call.headers.cookie ?? '').split(';')) {
    const [key, value] = pair.trim().split('=', 2);
    if (key === name) return value;
  }
  return undefined;
}

function parseBody(text: string, contentType: string): Record<string, unknown> | undefined {
  const type = (contentType.split(';')[0] ?? '').trim().toLowerCase();
  if (type === 'application/x-www-form-urlencoded') {
    return Object.fromEntries(new URLSearchParams(text));
  }
  if (type !== 'application/json' || text === '') return {};
  return parseJson(text);
}

function parseJson(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return undefined;
  }
}

function plainParams(
  params: Record<string, string | string[] | undefined>,
): Record<string, string> {
  const entries = Object.entries(params).map(([key, value]) => [key, String(value)]);
  return Object.fromEntries(entries) as Record<string, string>;
}
