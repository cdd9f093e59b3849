import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { AuthorizationResponseError } from '../oauth/errors.js';
import type { PendingAuthorizations } from '../oauth/pending-authorizations.js';
import { type Cipher, parseOpened } from './cipher.js';
import { patiently } from './patience.js';

/** What the first callback with an answer came to: a session, or the code of the error that was shown. */
export type CallbackOutcome = z.infer<typeof outcome>;

/**
 * Keeps what a callback comes to, for the same callback when it comes again (a double click, a reload while Fullscript
 * is slow): a code is exchanged once, and its browser may have gone before it was answered.
 */
export interface CallbackOutcomes {
  /**
   * Resolves to undefined for the first callback, which has to say what came of it (`settle`), or that nothing
   * was begun (`release`). For any other it waits for that, in whichever process it happens.
   *
   * @param id of this sign-in in this browser.
   * @param answer what Fullscript has answered, as a hash.
   * @throws AuthorizationResponseError `state_answered` when the first one brought another answer; StoreUnavailableError.
   */
  readonly claim: (id: string, answer: string) => Promise<CallbackOutcome | undefined>;
  readonly settle: (id: string, answer: string, outcome: CallbackOutcome) => Promise<void>;
  /** Never fails; goes on trying for some seconds. */
  readonly release: (id: string) => Promise<void>;
}

export interface CallbackOutcomesDeps {
  readonly pending: PendingAuthorizations;
  readonly cipher: Cipher;
  /** How long an outcome is kept. */
  readonly keptMs: number;
  /** How often it is looked whether there is one. */
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
  const { pending, cipher, keptMs, pollMs = POLL_MS } = deps;
  const seal = (key: string, value: z.infer<typeof record>) =>
    cipher.seal(JSON.stringify(value), key);

  async function look(key: string, answer: string): Promise<CallbackOutcome | undefined> {
    const sealed = await pending.peek(key);
    if (sealed === undefined) return undefined;
    const found = parseOpened(record, cipher.open(sealed, key));
    if (found.answer !== answer) throw new AuthorizationResponseError('state_answered');
    return found.outcome;
  }

  /** One whose answer was lost may have been written, and would keep the next callback waiting. */
  async function saveClaim(key: string, sealed: string): Promise<boolean> {
    try {
      return await pending.saveNew(key, sealed, EXCHANGE_LIMIT_MS);
    } catch (error) {
      const forget = async () => {
        if ((await pending.peek(key)) === sealed) await pending.take(key);
      };
      patiently(wait, forget).catch(() => undefined);
      throw error;
    }
  }

  return {
    claim: async (id, answer) => {
      const key = keyOf(id);
      const sealed = seal(key, { answer });
      while (!(await saveClaim(key, sealed))) {
        const outcome = await look(key, answer);
        if (outcome !== undefined) return outcome;
        await wait(pollMs);
      }
      return undefined;
    },

    settle: async (id, answer, came) => {
      const key = keyOf(id);
      await pending.save(key, seal(key, { answer, outcome: came }), keptMs);
    },

    release: (id) =>
      patiently(wait, () => pending.take(keyOf(id))).then(
        () => undefined,
        () => undefined,
      ),
  };
}

function keyOf(id: string): string {
  return createHash('sha256').update(`outcome ${id}`).digest('base64url');
}
