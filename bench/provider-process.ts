import { fileURLToPath } from 'node:url';
import { startProgram, untilPrinted } from './program.js';
import { CLIENT_SECRET } from './provider/secret.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CLIENT_ID = 'bench';

/** What the provider has counted since it was last reset. */
export interface ProviderCounts {
  readonly refreshes: number;
  readonly exchanges: number;
  readonly invalidGrants: number;
  readonly apiCalls: number;
  readonly apiUnauthorized: number;
  /** Of the answers of its token endpoint. */
  readonly tokenMsAverage: number;
}

export interface ProviderOrder {
  readonly accessTokenSeconds?: number;
  readonly tokenDelayMs?: number;
  readonly expireAll?: boolean;
  readonly reset?: boolean;
}

/** The authorization server and API behind all contestants, in a process of its own. */
export interface ProviderProcess {
  readonly origin: string;
  readonly order: (order: ProviderOrder) => Promise<ProviderCounts>;
  /** An access token that is good for hours. */
  readonly bearer: () => Promise<string>;
  readonly stop: () => Promise<void>;
}

/** What contestants identify themselves with. */
export const CLIENT = { id: CLIENT_ID, secret: CLIENT_SECRET };

export async function startProvider(): Promise<ProviderProcess> {
  const program = startProgram({
    args: ['--import', 'tsx', 'bench/provider/main.ts'],
    env: () => ({ PORT: '0' }),
    tested: false,
    cwd: ROOT,
  });
  const port = await untilPrinted(program, /^listening (\d+)$/m);
  const origin = `http://127.0.0.1:${port}`;
  return {
    origin,
    order: async (order) => {
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify(order);
      const answer = await fetch(`${origin}/control`, { method: 'POST', headers, body });
      return (await answer.json()) as ProviderCounts;
    },
    bearer: () => obtainBearer(origin),
    stop: program.stop,
  };
}

async function obtainBearer(origin: string): Promise<string> {
  const redirectUri = 'http://127.0.0.1/callback';
  const asked = new URLSearchParams({
    ...{ response_type: 'code', client_id: CLIENT.id, redirect_uri: redirectUri },
    scope: 'clinic:read',
  });
  const consent = await fetch(`${origin}/authorize?${asked.toString()}`, { redirect: 'manual' });
  const code = new URL(consent.headers.get('location') ?? '').searchParams.get('code') ?? '';
  const body = new URLSearchParams({
    ...{ grant_type: 'authorization_code', code, redirect_uri: redirectUri },
    ...{ client_id: CLIENT.id, client_secret: CLIENT.secret },
  });
  const answer = await fetch(`${origin}/token`, { method: 'POST', body });
  return ((await answer.json()) as { access_token: string }).access_token;
}
