import { isLoopback } from '../config/loopback.js';
import type { AuthorizationServer } from '../oauth/authorization-server.js';
import { failureOf, remedyOf } from './failure.js';
import { type Finding, ok, problem, skipped, warning } from './finding.js';
import type { Network, TlsFacts } from './network.js';

export interface HostDeps {
  readonly network: Network;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly elapsed: () => number;
  /** Nothing may leave this machine. */
  readonly offline: boolean;
}

const DAY_MS = 86_400_000;
const RENEW_DAYS = 14;

const ROLES = {
  apiUrl: 'API',
  authorizeUrl: 'sign-in',
  tokenUrl: 'tokens',
  revokeUrl: 'revocation',
} as const satisfies Record<keyof AuthorizationServer, string>;

/** Name, connection and certificate of each host that a registration's endpoints are on. */
export async function examineHosts(
  deps: HostDeps,
  group: string,
  server: AuthorizationServer,
): Promise<readonly Finding[]> {
  const roles = new Map<string, string[]>();
  for (const [name, role] of Object.entries(ROLES)) {
    const { origin } = new URL(server[name as keyof AuthorizationServer]);
    roles.set(origin, [...(roles.get(origin) ?? []), role]);
  }
  const work = [...roles].map(([origin, its]) => examineHost(deps, group, { origin, roles: its }));
  return await Promise.all(work);
}

async function examineHost(
  { network, now, elapsed, offline }: HostDeps,
  group: string,
  { origin, roles }: { origin: string; roles: readonly string[] },
): Promise<Finding> {
  const { hostname, host, port, protocol } = new URL(origin);
  const check = `${group}.host.${host}`;
  const what = roles.join(', ');
  if (offline && !isLoopback(origin)) return skipped(check, `${what}: not looked at (--offline)`);
  const tls = protocol === 'https:';
  const name = hostname.replace(/^\[|\]$/g, '');
  const from = elapsed();
  try {
    const addresses = await network.lookup(name);
    const target = { host: name, port: Number(port === '' ? (tls ? 443 : 80) : port), tls };
    const facts = await network.connect(target);
    const took = `${Math.round(elapsed() - from)} ms`;
    const where = `${what}: ${addresses.slice(0, 3).join(' ')}`;
    return judge(check, { where, took, facts, now: now() });
  } catch (error) {
    return problem(check, `${what}: ${failureOf(error)}`, remedyOf(error));
  }
}

function judge(
  check: string,
  at: { where: string; took: string; facts: TlsFacts | undefined; now: number },
): Finding {
  const { where, took, facts, now } = at;
  if (facts === undefined) return ok(check, `${where}, plain HTTP on this machine, ${took}`);
  const days = Math.floor((facts.validUntil - now) / DAY_MS);
  const found = `${where}, ${facts.protocol}, certificate for ${days} more days, ${took}`;
  if (days >= RENEW_DAYS) return ok(check, found);
  return warning(check, found, 'Tell whoever runs this host, if it is not renewed by itself.');
}
