import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { type GrantKey, grantId } from '../../src/grants/grant.js';
import { createOwnerTags } from '../../src/http/owner-tags.js';
import { secret } from '../../src/oauth/secret.js';

const ADA: GrantKey = {
  registration: 'us-sandbox',
  owner: { id: 'ada-0b6a2d8e', type: 'Practitioner' },
};
const [OURS, OLDER, THEIRS] = [secret('our secret'), secret('older'), secret('their secret')];

describe('createOwnerTags', () => {
  it('a user → the same twelve characters in each process, which do not say who it is', () => {
    const [one, other] = [createOwnerTags([OURS]), createOwnerTags([OURS, OLDER])];
    const tag = one.inLogs(ADA);
    expect(tag).toMatch(/^[\w-]{12}$/);
    expect(other.inLogs({ ...ADA, owner: { ...ADA.owner } })).toBe(tag);
    expect(other.inPages(ADA)).toBe(one.inPages(ADA));
    expect(tag).not.toContain('ada');
  });

  it('another id, type or registration → another tag', () => {
    const { inLogs } = createOwnerTags([OURS]);
    const others: GrantKey[] = [
      ADA,
      { ...ADA, owner: { ...ADA.owner, id: 'bob' } },
      { ...ADA, owner: { ...ADA.owner, type: 'Staff' } },
      { ...ADA, registration: 'ca-sandbox' },
    ];
    expect(new Set(others.map(inLogs)).size).toBe(4);
  });

  it('another installation, a page, a plain hash → none of them leads to the tag in logs', () => {
    const { inLogs, inPages } = createOwnerTags([OURS]);
    const hashes = ['base64url', 'hex'] as const;
    const plain = hashes.map((form) => createHash('sha256').update(grantId(ADA)).digest(form));
    const strangers = [
      createOwnerTags([THEIRS]).inLogs(ADA),
      inPages(ADA),
      ...plain.map((hash) => hash.slice(0, 12)),
    ];
    expect(strangers).not.toContain(inLogs(ADA));
    expect(new Set(strangers).size).toBe(4);
  });

  it('the secret is changed → another tag; the old one is found as long as its secret is listed', () => {
    const before = createOwnerTags([OLDER]);
    const after = createOwnerTags([OURS, OLDER]);
    expect(after.inLogs(ADA)).not.toBe(before.inLogs(ADA));
    expect(after.everInLogs(ADA)).toEqual([after.inLogs(ADA), before.inLogs(ADA)]);
  });
});
