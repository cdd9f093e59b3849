/** What every contestant is told by its environment. */
const { env } = process;

export const port = Number(env.PORT ?? 0);
export const redisUrl = env.REDIS_URL ?? 'redis://127.0.0.1:6379';
export const providerUrl = env.PROVIDER_URL ?? '';
export const apiUrl = env.API_URL ?? `${providerUrl}/resource`;

export const clientId = 'bench';
export const clientSecret = 'bench-secret-bench-secret-bench-secret';
/** Long enough for every library that has an opinion about that. */
export const sessionSecret = 'session-secret-session-secret-session-secret';
export const scope = 'openid profile email offline_access clinic:read';

/** How long before its end an access token is refreshed, where the library leaves that to us. */
export const REFRESH_BEFORE_MS = 60_000;
