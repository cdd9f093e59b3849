// Followed: https://github.com/tj/connect-redis/blob/v8.1.0/readme.md, which shows node-redis first
// and takes ioredis as well.
import { RedisStore } from 'connect-redis';
import session from 'express-session';
import { openIoredis, openNodeRedis } from './redis.mjs';
import { sessionSecret } from './settings.mjs';

/** The store, on the client that the environment names. */
export async function redisStore() {
  const client = process.env.CLIENT === 'ioredis' ? openIoredis() : await openNodeRedis();
  return new RedisStore({ client, prefix: 'bench:' });
}

/** express-session on Redis. The cookie is not `secure`, because everything here speaks plain HTTP. */
export async function redisSession() {
  return session({
    store: await redisStore(),
    resave: false,
    saveUninitialized: false,
    secret: sessionSecret,
  });
}

/** A new id at sign-in, saved before the answer, as the README of express-session shows. */
export function startSession(req, contents, done) {
  req.session.regenerate((error) => {
    if (error) return done(error);
    Object.assign(req.session, contents);
    req.session.save(done);
  });
}
