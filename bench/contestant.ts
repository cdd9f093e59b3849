import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { freePort } from '../test/support/app.js';
import type { TcpRedis } from '../test/support/redis-tcp.js';
import type { ContestantSpec } from './contestants.js';
import { type Program, startProgram, untilAnswered } from './program.js';
import { CLIENT, type ProviderProcess } from './provider-process.js';

/** One that runs. */
export interface Contestant {
  readonly spec: ContestantSpec;
  readonly origin: string;
  readonly port: number;
  readonly program: Program;
  /** The Redis of its own; undefined when it needs none. */
  readonly redis: TcpRedis | undefined;
}

export interface StartOptions {
  /** On top of the usual ones. */
  readonly env?: Readonly<Record<string, string>>;
  readonly nodeArgs?: readonly string[];
  /** One that runs already, instead of one of its own. */
  readonly redis?: TcpRedis;
  /** Under which others know it, when it is not its own origin. */
  readonly baseUrl?: string;
}

/** The secrets of this server, the same for all its processes in a run. */
export const SECRETS = {
  SESSION_SECRET: randomBytes(32).toString('base64url'),
  TOKEN_ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}`,
};

/** Starts one in its usual production settings; that it serves is for the caller to wait for. */
export async function launch(
  spec: ContestantSpec,
  at: Omit<StartOptions, 'redis'> & { provider: ProviderProcess; redis: TcpRedis | undefined },
): Promise<Contestant> {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const { provider, redis, nodeArgs = [], baseUrl = origin } = at;
  const bearer = spec.kind === 'floor' ? await provider.bearer() : '';
  const common = {
    ...{ NODE_ENV: 'production', PORT: String(port), BASE_URL: baseUrl },
    ...(redis !== undefined && { REDIS_URL: redis.url }),
  };
  const program = startProgram({
    args: [...nodeArgs, spec.file],
    env: (folder) => ({
      ...common,
      ...(spec.kind === 'ours' ? ownSettings(provider, folder) : peerSettings(provider, bearer)),
      ...spec.env,
      ...at.env,
    }),
    tested: true,
  });
  return { spec, origin, port, program, redis };
}

/** Waits until a path of it is answered well. @returns milliseconds from now. */
export function untilServing(
  { spec, origin, program }: Contestant,
  path = spec.readyPath,
): Promise<number> {
  return untilAnswered(program, `${origin}${path}`, spec.servesPages ? 200 : undefined);
}

function ownSettings(provider: ProviderProcess, folder: string): Record<string, string> {
  return {
    FULLSCRIPT_CLIENT_ID: CLIENT.id,
    FULLSCRIPT_CLIENT_SECRET: CLIENT.secret,
    FULLSCRIPT_API_URL: `${provider.origin}/api`,
    DATA_DIR: join(folder, 'data'),
    ...SECRETS,
  };
}

function peerSettings(provider: ProviderProcess, bearer: string): Record<string, string> {
  return { PROVIDER_URL: provider.origin, API_URL: `${provider.origin}/resource`, BEARER: bearer };
}
