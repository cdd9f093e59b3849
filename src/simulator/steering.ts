import type { Clients } from './clients.js';
import { expireAccessTokens, type Provider, revokeOwner } from './provider.js';
import type { ProviderSettings } from './settings.js';

/** What can be done to a running simulator besides faults and scenarios. */
export interface Steering {
  /** May be changed while it runs; rules what is issued from then on. */
  settings: ProviderSettings;
  /** The person revokes the client in the Fullscript web app. Returns how many pairs died. */
  revokeAuthorization: (ownerId: string) => number;
  expireAccessTokens: () => number;
  /** Scopes of future grants, of one client or of all; issued tokens keep theirs. */
  setScopes: (scopes: string[], clientId?: string) => void;
}

/** Steers a provider and its applications; `resetScopes` gives these what they had at the start. */
export function steer(
  provider: Provider,
  clients: Clients,
): Steering & { resetScopes: () => void } {
  const atStart = [...clients.values()].map((client) => ({ client, scopes: [...client.scopes] }));
  return {
    revokeAuthorization: (ownerId) => revokeOwner(provider, ownerId),
    expireAccessTokens: () => expireAccessTokens(provider),
    settings: provider.settings,
    setScopes(scopes, clientId) {
      for (const client of clients.values()) {
        if (clientId === undefined || client.clientId === clientId) client.scopes = [...scopes];
      }
    },
    resetScopes() {
      for (const { client, scopes } of atStart) client.scopes = [...scopes];
    },
  };
}
