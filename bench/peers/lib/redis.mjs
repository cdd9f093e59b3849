import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { redisUrl } from './settings.mjs';

/** node-redis as its README shows it: default options and a listener for errors. */
export async function openNodeRedis() {
  const client = createClient({ url: redisUrl });
  client.on('error', reportError);
  await client.connect();
  return client;
}

/** ioredis with its default options. */
export function openIoredis() {
  const client = new Redis(redisUrl);
  client.on('error', reportError);
  return client;
}

function reportError(error) {
  console.error(`redis: ${error.message}`);
}
