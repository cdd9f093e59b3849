import type { IncomingMessage } from 'node:http';
import type { Express, Request } from 'express';

/**
 * A request as Express shows it, for questions that depend on the proxies in front (`ip`, `protocol`). To be
 * made when such a question comes up: making every request one of Express's costs as much as answering it.
 */
export function clientView(app: Express, req: IncomingMessage): Request {
  return Object.create(app.request, {
    headers: { value: req.headers },
    socket: { value: req.socket },
    connection: { value: req.socket },
  }) as Request;
}
