import { freePorts } from './free-ports.js';
import {
  type GroupMember,
  type GroupOptions,
  HEALTHY_WITHIN_MS,
  type RedisGroup,
  askOne,
  fields,
  followers,
  memberAt,
  openGroup,
} from './redis-group.js';
import { DURABLE, startRedis } from './redis-server.js';
import { until } from './until.js';

const REPLICAS = 2;
const SENTINELS = 3;

/** A master with two replicas, watched by three sentinels that act after a second. */
export async function startSentinels({ args = [] }: GroupOptions = {}): Promise<RedisGroup> {
  const [masterPort = 0, ...ports] = await freePorts(1 + REPLICAS + SENTINELS);
  const common = [...DURABLE, '--repl-diskless-sync-delay', '0', ...args];
  const replica = { args: [...common, '--replicaof', `127.0.0.1 ${masterPort}`] };
  return await openGroup(async (start, stop) => {
    const members = [await start(masterPort, { args: common })];
    for (const port of ports.slice(0, REPLICAS)) members.push(await start(port, replica));
    const sentinelPorts = ports.slice(REPLICAS);
    for (const port of sentinelPorts) {
      await start(port, { args: ['--sentinel'], config: configFor(masterPort) });
    }
    return sentinelGroup(members, sentinelPorts, stop);
  });
}

/** One sentinel that names the server at `masterPort`, and would not act by itself. */
export async function startSentinelOf(masterPort: number) {
  const [port = 0] = await freePorts(1);
  const listening = ['--sentinel', '--port', String(port), '--bind', '127.0.0.1'];
  const { stop } = await startRedis({ args: listening, config: configFor(masterPort) });
  return { stop, url: `redis+sentinel://127.0.0.1:${port}/main` };
}

function configFor(masterPort: number): string {
  return [
    `sentinel monitor main 127.0.0.1 ${masterPort} 2`,
    'sentinel down-after-milliseconds main 1000',
    'sentinel failover-timeout main 2000',
    'sentinel parallel-syncs main 1',
    '',
  ].join('\n');
}

function sentinelGroup(
  members: GroupMember[],
  sentinelPorts: number[],
  stop: () => Promise<void>,
): RedisGroup {
  const hosts = sentinelPorts.map((port) => `127.0.0.1:${port}`).join(',');
  /** How many replicas the master has that all sentinels agree on. */
  const replicas = async () => {
    const views = await Promise.all(sentinelPorts.map(masterSeenBy));
    const ports = new Set(views.map((view) => view.get('port')));
    const known = views.every(
      (view) =>
        view.get('flags') === 'master' && view.get('num-other-sentinels') === String(SENTINELS - 1),
    );
    return known && ports.size === 1 ? await followers(Number([...ports][0])) : 0;
  };
  return {
    ...{ members, stop },
    url: `redis+sentinel://${hosts}/main`,
    masterOf: async () => {
      const view = await masterSeenBy(sentinelPorts[0]!);
      return memberAt(members, Number(view.get('port')));
    },
    followed: () => until(async () => (await replicas()) >= 1, HEALTHY_WITHIN_MS),
    healthy: () => until(async () => (await replicas()) === REPLICAS, HEALTHY_WITHIN_MS),
  };
}

async function masterSeenBy(port: number) {
  return fields(await askOne(port, 'SENTINEL', 'MASTER', 'main'));
}
