// Followed: https://better-auth.com/docs/concepts/database ("Manual Implementation"). Its own package
// for Redis wants an ioredis older than the one here.
const INCREMENT = `
local value = redis.call("INCR", KEYS[1])
if value == 1 then
  redis.call("EXPIRE", KEYS[1], ARGV[1])
end
return value
`;

/** What better-auth keeps in Redis, on a client of node-redis. */
export function secondaryStorage(redis) {
  return {
    get: (key) => redis.get(key),
    getAndDelete: (key) => redis.getDel(key),
    increment: async (key, ttl) =>
      Number(await redis.eval(INCREMENT, { keys: [key], arguments: [String(ttl)] })),
    set: (key, value, ttl) => (ttl ? redis.set(key, value, { EX: ttl }) : redis.set(key, value)),
    delete: (key) => redis.del(key),
  };
}
