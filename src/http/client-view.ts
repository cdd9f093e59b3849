import type { IncomingMessage } from 'node:http';
import type { Express, Request } from 'express';

/** The other end of a connection. */
export interface Peer {
  readonly remoteAddress: string | undefined;
  readonly encrypted: boolean;
}

/** To be asked while the connection is open: afterwards it has no address. */
export function peerOf({ socket }: IncomingMessage): Peer {
  return { remoteAddress: socket.remoteAddress, encrypted: 'encrypted' in socket };
}

/**
 * A request as Express shows it, for questions that depend on the proxies in front (`ip`, `protocol`). To be
 * made when such a question comes up: making every request one of Express's costs as much as answering it.
 */
export function clientView(app: Express, req: IncomingMessage, peer: Peer = peerOf(req)): Request {
  return Object.create(app.request, {
    headers: { value: req.headers },
    socket: { value: peer },
    connection: { value: peer },
  }) as Request;
}
