import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import type { PendingAuthorizations } from '../oauth/pending-authorizations.js';
import { type Cipher, parseOpened } from './cipher.js';
import { patiently } from './patience.js';

/** What the first callback of a sign-in came to: a session, or the code of the error that was shown. */
export type CallbackOutcome = z.infer<typeof outcome>;

/** The right of one callback to finish a sign-in. */
export interface Claim {
  /** Says what came of it, and for how long that is remembered. Never fails; goes on trying for some seconds. */
  readonly settle: (outcome: CallbackOutcome, keptMs: number) => Promise<void>;
  /** Says that nothing was begun. Never fails; goes on trying for some seconds. */
  readonly release: () => Promise<void>;
}

/**
 * Keeps what a callback comes to, for when it comes again (a double click, a reload while Fullscript is slow): a
 * code is exchanged once, and its browser may have gone before it was answered. `id` is that of one sign-in in one
 * browser.
 */
export interface CallbackOutcomes {
  /**
   * The first callback gets a claim, which it has to settle or release. Any other waits for that, in whichever
   * process it happens, and gets what came of it.
   *
   * @param answer what Fullscript has answered, as a hash.
   * @param signal ends the waiting, by its reason: the client has gone.
   * @throws StoreUnavailableError
   */
  readonly claim: (
    id: string,
    answer: string,
    signal?: AbortSignal,
  ) => Promise<
    | { readonly first: Claim }
    | { readonly earlier: CallbackOutcome; readonly isSameAnswer: boolean }
  >;
  /**
   * Forgets what came of a sign-in.
   *
   * @returns the session that it began, if it did.
   * @throws StoreUnavailableError
   */
  readonly forget: (id: string) => Promise<string | undefined>;
}

export interface CallbackOutcomesDeps {
  readonly pending: PendingAuthorizations;
  readonly cipher: Cipher;
  /** How often it is looked whether there is an outcome. */
  readonly pollMs?: number | undefined;
}

/** Longer than an exchange with all its attempts, the save, and the session may take. */
const EXCHANGE_LIMIT_MS = 45_000;
const POLL_MS = 100;

const wanted = z.object({ registration: z.string(), returnTo: z.string().optional() });
const outcome = z.union([
  z.object({ wanted, sessionId: z.string() }),
  z.object({ wanted, failure: z.string() }),
]);
const record = z.object({ answer: z.string(), outcome: outcome.optional() });

export function createCallbackOutcomes(deps: CallbackOutcomesDeps): CallbackOutcomes {
  const { pending, cipher, pollMs = POLL_MS } = deps;
  const seal = (key: string, value: z.infer<typeof record>) =>
    cipher.seal(JSON.stringify(value), key);
  const open = (key: string, sealed: string) => parseOpened(record, cipher.open(sealed, key));

  async function release(key: string, claimed: string): Promise<void> {
    // Not one that has been made since.
    const remove = async () => {
      if ((await pending.peek(key)) === claimed) await pending.take(key);
    };
    await patiently(wait, remove).catch(() => undefined);
  }

  async function saveClaim(key: string, claimed: string): Promise<boolean> {
    try {
      return await pending.saveNew(key, claimed, EXCHANGE_LIMIT_MS);
    } catch (error) {
      // Its answer was lost, but it may have been written, and would keep the next callback waiting.
      void release(key, claimed);
      throw error;
    }
  }

  async function settle(key: string, sealed: string, keptMs: number): Promise<void> {
    const save = () => pending.save(key, sealed, keptMs);
    // The browser does not wait for more than one try.
    await save().catch(() => void patiently(wait, save).catch(() => undefined));
  }

  return {
    claim: async (id, answer, signal) => {
      const key = keyOf(id);
      const claimed = seal(key, { answer });
      while (!(await saveClaim(key, claimed))) {
        const sealed = await pending.peek(key);
        const found = sealed === undefined ? undefined : open(key, sealed);
        if (found?.outcome !== undefined) {
          return { earlier: found.outcome, isSameAnswer: found.answer === answer };
        }
        await wait(pollMs);
        signal?.throwIfAborted();
      }
      const first: Claim = {
        settle: (came, keptMs) => settle(key, seal(key, { answer, outcome: came }), keptMs),
        release: () => release(key, claimed),
      };
      return { first };
    },

    forget: async (id) => {
      const key = keyOf(id);
      const sealed = await pending.take(key);
      const came = sealed === undefined ? undefined : open(key, sealed).outcome;
      return came !== undefined && 'sessionId' in came ? came.sessionId : undefined;
    },
  };
}

function keyOf(id: string): string {
  return createHash('sha256').update(`outcome ${id}`).digest('base64url');
}
