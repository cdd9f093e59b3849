import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { keyIdOf } from '../../src/grants/cipher.js';
import { grantId } from '../../src/grants/grant.js';
import { grantKey } from '../support/keys.js';
import { type Browser, copyOf } from '../support/browser.js';
import { type App, type World, openWorld } from '../support/world.js';
import { asVariable, sealingKey } from '../support/seeded-grants.js';
import { type Visitor, signIn } from '../../torture/visitor.js';

/** The statement about keys that come and go: one story, told in this order. */

const CLINIC = '/api/fullscript/clinic';
// Too long to turn up by chance among the random texts of a page.
const [k1, k2] = [sealingKey('older-key'), sealingKey('newer-key')];

let world: World;
let visitors: [Visitor, Visitor];
let browsers: [Browser, Browser];

beforeAll(async () => {
  world = await openWorld();
});

afterAll(() => world.close());

/** Another process with these keys; both users open it with the cookies they have. */
async function restart(...keys: Parameters<typeof asVariable>): Promise<App> {
  const app = await world.start({ TOKEN_ENCRYPTION_KEYS: asVariable(...keys) });
  browsers = browsers.map((one) => copyOf(one, app.origin)) as typeof browsers;
  return app;
}

const records = () =>
  Promise.all(visitors.map(({ key }) => world.stored.hgetall(grantKey(grantId(key)))));
const sealedWith = async () => (await records()).map(({ s }) => keyIdOf(s!));
const clinicAnswers = () => Promise.all(browsers.map((one) => one.send(CLINIC)));
const statuses = async () => (await clinicAnswers()).map(({ status }) => status);

describe('SR-38', () => {
  beforeAll(async () => {
    const app = await world.start({ TOKEN_ENCRYPTION_KEYS: asVariable(k1) });
    browsers = [app.browser(), app.browser()];
    const { people } = world.simulator;
    visitors = [await signIn(browsers[0], people[0]!.id), await signIn(browsers[1], people[1]!.id)];
    await app.close();
    expect(await sealedWith()).toEqual(['older-key', 'older-key']);
  });

  it('SR-38 with the new key before the old → records of the old are read, and written anew with the new', async () => {
    const app = await restart(k2, k1);
    const before = await records();
    expect(await statuses()).toEqual([200, 200]);
    // Reading alone rewrites nothing.
    expect(await records()).toEqual(before);
    world.simulator.expireAccessTokens();
    expect((await browsers[0].send(CLINIC)).status).toBe(200);
    expect(await sealedWith()).toEqual(['newer-key', 'older-key']);
    await app.close();
  });

  it('SR-38 with the new key alone → who was not rewritten fails closed with a clear message, and loses nothing', async () => {
    const app = await restart(k2);
    const before = await records();
    const { refreshes, revokes } = world.simulator.stats;
    const [read, unread] = await clinicAnswers();
    expect(read!.status).toBe(200);
    expect(unread!.status).toBe(500);
    expect(JSON.parse(unread!.text)).toMatchObject({ code: 'sealing_key_missing', status: 500 });
    const page = await browsers[1].send('/portal');
    expect(page.status).toBe(500);
    expect(page.text).toContain('Your connection cannot be opened');
    expect(page.text).toContain('The server lacks the key it was stored with');
    // Which key is for the people who run the server.
    expect(page.text + unread!.text).not.toContain('older-key');
    const line = app.lines.find((one) => one.includes('sealing_key_missing'))!;
    expect(line).toContain('sealed with key \\"older-key\\"');
    expect(line).toContain('TOKEN_ENCRYPTION_KEYS no longer lists: put it back');
    expect((await browsers[1].send('/readyz')).status).toBe(200);
    expect(await records()).toEqual(before);
    expect(world.simulator.stats).toMatchObject({ refreshes, revokes });
    await app.close();
  });

  it('SR-38 with the old key back behind the new → works as before, and is written anew; then the old may go', async () => {
    const app = await restart(k2, k1);
    expect(await statuses()).toEqual([200, 200]);
    expect(await sealedWith()).toEqual(['newer-key', 'newer-key']);
    await app.close();
    await restart(k2);
    expect(await statuses()).toEqual([200, 200]);
  });
});
