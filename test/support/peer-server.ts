import { once } from 'node:events';
import { type RequestListener, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { recordStandIn } from './leaks/material.js';
import type { Simulator } from '../../src/simulator/simulator.js';

/** A server of the test's own, on loopback. */
export async function startPeerServer(listener: RequestListener) {
  let calls = 0;
  const server = createServer((req, res) => {
    calls += 1;
    listener(req, res);
  });
  recordStandIn(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    ...{ port, origin: `http://127.0.0.1:${port}` },
    calls: () => calls,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

type Fields = Record<string, unknown>;
type Edit = (oauth: Fields) => Fields;

/** The simulator's token endpoint, with answers that a test has edited. For `FULLSCRIPT_TOKEN_URL`. */
export async function startTokenEditor(simulator: Simulator) {
  let edits: Edit[] = [];
  const server = await startPeerServer((req, res) => {
    void (async () => {
      const headers = { 'content-type': req.headers['content-type'] ?? '' };
      const init = { method: 'POST', headers, body: await text(req) };
      const answer = await fetch(`${simulator.apiUrl}/oauth/token`, init);
      const body = (await answer.json()) as { oauth?: Fields };
      const edit = edits.length > 1 ? edits.shift() : edits[0];
      const edited =
        body.oauth === undefined || edit === undefined ? body : { oauth: edit(body.oauth) };
      res.writeHead(answer.status, { 'content-type': 'application/json' });
      res.end(JSON.stringify(edited));
    })();
  });
  return {
    ...{ url: `${server.origin}/token`, close: server.close },
    /** The first answer by the first edit, and so on; the last one goes for all that follow. */
    edit: (...next: Edit[]) => {
      edits = next;
    },
  };
}

/** An edit that leaves these fields out. */
export const without =
  (...names: string[]): Edit =>
  (oauth) =>
    Object.fromEntries(Object.entries(oauth).filter(([name]) => !names.includes(name)));
