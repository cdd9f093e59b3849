import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createOwnerTags } from '../../src/http/owner-tags.js';
import { secret } from '../../src/oauth/secret.js';
import type { Browser } from '../support/browser.js';
import { SECRETS } from '../support/app.js';
import { type App, type World, openWorld } from '../support/world.js';

/** A practitioner became staff: what the user, a front end and the audit are told. */

let world: World;
let app: App;
let browser: Browser;
let id: string;

beforeAll(async () => {
  world = await openWorld();
  app = await world.start();
});

beforeEach(async () => {
  world.simulator.faults.reset();
  browser = app.browser();
  id = world.simulator.people[0]!.id;
  await browser.signIn(id);
  const owner = { id, type: 'Staff' };
  const kind = 'change_owner';
  world.simulator.faults.add({ endpoint: 'token', grantType: 'refresh_token', kind, owner });
  world.simulator.expireAccessTokens();
});

afterAll(() => world.close());

const EXPLAINED = /Fullscript now answers for another account.*Connect again/;

describe('a refresh that was answered for another owner', () => {
  it('pages → 401, why, and how to connect again; asked once, however often they are opened', async () => {
    const before = world.tokenCalls().length;
    for (const path of ['/portal', '/portal/patients', '/portal']) {
      const { status, text } = await browser.send(path);
      expect(status).toBe(401);
      expect(text).toMatch(EXPLAINED);
      expect(text).toContain('Connect my Fullscript account');
      expect(text).not.toContain('Try again');
    }
    expect(world.tokenCalls().length).toBe(before + 1);
  });

  it('"Try again" on a page that was open → the same explanation', async () => {
    await browser.send('/portal');
    const { status, text } = await browser.post('/oauth/refresh', { now: 'yes' });
    expect(status).toBe(401);
    expect(text).toMatch(EXPLAINED);
  });

  it('a front end → needs_reconnect with its own reason', async () => {
    const { status, text } = await browser.send('/api/fullscript/clinic');
    expect(status).toBe(401);
    expect(JSON.parse(text)).toMatchObject({
      ...{ code: 'needs_reconnect', reason: 'resource_owner_changed' },
      detail: expect.stringMatching(EXPLAINED),
    });
    expect(await browser.json('/api/session')).toMatchObject({
      ...{ signedIn: true, status: 'needs_reconnect', reason: 'resource_owner_changed' },
    });
  });

  it('the audit → both owners by their tags, and neither by id', async () => {
    await browser.send('/portal');
    const { inLogs } = createOwnerTags([secret(SECRETS.SESSION_SECRET)]);
    const tagOf = (type: 'Practitioner' | 'Staff') =>
      inLogs({ registration: 'us-sandbox', owner: { id, type } });
    const line = app.records().findLast(({ audit }) => audit === 'reconnect_needed');
    expect(line).toMatchObject({
      reason: 'resource_owner_changed',
      ...{ ownerType: 'Practitioner', owner: tagOf('Practitioner') },
      ...{ newOwnerType: 'Staff', newOwner: tagOf('Staff') },
    });
    expect(JSON.stringify(line)).not.toContain(id);
  });

  it('connected again → signed in as the owner that Fullscript names now', async () => {
    await browser.send('/portal');
    world.simulator.faults.reset();
    const owner = { id, type: 'Staff' };
    world.simulator.faults.add({ endpoint: 'token', kind: 'change_owner', owner, times: 1 });
    await browser.signIn(id);
    expect(await browser.json('/api/session')).toMatchObject({
      ...{ status: 'active', resourceOwner: owner },
    });
  });
});
