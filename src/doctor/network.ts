import { lookup } from 'node:dns/promises';
import { type Socket, connect as connectPlain } from 'node:net';
import { type TLSSocket, connect as connectTls } from 'node:tls';
import { deadlineSignal, startDeadline } from '../deadline.js';

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

/** What the handshake told; undefined without TLS. */
export interface TlsFacts {
  readonly protocol: string;
  /** Milliseconds since the epoch. */
  readonly validUntil: number;
}

export interface HttpAnswer {
  readonly status: number;
  /** Milliseconds since the epoch, from `Date`. */
  readonly date: number | undefined;
  readonly location: string | undefined;
  /** The beginning of the body. */
  readonly text: string;
}

/** The calls that leave the process. Each fails with Node's own error, and in time. */
export interface Network {
  readonly lookup: (host: string) => Promise<readonly string[]>;
  readonly connect: (target: Target) => Promise<TlsFacts | undefined>;
  /** Without cookies, and without following redirects. */
  readonly get: (url: string) => Promise<HttpAnswer>;
}

const ENOUGH_BYTES = 4_096;

export function createNetwork({ timeoutMs }: { timeoutMs: number }): Network {
  return {
    lookup: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
    connect: (target) => connect(target, timeoutMs),
    get: (url) => get(url, timeoutMs),
  };
}

/** Certificates are checked as every call of the server checks them. */
function connect({ host, port, tls }: Target, timeoutMs: number): Promise<TlsFacts | undefined> {
  return new Promise((resolve, reject) => {
    const done = (socket: Socket, facts?: TlsFacts) => {
      socket.destroy();
      resolve(facts);
    };
    const plain = () => {
      const socket = connectPlain({ host, port }, () => done(socket));
      return socket;
    };
    const secure = () => {
      const socket = connectTls({ host, port, servername: serverName(host) }, () =>
        done(socket, factsOf(socket)),
      );
      return socket;
    };
    const socket = tls ? secure() : plain();
    const stop = startDeadline(timeoutMs, () => {
      socket.destroy(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' }));
    });
    socket.once('close', stop);
    socket.on('error', reject);
  });
}

/** SNI has no addresses (RFC 6066 section 3). */
function serverName(host: string): string {
  return /^[\d.]+$|:/.test(host) ? '' : host;
}

function factsOf(socket: TLSSocket): TlsFacts {
  const { valid_to } = socket.getPeerCertificate();
  return { protocol: socket.getProtocol() ?? 'TLS', validUntil: Date.parse(valid_to) };
}

async function get(url: string, timeoutMs: number): Promise<HttpAnswer> {
  const { signal, stop } = deadlineSignal(timeoutMs);
  try {
    const headers = { accept: '*/*', 'user-agent': 'fullscript-connect' };
    const answer = await fetch(url, { signal, headers, redirect: 'manual' });
    const date = Date.parse(answer.headers.get('date') ?? '');
    return {
      status: answer.status,
      date: Number.isNaN(date) ? undefined : date,
      location: answer.headers.get('location') ?? undefined,
      text: await beginning(answer),
    };
  } finally {
    stop();
  }
}

async function beginning({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop ends the rest of it.
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    bytes += chunk.byteLength;
    if (bytes >= ENOUGH_BYTES) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}
