import type { Redis } from 'ioredis';

/** Everything in a database, as text and as bytes. */
export async function everythingIn(client: Redis): Promise<string> {
  const parts: string[] = [];
  for (const key of await client.keys('*')) {
    const [bytes, type] = await Promise.all([client.dumpBuffer(key), client.type(key)]);
    parts.push(key, bytes.toString('latin1'));
    if (type === 'hash') parts.push(JSON.stringify(await client.hgetall(key)));
    if (type === 'string') parts.push((await client.get(key)) ?? '');
  }
  return parts.join('\n');
}
