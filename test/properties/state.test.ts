import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EarlierFailureError } from '../../src/grants/errors.js';
import { createSignIn } from '../../src/grants/sign-in.js';
import { parseAuthorizationResponse } from '../../src/oauth/authorization-response.js';
import { AuthorizationResponseError, TokenEndpointError } from '../../src/oauth/errors.js';
import { nastyText } from '../support/nasty-text.js';
import { type Custody, openCustody } from '../support/custody.js';

const NAMES = ['state', 'code', 'error', 'error_description', 'iss'] as const;
const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...NAMES, 'State', 'state[]') },
  { weight: 1, arbitrary: fc.string() },
);
const query = fc.array(fc.tuple(name, fc.oneof(nastyText(), fc.string())), { maxLength: 6 });

describe('SR-08 the parser', () => {
  it('SR-08 any query → the one state, code and error that it names, or a refusal', () => {
    const seen = { read: 0, refused: 0 };
    fc.assert(
      fc.property(query, (pairs) => {
        const sent = new URLSearchParams(pairs);
        const duplicated = NAMES.some((one) => sent.getAll(one).length > 1);
        const complete = !duplicated && (sent.get('state') ?? '') !== '';
        try {
          const response = parseAuthorizationResponse(sent);
          expect(complete).toBe(true);
          expect(response.state).toBe(sent.get('state'));
          expect([sent.get('code'), undefined]).toContain(response.code);
          expect([sent.get('error'), undefined]).toContain(response.error);
          seen.read += 1;
        } catch (error) {
          if (!(error instanceof AuthorizationResponseError)) throw error;
          expect(complete).toBe(false);
          seen.refused += 1;
        }
      }),
      { numRuns: 1_000 },
    );
    expect(seen.read).toBeGreaterThan(0);
    expect(seen.refused).toBeGreaterThan(0);
  });
});

/** One bit, by its number. */
const bitOf = (bytes: Buffer, at: number) => (bytes[at >> 3]! >> (at & 7)) & 1;

describe('the sign-in', () => {
  let world: Custody;

  beforeAll(async () => {
    world = await openCustody();
  });

  afterAll(() => world.close());

  it('SR-01 10 000 starts → 10 000 different states of 256 bits, none of which shows a pattern', async () => {
    const pending = { ...world.pending, save: () => Promise.resolve() };
    const signIn = createSignIn({ ...world.deps, pending });
    const request = { registration: world.deps.registration(), returnTo: undefined };
    const states: string[] = [];
    while (states.length < 10_000) {
      const { location } = await signIn.start(request);
      states.push(new URL(location).searchParams.get('state')!);
    }
    expect(new Set(states).size).toBe(10_000);
    expect(states.filter((state) => !/^[\w-]{43}$/.test(state))).toEqual([]);
    const [ones, changes] = [new Uint16Array(256), new Uint16Array(256)];
    let before = Buffer.alloc(32);
    for (const state of states) {
      const bytes = Buffer.from(state, 'base64url');
      for (let at = 0; at < 256; at += 1) {
        ones[at]! += bitOf(bytes, at);
        changes[at]! += bitOf(bytes, at) ^ bitOf(before, at);
      }
      before = bytes;
    }
    // Of a fair coin, 10 000 throws: six standard deviations are 300. Whether it equals its neighbour counts
    // too, because the lowest bit of a counter is perfectly balanced.
    for (const count of [...ones, ...changes]) expect(Math.abs(count - 5_000)).toBeLessThan(300);
  });

  const tokenCalls = () => world.simulator.requests.filter(({ path }) => path.endsWith('/token'));

  async function started() {
    const registration = world.deps.registration();
    const sign = await world.signIn.start({ registration, returnTo: undefined });
    const state = new URL(sign.location).searchParams.get('state')!;
    return { ...sign, state, spent: false };
  }
  type Started = Awaited<ReturnType<typeof started>>;

  /** Which state comes back, made of the states that were issued. */
  const altered = fc.oneof(
    { weight: 5, arbitrary: fc.constant((state: string) => state) },
    fc.constantFrom(
      (state: string) => state.slice(0, -1),
      (state: string) => `${state}=`,
      (state: string) => ` ${state}`,
      (state: string) => state.toUpperCase(),
      (state: string) => state.slice(1) + state.slice(0, 1),
    ),
    fc.oneof(fc.string(), nastyText()).map((text) => () => text),
  );
  const attempt = fc.record({
    sign: fc.nat(2),
    altered,
    /** Whose cookie the browser holds: its own, another sign-in's, none, or an invented one. */
    binding: fc.constantFrom('own', 'own', 'own', 'other', 'none', 'invented'),
    others: fc.oneof(
      fc.constant([['code', 'a-code']] as [string, string][]),
      fc.array(fc.tuple(name, fc.string({ minLength: 1 }))),
    ),
  });
  type Attempt = typeof attempt extends fc.Arbitrary<infer T> ? T : never;

  /** What the rules say of an attempt; the sign-in is spent by it, or reaches the token endpoint. */
  function verdict(sign: Started, how: Attempt, sent: URLSearchParams) {
    const single = NAMES.every((one) => sent.getAll(one).length <= 1);
    const ours = sent.get('state') === sign.state && how.binding === 'own' && !sign.spent;
    const takes = single && ours;
    const code = sent.get('code') ?? '';
    const error = sent.get('error') ?? '';
    // Fullscript's own, or none: RFC 9207. Made-up text names no server of ours.
    const { origin } = world.simulator;
    const named = sent.get('iss') ?? undefined;
    const isIssuer =
      named === undefined || (URL.canParse(named) && new URL(named).origin === origin);
    // Once more, while it is remembered what the first one came to.
    const again = single && sent.get('state') === sign.state && how.binding === 'own' && sign.spent;
    return { takes, again, exchanges: takes && isIssuer && error === '' && code !== '' };
  }

  it('SR-08 any query, with any binding → only an issued state with its own binding reaches the token endpoint, once', async () => {
    const seen = { exchanged: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(attempt, { minLength: 1, maxLength: 6 }), async (attempts) => {
        const signs = await Promise.all([started(), started(), started()]);
        for (const how of attempts) {
          const sign = signs[how.sign]!;
          const held = {
            own: sign.binding,
            other: signs[(how.sign + 1) % 3]!.binding,
            none: undefined,
            invented: 'A'.repeat(22),
          }[how.binding];
          const sent = new URLSearchParams([['state', how.altered(sign.state)], ...how.others]);
          const expected = verdict(sign, how, sent);
          const before = tokenCalls().length;
          const failure: unknown = await world.signIn
            .finish({ query: sent, bindingOf: () => held })
            .then(
              () => undefined,
              (error: unknown) => error,
            );
          // No code here is a real one, so nothing ever succeeds.
          const refusals = expected.again
            ? [AuthorizationResponseError, EarlierFailureError]
            : [AuthorizationResponseError, TokenEndpointError];
          expect(refusals.some((one) => failure instanceof one)).toBe(true);
          expect(tokenCalls().length - before).toBe(expected.exchanges ? 1 : 0);
          if (expected.takes) sign.spent = true;
          seen[expected.exchanges ? 'exchanged' : 'refused'] += 1;
        }
      }),
      { numRuns: 80 },
    );
    expect(seen.exchanged).toBeGreaterThan(0);
    expect(seen.refused).toBeGreaterThan(0);
  });
});
