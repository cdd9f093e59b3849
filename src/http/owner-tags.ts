import { createHmac, hkdfSync } from 'node:crypto';
import { type GrantKey, grantId } from '../grants/grant.js';
import type { Secret } from '../oauth/secret.js';
import { remembered } from './remembered.js';

/** Names a user without saying who it is: the same twelve characters each time. */
export type OwnerTag = (key: GrantKey) => string;

/**
 * Tags under keys that are derived from the installation's secret. Every process of an installation makes the
 * same ones; without the secret nobody can make the tag of an id that he knows, and so find it. What
 * stands in a page does not stand in the log.
 */
export interface OwnerTags {
  /** In the log, and in the audit trail. */
  readonly inLogs: OwnerTag;
  /** In pages, for their scripts. */
  readonly inPages: OwnerTag;
  /** Under each of the secrets: for finding what was written before the first one was changed. */
  readonly everInLogs: (key: GrantKey) => readonly string[];
}

const LENGTH = 12;

/**
 * @param secrets the first one makes the tags.
 * @see https://www.rfc-editor.org/rfc/rfc5869.html
 */
export function createOwnerTags(secrets: readonly [Secret, ...Secret[]]): OwnerTags {
  const inLogs = secrets.map((secret) => tagsUnder(secret, 'log'));
  const [first] = secrets;
  return {
    inLogs: tagsUnder(first, 'log'),
    inPages: tagsUnder(first, 'page'),
    everInLogs: (key) => [...new Set(inLogs.map((tag) => tag(key)))],
  };
}

function tagsUnder(secret: Secret, place: 'log' | 'page'): OwnerTag {
  // Of its own for each use: the secrets themselves sign cookies.
  const derived = Buffer.from(hkdfSync('sha256', secret.reveal(), '', `owner tag, ${place}`, 32));
  const tagOf = remembered((id) =>
    createHmac('sha256', derived).update(id).digest('base64url').slice(0, LENGTH),
  );
  return (key) => tagOf(grantId(key));
}
