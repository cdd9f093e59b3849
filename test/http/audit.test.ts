import { describe, expect, it } from '@jest/globals';
import { createAudit } from '../../src/http/audit.js';
import { grantAudit } from '../../src/http/grant-audit.js';
import { createOwnerTags } from '../../src/http/owner-tags.js';
import { TokenEndpointError } from '../../src/oauth/errors.js';
import { secret } from '../../src/oauth/secret.js';
import { recordingLogger } from '../fixtures/recording-logger.js';
import { ADA } from '../fixtures/visitors.js';

const { inLogs: ownerTag } = createOwnerTags([secret('the secret of an installation')]);

describe('createAudit', () => {
  it('told where something was done → passes it on, and leaves it out of the line', () => {
    const { log, records, lines } = recordingLogger();
    const told: unknown[] = [];
    const visitor = { device: 'Chrome on Windows', address: '203.0.113.9' };
    const details = { key: ADA, ...visitor, sessions: 2, message: 'ended' };
    const notes = [(event: string, all: unknown) => void told.push({ event, all })];
    createAudit({ log, ownerTag, notes })('sessions_ended', details);
    expect(told).toEqual([{ event: 'sessions_ended', all: details }]);
    expect(records()).toMatchObject([{ audit: 'sessions_ended', sessions: 2, msg: 'ended' }]);
    expect(lines.join('')).not.toMatch(/Chrome|203\.0|device|address|undefined|null/);
  });
});

describe('grantAudit', () => {
  it('each event → one line with level, tag and what matters, without the id', () => {
    const { log, lines, records } = recordingLogger();
    const events = grantAudit(createAudit({ log, ownerTag }));
    const error = Object.assign(new TokenEndpointError('no_answer'), {
      options: { json: { refresh_token: 'refresh-token-1' } },
    });
    events.connected(ADA);
    events.scopeMissing(ADA, ['patients:read']);
    events.refreshed(ADA, 250);
    events.refreshFailed(ADA, error);
    events.earlyRefreshFailed(ADA, error);
    events.reconnectNeeded(ADA, 'refresh_token_refused');
    events.saveFailed(ADA, error);
    events.latePairDiscarded(ADA);
    events.revokeFailed(ADA.registration, error);
    events.revocationConfirmed(ADA);
    events.revocationGivenUp(ADA, error);
    events.disconnected(ADA, 'retrying');
    const [info, warn, loud] = [30, 40, 50];
    expect(records().map(({ level }) => level)).toEqual([
      info,
      warn,
      info,
      warn,
      warn,
      warn,
      loud,
      warn,
      warn,
      info,
      loud,
      info,
    ]);
    const about = { registration: 'us-sandbox', ownerType: 'Practitioner', owner: ownerTag(ADA) };
    for (const record of records()) {
      const anonymous = record['msg'] === 'revocation failed';
      expect(record).toMatchObject(anonymous ? { registration: 'us-sandbox' } : about);
    }
    const err = { name: 'TokenEndpointError', code: 'no_answer' };
    const [
      ,
      narrower,
      refreshed,
      failed,
      early,
      reconnect,
      unsaved,
      ,
      unrevoked,
      ,
      givenUp,
      ended,
    ] = records();
    expect(narrower).toMatchObject({ audit: 'scope_missing', missing: ['patients:read'] });
    expect(refreshed).toMatchObject({ tookMs: 250 });
    for (const record of [failed, early, unsaved, unrevoked, givenUp]) {
      expect(record).toMatchObject({ err });
    }
    expect(reconnect).toMatchObject({ reason: 'refresh_token_refused' });
    expect(ended).toMatchObject({ outcome: 'retrying' });
    expect(lines.join('')).not.toMatch(/ada-0b6a2d8e|refresh-token-1/);
  });
});
