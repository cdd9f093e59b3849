import type { SessionData, Store } from 'express-session';
import type { Grant, GrantKey } from '../grants/grant.js';
import type { Vault } from '../grants/vault.js';
import type { OwnerTags } from '../http/owner-tags.js';

/** What an open page is told; never a token. */
export type LiveState =
  | { readonly signedIn: false }
  | {
      readonly signedIn: true;
      /** Tells one user from another, and nothing more. */
      readonly who: string;
      readonly status: 'active' | 'needs_reconnect' | 'disconnected';
      /** When the tokens came and when the access token ends, ISO 8601. */
      readonly obtainedAt: string | null;
      readonly expiresAt: string | null;
    };

export interface LiveStateDeps {
  readonly vault: Pick<Vault, 'read'>;
  readonly sessionStore: Pick<Store, 'get'>;
  readonly ownerTags: Pick<OwnerTags, 'inPages'>;
}

/**
 * How things stand with one session and its user's grant. Looking does not extend the session.
 *
 * @throws StoreUnavailableError, and SealError for a grant that does not open.
 */
export async function readLiveState(
  { vault, sessionStore, ownerTags }: LiveStateDeps,
  { sid, key }: { sid: string; key: GrantKey },
): Promise<LiveState> {
  if (!(await hasSession(sessionStore, sid))) return { signedIn: false };
  const who = ownerTags.inPages(key);
  return { signedIn: true, who, ...grantView(await vault.read(key)) };
}

function grantView(grant: Grant | undefined) {
  if (grant === undefined) {
    return { status: 'disconnected', obtainedAt: null, expiresAt: null } as const;
  }
  const { obtainedAt, expiresAt } = grant.tokens;
  return { status: grant.status, obtainedAt: iso(obtainedAt), expiresAt: iso(expiresAt) };
}

function iso(at: number): string {
  return new Date(at).toISOString();
}

async function hasSession(store: Pick<Store, 'get'>, sid: string): Promise<boolean> {
  const found = await new Promise<SessionData | null | undefined>((resolve, reject) => {
    store.get(sid, (error: unknown, session) => {
      if (error === null || error === undefined) resolve(session);
      else reject(error instanceof Error ? error : new Error('session store', { cause: error }));
    });
  });
  return found !== null && found !== undefined;
}
