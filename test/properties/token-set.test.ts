import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TokenEndpointError } from '../../src/oauth/errors.js';
import { RESOURCE_OWNER_TYPES } from '../../src/oauth/resource-owner.js';
import { type TokenSet, parseTokenSet } from '../../src/oauth/token-set.js';

const YEAR_MS = 366 * 86_400_000;
const REFUSALS = ['invalid_response', 'unsupported_token_type'];
const RUNS = { numRuns: 1_000 };

/** Whatever JSON can carry, numbers at the edges included. */
const json = fc.oneof(
  fc.jsonValue(),
  fc.double({ noNaN: true }).filter(Number.isFinite),
  fc.constantFrom(1e308, -1e308, 5e-324, 0, -0, 2 ** 53, '9'.repeat(400), '2020-13-99', ''),
);
const caseOf = (word: string) =>
  fc
    .array(fc.boolean(), { minLength: word.length, maxLength: word.length })
    .map((upper) =>
      word.replace(/./g, (letter, at: number) => (upper[at] ? letter.toUpperCase() : letter)),
    );
const date = fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('2100-01-01') });
const instant = date.map((at) => at.getTime());

/** Fields as documented more often than not, else anything. */
const rightOr = (right: fc.Arbitrary<unknown>) =>
  fc.oneof({ weight: 4, arbitrary: right }, { weight: 1, arbitrary: json });
const owner = fc.record(
  {
    id: rightOr(fc.oneof(fc.uuid(), fc.integer(), fc.string({ unit: 'binary' }))),
    type: rightOr(fc.constantFrom(...RESOURCE_OWNER_TYPES, 'practitioner', 'Patient', '')),
  },
  { requiredKeys: [] },
);
const oauth = fc.record(
  {
    access_token: rightOr(fc.stringMatching(/^at-[a-z0-9]{20}$/)),
    refresh_token: rightOr(fc.stringMatching(/^rt-[a-z0-9]{20}$/)),
    token_type: rightOr(fc.oneof(caseOf('bearer'), fc.constant('mac'))),
    expires_in: rightOr(fc.oneof(fc.integer(), fc.nat().map(String))),
    scope: rightOr(fc.string()),
    created_at: rightOr(
      fc.oneof(
        date.map((at) => at.toISOString()),
        fc.integer(),
      ),
    ),
    resource_owner: rightOr(owner),
  },
  { requiredKeys: [] },
);
const answer = fc.record({
  body: fc.oneof({ weight: 6, arbitrary: fc.record({ oauth }) }, { weight: 1, arbitrary: json }),
  receivedAt: instant,
  serverDate: fc.option(instant, { nil: undefined }),
  mayBeOld: fc.boolean(),
});

/** The token set, or the code of the refusal; anything else that is thrown fails the property. */
function parsed(from: Parameters<typeof parseTokenSet>[0]): TokenSet | string {
  try {
    return parseTokenSet(from);
  } catch (error) {
    expect(error).toBeInstanceOf(TokenEndpointError);
    return (error as TokenEndpointError).code;
  }
}

const fieldsOf = (body: unknown) => (body as { oauth: Record<string, unknown> }).oauth;

describe('SR-34', () => {
  it('SR-34 any JSON → a token set or a refusal with a code, and an expiry that is an instant', () => {
    const seen = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(answer, (from) => {
        const tokens = parsed(from);
        if (typeof tokens === 'string') {
          seen.refused += 1;
          expect(REFUSALS).toContain(tokens);
          return;
        }
        seen.taken += 1;
        expect(tokens.accessToken.reveal()).toBe(fieldsOf(from.body)['access_token']);
        expect(tokens.accessToken.reveal()).not.toBe('');
        expect(tokens.refreshToken?.reveal()).not.toBe('');
        expect(Number.isFinite(tokens.expiresAt)).toBe(true);
        expect(tokens.expiresAt).toBeGreaterThanOrEqual(from.receivedAt);
        expect(tokens.expiresAt).toBeLessThanOrEqual(from.receivedAt + YEAR_MS);
        expect(tokens.scope.filter((name) => !/^\S+$/.test(name))).toEqual([]);
      }),
      RUNS,
    );
    expect(seen.taken).toBeGreaterThan(0);
    expect(seen.refused).toBeGreaterThan(0);
  });

  it('SR-34 a token type → taken when it says Bearer in any case, else refused', () => {
    const type = fc.oneof(caseOf('bearer'), fc.string(), fc.constantFrom('mac', 'bearer ', 'DPoP'));
    fc.assert(
      fc.property(type, (token_type) => {
        const from = { body: { oauth: { access_token: 'at-1', token_type } }, receivedAt: 0 };
        const right = token_type.toLowerCase() === 'bearer';
        expect(parsed(from) === 'unsupported_token_type').toBe(!right);
      }),
    );
  });

  it('SR-34 any resource owner → one with an id and a kind we know, or a problem, or none', () => {
    fc.assert(
      fc.property(rightOr(owner), (resource_owner) => {
        const oauthFields = { access_token: 'at-1', resource_owner };
        const tokens = parseTokenSet({ body: { oauth: oauthFields }, receivedAt: 0 });
        const { resourceOwner, ownerProblem } = tokens;
        expect(resourceOwner !== undefined && ownerProblem !== undefined).toBe(false);
        if (resourceOwner === undefined) return;
        const given = resource_owner as { id: unknown; type: string };
        expect(resourceOwner.id).toBe(String(given.id));
        expect(resourceOwner.id.length).toBeGreaterThan(0);
        expect(RESOURCE_OWNER_TYPES).toContain(resourceOwner.type);
        expect(resourceOwner.type.toLowerCase()).toBe(given.type.toLowerCase());
      }),
      RUNS,
    );
  });

  it('SR-34 any token set, printed in any way → shows neither of its tokens', () => {
    fc.assert(
      fc.property(answer, (from) => {
        const tokens = parsed(from);
        if (typeof tokens === 'string') return;
        const shown = [JSON.stringify(tokens), inspect(tokens, { depth: 9, showHidden: true })];
        const issued = [tokens.accessToken, tokens.refreshToken].map((one) => one?.reveal() ?? '');
        for (const token of issued.filter((one) => /^[ar]t-\w{20}$/.test(one))) {
          expect(shown.join('\n')).not.toContain(token);
        }
      }),
    );
  });
});
