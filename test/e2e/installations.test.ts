import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ForeignStoreError } from '../../src/grants/errors.js';
import { runLine } from '../support/command.js';
import { INSTALLATION_KEY } from '../support/keys.js';
import { asVariable, sealingKey } from '../support/seeded-grants.js';
import { loadConfig } from '../../src/config.js';
import { type App, type World, openWorld } from '../support/world.js';
import { until } from '../support/until.js';

const CLINIC = '/api/fullscript/clinic';
/** Of two installations: both call their key the same. */
const A = { TOKEN_ENCRYPTION_KEYS: asVariable(sealingKey('k1')) };
const B = { TOKEN_ENCRYPTION_KEYS: asVariable(sealingKey('k1')) };
const APART = { REDIS_PREFIX: 'clinic-b' };

let world: World;

beforeAll(async () => {
  world = await openWorld();
});

beforeEach(() => world.stored.flushdb());

afterAll(() => world.close());

async function signedIn(app: App) {
  const browser = app.browser();
  await browser.signIn(world.simulator.people[0]!.id);
  return browser;
}

describe('two installations on one Redis', () => {
  it('with prefixes of their own, the same user in both → each keeps its grant, and revokes its own', async () => {
    const apps = [await world.start(A), await world.start({ ...B, ...APART })] as const;
    const [one, two] = [await signedIn(apps[0]), await signedIn(apps[1])];
    expect((await one.send(CLINIC)).status).toBe(200);
    expect((await two.send(CLINIC)).status).toBe(200);
    const live = world.simulator.stats.livePairs;
    const heal = world.simulator.faults.add({ endpoint: 'revoke', kind: 'status', status: 503 });
    await two.post('/oauth/disconnect');
    const waiting = (prefix: string) =>
      world.stored.zcard(`${prefix}:1:queue:{revocations}:delayed`);
    await until(async () => (await waiting('clinic-b')) === 1);
    expect(await waiting('fc')).toBe(0);
    heal();
    expect(world.simulator.stats.livePairs).toBe(live);
    expect((await one.send(CLINIC)).status).toBe(200);
    const names = (await world.stored.keys('*')).map((key) => key.slice(0, key.indexOf(':')));
    expect([...new Set(names)].sort()).toEqual(['clinic-b', 'fc']);
  });

  it('with the same prefix → the second does not start, says what to do, and changes nothing', async () => {
    const browser = await signedIn(await world.start(A));
    const marks = await world.stored.smembers(INSTALLATION_KEY);
    const start = world.start(B);
    await expect(start).rejects.toBeInstanceOf(ForeignStoreError);
    await expect(start).rejects.toThrow(/REDIS_PREFIX.*store adopt/);
    expect(await world.stored.smembers(INSTALLATION_KEY)).toEqual(marks);
    expect((await browser.send(CLINIC)).status).toBe(200);
  });
});

describe('store adopt', () => {
  it('another installation’s store → other commands refuse; adopted, it starts and the former does not', async () => {
    const app = await world.start(A);
    await app.close();
    const config = loadConfig({ ...app.env, ...B });
    const refused = await runLine(['sessions', 'end', '--all'], config);
    expect(refused).toMatchObject({ ended: 'failed', printed: '' });
    expect(refused.said).toContain('belongs to another installation');
    const looked = await runLine(['store', 'adopt', '--dry-run', '--json'], config);
    expect(JSON.parse(looked.printed)).toMatchObject({ owner: 'foreign', adopted: false });
    await expect(world.start(B)).rejects.toBeInstanceOf(ForeignStoreError);
    const adopted = await runLine(['store', 'adopt'], config);
    expect(adopted.ended).toBe('done');
    expect(adopted.printed).toContain("is another installation's; 0 grants in it");
    await world.start(B);
    await expect(world.start(A)).rejects.toBeInstanceOf(ForeignStoreError);
    const trail = await runLine(['audit', 'tail', '--event', 'store_adopted', '--json'], config);
    expect(trail.printed).toContain('"outcome":"foreign"');
    expect((await runLine(['store', 'adopt'], config)).printed).toContain('Nothing was changed.');
  });
});
