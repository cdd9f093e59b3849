import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Request } from 'express';
import session from 'express-session';
import type { ConnectionSignals } from '../../src/grants/connection-signals.js';
import { type Stage } from '../support/contract.js';
import { SIGN_IN } from '../support/stored-sessions.js';
import { until } from '../support/until.js';

/** Databases of a Redis share its channels, so these names are used here alone. */
const nextOwner = () => `us-sandbox:Staff:${randomUUID()}`;

/** Listeners that end together. */
export function openListeners() {
  const ends: (() => void)[] = [];
  return {
    /** Listens, and waits until it has begun. */
    listening: async (signals: ConnectionSignals, owner: string) => {
      const heard = { times: 0 };
      const end = signals.listen(owner, () => {
        heard.times += 1;
      });
      ends.push(end);
      await until(() => heard.times > 0);
      heard.times = 0;
      return { heard, end };
    },
    endAll: () => {
      for (const end of ends.splice(0)) end();
    },
  };
}

export function connectionSignalsContract(openStage: () => Promise<Stage>): void {
  describe('ConnectionSignals', () => {
    let stage: Stage;
    let here: ConnectionSignals;
    let there: ConnectionSignals;
    const { listening, endAll } = openListeners();

    beforeAll(async () => {
      stage = await openStage();
      [here, there] = stage.signals;
    });

    afterEach(endAll);
    afterAll(() => stage.close());

    it('told by another process → heard', async () => {
      const owner = nextOwner();
      const { heard } = await listening(here, owner);
      there.tell(owner);
      await until(() => heard.times === 1);
    });

    it('told by the same process → heard, but not before telling is over', async () => {
      const owner = nextOwner();
      const { heard } = await listening(here, owner);
      here.tell(owner);
      expect(heard.times).toBe(0);
      await until(() => heard.times === 1);
    });

    it('two listen, one in each process → both hear it, once', async () => {
      const owner = nextOwner();
      const both = [await listening(here, owner), await listening(there, owner)];
      here.tell(owner);
      here.tell(owner);
      await until(() => both.every(({ heard }) => heard.times >= 2));
      expect(both.map(({ heard }) => heard.times)).toEqual([2, 2]);
    });

    it('told of somebody else → not heard', async () => {
      const [owner, other] = [nextOwner(), nextOwner()];
      const { heard } = await listening(here, owner);
      const control = await listening(here, other);
      there.tell(other);
      await until(() => control.heard.times > 0);
      expect(heard.times).toBe(0);
    });

    it('listening has ended, more than once → not heard, the other listener goes on', async () => {
      const owner = nextOwner();
      const [gone, staying] = [await listening(here, owner), await listening(here, owner)];
      gone.end();
      gone.end();
      gone.heard.times = 0;
      there.tell(owner);
      await until(() => staying.heard.times > 0);
      expect(gone.heard.times).toBe(0);
    });

    it('nobody listens any more, then somebody does → heard', async () => {
      const owner = nextOwner();
      const first = await listening(here, owner);
      first.end();
      const { heard } = await listening(here, owner);
      there.tell(owner);
      await until(() => heard.times > 0);
    });

    it('an owner of any characters → heard by that owner alone', async () => {
      const owner = nextOwner();
      const { heard } = await listening(here, `${owner}%7B*%7D`);
      const other = await listening(here, `${owner}%7B`);
      there.tell(`${owner}%7B*%7D`);
      await until(() => heard.times > 0);
      expect(other.heard.times).toBe(0);
    });

    describe('sessions that end', () => {
      const called = (step: (done: (error?: unknown) => void) => void) =>
        new Promise<void>((resolve, reject) => {
          step((error) => (error instanceof Error ? reject(error) : resolve()));
        });

      /** A session of `owner`, made as express-session makes them. */
      async function stored(owner: string, sid: string): Promise<void> {
        session({
          ...{ store: stage.sessions, genid: () => sid, secret: 's' },
          ...{ resave: false, saveUninitialized: false },
        });
        const req = { sessionStore: stage.sessions } as unknown as Request;
        (stage.sessions as unknown as { generate: (of: Request) => void }).generate(req);
        const made = Object.assign(req.session, { owner, signIn: SIGN_IN });
        await called((done) => made.save(done));
      }

      it.each([
        [
          'destroyed',
          (_owner: string, sid: string) => called((d) => stage.sessions.destroy(sid, d)),
        ],
        [
          'ended by name',
          (owner: string, sid: string) =>
            stage.sessions.endOne(owner, stage.sessions.nameOf(sid)).then(() => undefined),
        ],
        ['all ended', (owner: string) => stage.sessions.endAll(owner).then(() => undefined)],
        ["everybody's ended", () => stage.sessions.endEverybody().then(() => undefined)],
      ])('%s → their owner is told of', async (_how, endIt) => {
        const owner = nextOwner();
        const { heard } = await listening(there, owner);
        await stored(owner, `sid-of-${owner}`);
        expect(heard.times).toBe(0);
        await endIt(owner, `sid-of-${owner}`);
        await until(() => heard.times > 0);
      });
    });
  });
}
