import type { HostAndPort, StoreAddress } from './store-url.js';

/** Where the store is, for people: without user name and password. */
export function storeLabel(address: StoreAddress): string {
  const { prefix } = address;
  return prefix === undefined ? placeLabel(address) : `${placeLabel(address)}, keys ${prefix}:…`;
}

function placeLabel(address: StoreAddress): string {
  switch (address.kind) {
    case 'single':
      return `${address.tls ? 'rediss' : 'redis'}://${hostLabel(address)}/${address.db}`;
    case 'socket':
      return `unix://${address.path}?db=${address.db}`;
    case 'sentinel':
      return `${address.tls ? 'rediss' : 'redis'}+sentinel://${hosts(address.sentinels)}/${address.name}/${address.db}`;
    case 'cluster':
      return `${address.tls ? 'rediss' : 'redis'}+cluster://${hosts(address.nodes)}`;
  }
}

/** Where it connects to first; nothing for a socket. */
export function storeHosts(address: StoreAddress): readonly string[] {
  if (address.kind === 'socket') return [];
  if (address.kind === 'single') return [address.host];
  const named = address.kind === 'sentinel' ? address.sentinels : address.nodes;
  return named.map(({ host }) => host);
}

function hosts(list: readonly HostAndPort[]): string {
  return list.map(hostLabel).join(',');
}

function hostLabel({ host, port }: HostAndPort): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
