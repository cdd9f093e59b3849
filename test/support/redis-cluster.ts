import { freePorts } from './free-ports.js';
import {
  type GroupMember,
  type GroupOptions,
  HEALTHY_WITHIN_MS,
  type RedisGroup,
  askOne,
  followers,
  memberAt,
  openGroup,
} from './redis-group.js';
import { until } from './until.js';
import { DURABLE } from './redis-server.js';

const SLOTS = 16_384;

/** Three masters with a replica each; a master that is silent for a second is replaced. */
export async function startCluster({ args = [] }: GroupOptions = {}): Promise<RedisGroup> {
  const ports = await freePorts(6);
  const common = [
    ...DURABLE,
    ...['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000'],
    // Keys of the other masters are served while one is gone.
    ...['--cluster-require-full-coverage', 'no', '--repl-diskless-sync-delay', '0'],
    // A replica is listed when it has received something, be it a ping.
    ...['--repl-ping-replica-period', '1'],
    ...args,
  ];
  return await openGroup(async (start, stop) => {
    const members = await Promise.all(ports.map((port) => start(port, { args: common })));
    await join(members);
    return clusterGroup(members, stop);
  });
}

/** Makes the first three masters of all slots, and the others their replicas. */
async function join(members: readonly GroupMember[]): Promise<void> {
  const masters = members.slice(0, 3);
  const share = Math.ceil(SLOTS / masters.length);
  for (const [index, { port }] of masters.entries()) {
    const [from, to] = [index * share, Math.min((index + 1) * share, SLOTS) - 1];
    await askOne(port, 'CLUSTER', 'ADDSLOTSRANGE', String(from), String(to));
    await askOne(port, 'CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
  }
  // Everybody with everybody, which is quicker than gossip.
  const meetings = members.flatMap((one) =>
    members.map((other) => [one.port, other.port] as const),
  );
  for (const [one, other] of meetings.filter(([a, b]) => a < b)) {
    await askOne(one, 'CLUSTER', 'MEET', '127.0.0.1', String(other));
  }
  for (const [index, { port }] of members.slice(3).entries()) {
    const master = String(await askOne(masters[index]!.port, 'CLUSTER', 'MYID'));
    // Refused until this node has heard of its master.
    await until(async () => {
      const answer = await askOne(port, 'CLUSTER', 'REPLICATE', master).catch(() => undefined);
      return answer === 'OK';
    });
  }
}

function clusterGroup(members: GroupMember[], stop: () => Promise<void>): RedisGroup {
  const masterPortOf = async (key: string) => {
    for (const { port } of members) {
      const slot = await askOne(port, 'CLUSTER', 'KEYSLOT', key).catch(() => undefined);
      if (typeof slot !== 'number') continue;
      const ranges = (await askOne(port, 'CLUSTER', 'SLOTS')) as [number, number, string[]][];
      const range = ranges.find(([from, to]) => from <= slot && slot <= to);
      if (range !== undefined) return Number(range[2][1]);
    }
    throw new Error('nobody has this slot');
  };
  const healthy = () => until(() => isWhole(members), HEALTHY_WITHIN_MS);
  return {
    ...{ members, stop, healthy, followed: healthy },
    url: `redis+cluster://${members.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
    masterOf: async (key) => memberAt(members, await masterPortOf(key)),
  };
}

/** Every node sees the same three masters, each with a replica that has caught up. */
async function isWhole(members: readonly GroupMember[]): Promise<boolean> {
  const views = await Promise.all(
    members.map(({ port }) => askOne(port, 'CLUSTER', 'SLOTS').catch(() => [])),
  );
  const masters = views.map((view) =>
    (view as [number, number, ...[string, number][]][])
      .filter(([, , ...nodes]) => nodes.length >= 2)
      .map(([, , master]) => master![1])
      .sort(),
  );
  const [first] = masters;
  if (first?.length !== 3) return false;
  if (masters.some((view) => view.join() !== first.join())) return false;
  const states = await Promise.all(
    members.map(({ port }) => askOne(port, 'CLUSTER', 'INFO').catch(() => '')),
  );
  if (!states.every((state) => String(state).startsWith('cluster_state:ok'))) return false;
  return (await Promise.all(first.map(followers))).every((count) => count >= 1);
}
