import type { Endpoint } from './answering.js';
import type { Call } from './call.js';
import { livePairs, type Provider } from './provider.js';

/** How often each endpoint was called, whatever was answered, and what came of it. */
export interface SimulatorStats {
  authorizations: number;
  exchanges: number;
  refreshes: number;
  otherTokenRequests: number;
  revokes: number;
  apiCalls: number;
  /** Pairs ever issued, and those not revoked (expired ones included). */
  pairsIssued: number;
  livePairs: number;
  codesIssued: number;
}

/** Counts calls. */
export function createStats(provider: Provider): {
  count: (endpoint: Endpoint, call: Call) => void;
  read: () => SimulatorStats;
} {
  const calls = {
    authorizations: 0,
    exchanges: 0,
    refreshes: 0,
    otherTokenRequests: 0,
    revokes: 0,
    apiCalls: 0,
  };
  return {
    count(endpoint, call) {
      if (endpoint === 'authorize') calls.authorizations += 1;
      if (endpoint === 'revoke') calls.revokes += 1;
      if (endpoint === 'api') calls.apiCalls += 1;
      if (endpoint === 'token') calls[grantCounter(call)] += 1;
    },
    read: () => ({
      ...calls,
      pairsIssued: provider.issued.accessTokens.length,
      livePairs: livePairs(provider).length,
      codesIssued: provider.issued.codes.length,
    }),
  };
}

function grantCounter(call: Call): 'exchanges' | 'refreshes' | 'otherTokenRequests' {
  if (call.fields['grant_type'] === 'authorization_code') return 'exchanges';
  return call.fields['grant_type'] === 'refresh_token' ? 'refreshes' : 'otherTokenRequests';
}
