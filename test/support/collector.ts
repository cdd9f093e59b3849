import { type IncomingMessage, type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { once } from 'node:events';
import { recordText } from './leaks/material.js';

/** A span as it came in. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly status: { readonly code?: number; readonly message?: string };
  readonly events: readonly unknown[];
}

export interface Collector {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string;
  readonly spans: () => readonly ReceivedSpan[];
  /** What it knows of the senders. */
  readonly services: () => ReadonlySet<string>;
  readonly requests: readonly { readonly contentType: string; readonly body: Buffer }[];
  readonly close: () => Promise<void>;
}

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: number };
}

interface Export {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly WireSpan[] }[];
  }[];
}

type WireSpan = Omit<ReceivedSpan, 'attributes'> & { readonly attributes: readonly Attribute[] };

/** What OpenTelemetry's collector is to a server: takes traces by HTTP and keeps those in JSON apart. */
export async function startCollector(port = 0): Promise<Collector> {
  const requests: { contentType: string; body: Buffer }[] = [];
  const server = createServer((request, response) => {
    void keep(request, requests).then(() => {
      response.setHeader('content-type', 'application/json');
      response.end('{}');
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const exports = () =>
    requests
      .filter(({ contentType }) => contentType === 'application/json')
      .flatMap(({ body }) => (JSON.parse(body.toString()) as Export).resourceSpans);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    spans: () =>
      exports().flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans.map(received))),
    services: () =>
      new Set(exports().map(({ resource }) => String(plain(resource.attributes)['service.name']))),
    close: () => end(server),
  };
}

async function keep(
  request: IncomingMessage,
  requests: { contentType: string; body: Buffer }[],
): Promise<void> {
  const body = await buffer(request);
  recordText('output', 'exported traces', body.toString('latin1'));
  if (request.url !== '/v1/traces') return;
  requests.push({ contentType: request.headers['content-type'] ?? '', body });
}

function received(span: WireSpan): ReceivedSpan {
  return { ...span, attributes: plain(span.attributes) };
}

function plain(attributes: readonly Attribute[]): Record<string, string | number> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue ?? '']),
  );
}

async function end(server: Server): Promise<void> {
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
}
