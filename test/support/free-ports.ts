import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** A node of a Redis Cluster listens on a second port, this much higher. */
const BUS_OFFSET = 10_000;
/** With their bus ports these stay below what systems hand out for outgoing connections. */
const LOWEST = 12_000;
const HIGHEST = 22_000;

/**
 * Each process takes one port after the other, from a place of its own: two that drew at random would now and
 * then take the same one, between the look and the start of the server.
 */
let next = randomInt(LOWEST, HIGHEST);

/** Ports that were free a moment ago, together with the bus ports of a redis-server on them. */
export async function freePorts(count: number): Promise<number[]> {
  const found: number[] = [];
  while (found.length < count) {
    const port = next;
    next = port + 1 < HIGHEST ? port + 1 : LOWEST;
    if ((await isFree(port)) && (await isFree(port + BUS_OFFSET))) found.push(port);
  }
  return found;
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
