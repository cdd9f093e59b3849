import { beforeEach, describe, expect, it } from '@jest/globals';
import type { CodeRequest, Pair } from '../../src/simulator/pair.js';
import {
  createProvider,
  expireAccessTokens,
  findRefreshable,
  findUsableCode,
  hasStandingConsent,
  isExpired,
  issueCode,
  livePairs,
  presentAccessToken,
  type Provider,
  redeemCode,
  refreshPair,
  restoreSnapshot,
  revokeOwner,
  secondsLeft,
  takeSnapshot,
} from '../../src/simulator/provider.js';
import { plainWorld, type Rotation } from '../../src/simulator/settings.js';

const REQUEST: CodeRequest = {
  clientId: 'client',
  personId: 'person',
  clinicId: 'clinic',
  owner: { id: 'person', type: 'Practitioner' },
  scopes: ['clinic:read', 'catalog:read'],
  redirectUri: 'http://127.0.0.1:9/callback',
};

let clock: number;
let changes: number;

function build(rotation: Rotation = 'on_use'): Provider {
  return createProvider({
    settings: { rotation, accessTokenLifetime: 7200, codeLifetime: 600, ...plainWorld() },
    now: () => clock,
    changed: () => {
      changes += 1;
    },
  });
}

function issue(provider: Provider, change: Partial<CodeRequest> = {}): Pair {
  const code = provider.codes.get(issueCode(provider, { ...REQUEST, ...change }))!;
  return redeemCode(provider, code);
}

beforeEach(() => {
  clock = 1_000_000;
  changes = 0;
});

describe('codes', () => {
  it('fresh → usable; spent or ten minutes old → not', () => {
    const provider = build();
    const [one, other] = [issueCode(provider, REQUEST), issueCode(provider, REQUEST)];
    redeemCode(provider, findUsableCode(provider, one)!);
    expect(findUsableCode(provider, one)).toBeUndefined();
    expect(findUsableCode(provider, other)?.value).toBe(other);
    clock += 600_000;
    expect(findUsableCode(provider, other)).toBeUndefined();
  });
});

describe('rotation', () => {
  it('on_use → the old pair dies when the new access token is presented', () => {
    const provider = build();
    const old = issue(provider);
    const fresh = refreshPair(provider, old);
    expect(findRefreshable(provider, old.refreshToken)).toBe(old);
    presentAccessToken(provider, fresh.accessToken);
    expect(findRefreshable(provider, old.refreshToken)).toBeUndefined();
    expect(old.revoked).toBe(true);
  });

  it('on_use, siblings → neither kills the other', () => {
    const provider = build();
    const old = issue(provider);
    const siblings = [refreshPair(provider, old), refreshPair(provider, old)];
    for (const pair of siblings) presentAccessToken(provider, pair.accessToken);
    expect(livePairs(provider)).toEqual(siblings);
  });

  it('on_use, chain of three → only the direct predecessor dies', () => {
    const provider = build();
    const r0 = issue(provider);
    const r1 = refreshPair(provider, r0);
    const r2 = refreshPair(provider, r1);
    presentAccessToken(provider, r2.accessToken);
    expect([r0.revoked, r1.revoked, r2.revoked]).toEqual([false, true, false]);
  });

  it('immediate → the old pair dies with the refresh', () => {
    const provider = build('immediate');
    const old = issue(provider);
    const fresh = refreshPair(provider, old);
    expect([old.revoked, fresh.revoked]).toEqual([true, false]);
  });

  it('lifetime setting changed → a refreshed pair keeps the old lifetime', () => {
    const provider = build();
    const old = issue(provider);
    provider.settings.accessTokenLifetime = 60;
    expect(refreshPair(provider, old).lifetime).toBe(7200);
    expect(issue(provider).lifetime).toBe(60);
  });
});

describe('expiry', () => {
  it('time passes → seconds left are rounded, and the end is exact', () => {
    const provider = build();
    const pair = issue(provider);
    clock += 400;
    expect(secondsLeft(provider, pair)).toBe(7200);
    clock += 200;
    expect(secondsLeft(provider, pair)).toBe(7199);
    clock = pair.expiresAt - 1;
    expect(isExpired(provider, pair)).toBe(false);
    clock += 1;
    expect([isExpired(provider, pair), secondsLeft(provider, pair)]).toEqual([true, 0]);
  });

  it('all expired by hand → refresh tokens stay good', () => {
    const provider = build();
    const pair = issue(provider);
    expect(expireAccessTokens(provider)).toBe(1);
    expect(isExpired(provider, pair)).toBe(true);
    expect(findRefreshable(provider, pair.refreshToken)).toBe(pair);
  });
});

describe('standing consent', () => {
  it('same client, person and scopes in any order → stands; anything else → does not', () => {
    const provider = build();
    issue(provider);
    const reordered = { ...REQUEST, scopes: ['catalog:read', 'clinic:read'] };
    expect(hasStandingConsent(provider, reordered)).toBe(true);
    for (const change of [{ clientId: 'x' }, { personId: 'x' }, { scopes: ['clinic:read'] }]) {
      expect(hasStandingConsent(provider, { ...REQUEST, ...change })).toBe(false);
    }
  });

  it('owner revoked → pairs and unspent codes are dead, other people keep theirs', () => {
    const provider = build();
    const mine = issue(provider);
    const theirs = issue(provider, { personId: 'other', owner: { id: 'other', type: 'Staff' } });
    const code = issueCode(provider, REQUEST);
    expect(revokeOwner(provider, 'person')).toBe(1);
    expect([mine.revoked, theirs.revoked]).toEqual([true, false]);
    expect(findUsableCode(provider, code)).toBeUndefined();
    expect(hasStandingConsent(provider, REQUEST)).toBe(false);
  });
});

describe('snapshot', () => {
  it('taken and restored → a pending rotation still completes', () => {
    const provider = build();
    const old = issue(provider);
    const fresh = refreshPair(provider, old);
    const text = JSON.stringify(takeSnapshot(provider));
    const second = build();
    restoreSnapshot(second, JSON.parse(text) as ReturnType<typeof takeSnapshot>);
    presentAccessToken(second, fresh.accessToken);
    expect(findRefreshable(second, old.refreshToken)).toBeUndefined();
    expect(second.issued).toEqual(provider.issued);
  });

  it('every change is announced; a second use of a token is no change', () => {
    const provider = build();
    const fresh = refreshPair(provider, issue(provider));
    expect(changes).toBe(3);
    presentAccessToken(provider, fresh.accessToken);
    presentAccessToken(provider, fresh.accessToken);
    expect(changes).toBe(4);
  });
});
