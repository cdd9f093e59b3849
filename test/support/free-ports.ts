import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** A node of a Redis Cluster listens on a second port, this much higher. */
const BUS_OFFSET = 10_000;
/** With their bus ports these stay below what systems hand out for outgoing connections. */
const LOWEST = 12_000;
const HIGHEST = 22_000;

/** Ports that were free a moment ago, together with the bus ports of a redis-server on them. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = randomInt(LOWEST, HIGHEST);
    if ((await isFree(port)) && (await isFree(port + BUS_OFFSET))) found.add(port);
  }
  return [...found];
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
