import { afterEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import {
  type ClientOptions,
  closeRedis,
  connectRedis,
  waitUntilReady,
} from '../../src/redis/client.js';
import { type ConfirmedSavesDeps, createConfirmedSaves } from '../../src/redis/confirmed-saves.js';
import { createDurabilityCheck } from '../../src/redis/durability-check.js';
import { parseStoreUrl } from '../../src/redis/store-url.js';
import { type Answer, bulk, integers, map, startFakeServer } from './fake-server.js';
import { until } from '../support/until.js';

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const INFO = 'redis_version:7.2.6\r\naof_enabled:1\r\nconnected_slaves:0\r\n';
const EVERYSEC = map('appendfsync', 'everysec');
const SAVE = { script: 'a script', key: 'key', args: [0, 1, 'sealed'] };

/** Redis 7.2 with everysec, where the script does not say otherwise. */
async function against(
  answer: Answer,
  { commandTimeoutMs = 500, ...options }: Partial<ConfirmedSavesDeps> & ClientOptions = {},
) {
  const server = await startFakeServer((command, hangUp) => {
    const scripted = answer(command, hangUp);
    if (scripted !== undefined) return scripted === 'silence' ? undefined : scripted;
    if (command[0] === 'INFO') return bulk(INFO);
    if (command[0] === 'CONFIG') return EVERYSEC;
    if (command[0] === 'EVAL') return ':1\r\n';
    if (command[0] === 'WAITAOF') return integers(1, 0);
    return '+OK\r\n';
  });
  ends.push(() => server.stop());
  const client = connectRedis(parseStoreUrl(server.url), { commandTimeoutMs }) as Redis;
  ends.push(() => closeRedis(client));
  expect(await waitUntilReady(client, 5_000)).toBe(true);
  const check = createDurabilityCheck({ client });
  await check.current();
  const reports: string[] = [];
  const save = createConfirmedSaves({
    client,
    check,
    onUnconfirmed: (reason) => reports.push(reason),
    ...options,
  });
  const sent = () =>
    server.received.map((one) => one.join(' ')).filter((one) => /^(EVAL|WAIT)/.test(one));
  return { client, check, server, save, sent, reports };
}

const only =
  (name: string, reply: string): Answer =>
  (command) =>
    command[0] === name ? reply : undefined;

describe('createConfirmedSaves', () => {
  it('on disk → script and WAITAOF travel together, resolves to true, nothing is reported', async () => {
    const { save, sent, reports } = await against(() => undefined);
    expect(await save(SAVE)).toBe('confirmed');
    expect(sent()).toEqual(['EVAL a script 1 key 0 1 sealed', 'WAITAOF 1 0 200']);
    expect(reports).toEqual([]);
  });

  it('sent → WAITAOF does not wait for the answer of the script', async () => {
    const { save, sent, server } = await against(only('EVAL', 'silence'));
    const saved = save(SAVE);
    await until(() => sent().length === 2);
    server.say(':1\r\n');
    await saved;
  });

  it('not confirmed yet → not resolved; confirmed → resolved', async () => {
    const { save, sent, reports, server } = await against(only('WAITAOF', 'silence'));
    let resolved = false;
    const saved = save(SAVE).then(() => (resolved = true));
    await until(() => sent().length === 2);
    expect(resolved).toBe(false);
    server.say(integers(1, 0));
    expect(await saved).toBe(true);
    expect(reports).toEqual([]);
  });

  it('silence → the write counts and is reported', async () => {
    const { save, reports, server } = await against(only('WAITAOF', 'silence'), {
      waitMs: 10,
      graceMs: 10,
    });
    expect(await save(SAVE)).toBe('unconfirmed');
    await until(() => reports.length > 0);
    expect(reports).toEqual(['Redis did not answer in time']);
    server.say(integers(1, 0));
  });

  it.each([
    [integers(0, 0), 'not on disk in time'],
    ['-ERR WAITAOF cannot be used when appendonly is disabled.\r\n', /refuses to confirm: ERR/],
    ['-NOPERM no permissions\r\n', /refuses to confirm: NOPERM/],
  ])('WAITAOF answers %j → the write counts and is reported', async (reply, reason) => {
    const { save, reports } = await against(only('WAITAOF', reply));
    expect(await save(SAVE)).toBe('unconfirmed');
    await until(() => reports.length > 0);
    expect(reports).toEqual([typeof reason === 'string' ? reason : expect.stringMatching(reason)]);
  });

  it('WAITAOF refused → asks the server again what it can', async () => {
    const { save, server } = await against(only('WAITAOF', '-ERR unknown command\r\n'));
    const asked = () => server.received.filter(([name]) => name === 'CONFIG').length;
    const before = asked();
    await save(SAVE);
    await until(() => asked() > before);
  });

  it.each([
    [':1\r\n', []],
    [':0\r\n', ['not at a replica in time']],
  ])('a replica is connected, WAIT answers %j → reported %j', async (reply, reported) => {
    const { save, sent, reports } = await against(([name]) => {
      if (name === 'INFO') return bulk(INFO.replace('slaves:0', 'slaves:1'));
      return name === 'WAIT' ? reply : undefined;
    });
    expect(await save(SAVE)).toBe(reported.length === 0 ? 'confirmed' : 'unconfirmed');
    expect(sent().slice(1)).toEqual(['WAIT 1 67', 'WAITAOF 1 0 133']);
    await until(() => reports.length === reported.length);
    expect(reports).toEqual(reported);
  });

  it('version refused → false without a wait for its confirmation, nothing is reported', async () => {
    const answers: Record<string, string> = { EVAL: ':0\r\n', WAITAOF: 'silence' };
    const { save, reports, server } = await against(([name]) => answers[name]);
    expect(await save(SAVE)).toBe(false);
    expect(reports).toEqual([]);
    server.say(integers(0, 0));
  });

  it('script fails → the error, nothing is reported', async () => {
    const { save, reports } = await against(only('EVAL', '-OOM command not allowed\r\n'));
    await expect(save(SAVE)).rejects.toThrow('OOM');
    expect(reports).toEqual([]);
  });

  it('connection breaks after the script answered → fails, for the server may have died', async () => {
    const { save, reports } = await against(([name], hangUp) => {
      if (name === 'WAITAOF') hangUp();
      return undefined;
    });
    await expect(save(SAVE)).rejects.toThrow();
    expect(reports).toEqual([]);
  });

  it('connection breaks before the script answered → fails', async () => {
    const { save } = await against(([name], hangUp) => {
      if (name === 'EVAL') hangUp();
      return undefined;
    });
    await expect(save(SAVE)).rejects.toThrow();
  });

  it('server becomes a replica while waiting → fails', async () => {
    const { save } = await against(only('WAITAOF', '-UNBLOCKED force unblock\r\n'));
    await expect(save(SAVE)).rejects.toThrow('UNBLOCKED');
  });

  it('saves that come during a wait → go together with the next one', async () => {
    let held = true;
    const { save, sent, server } = await against(([name]) =>
      name === 'WAITAOF' && held ? 'silence' : undefined,
    );
    const first = save(SAVE);
    await until(() => sent().length === 2);
    held = false;
    const others = Array.from({ length: 20 }, (_, n) => save({ ...SAVE, key: `other-${n}` }));
    server.say(integers(1, 0));
    expect(await Promise.all([first, ...others])).not.toContain(false);
    const names = sent().map((one) => one.slice(0, one.indexOf(' ')));
    expect(names).toEqual(['EVAL', 'WAITAOF', ...others.map(() => 'EVAL'), 'WAITAOF']);
  });

  it('silence → saves that came during the wait fail with it and are not sent', async () => {
    const { save, sent } = await against(
      ([name]) => (name === 'EVAL' || name === 'WAITAOF' ? 'silence' : undefined),
      { commandTimeoutMs: 100 },
    );
    const first = save(SAVE).catch((error: unknown) => error);
    await until(() => sent().length === 2);
    const from = performance.now();
    await expect(save({ ...SAVE, key: 'later' })).rejects.toThrow('did not answer in time');
    expect(performance.now() - from).toBeLessThan(1_000);
    expect(await first).toBeInstanceOf(Error);
    expect(sent().join()).not.toContain('later');
  });

  it('one of several fails → the others count', async () => {
    const { save } = await against(([name, , , key]) =>
      name === 'EVAL' && key === 'bad' ? '-OOM no\r\n' : undefined,
    );
    const results = await Promise.allSettled([
      save(SAVE),
      save({ ...SAVE, key: 'bad' }),
      save(SAVE),
    ]);
    expect(results.map((one) => one.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it.each([
    ['Valkey, which says so before it has flushed', 'redis_version:7.2.4\r\nvalkey_version:8.1.1'],
    ['7.0, which has no WAITAOF', 'redis_version:7.0.15'],
  ])('everysec on %s → not asked, unconfirmed, and not reported each time', async (_name, who) => {
    const { save, sent, reports } = await against(
      only('INFO', bulk(`${who}\r\naof_enabled:1\r\nconnected_slaves:0\r\n`)),
    );
    expect(await save(SAVE)).toBe('unconfirmed');
    expect(sent()).toEqual(['EVAL a script 1 key 0 1 sealed']);
    expect(reports).toEqual([]);
  });

  it('everysec on Valkey with a replica → the replica is asked, unconfirmed all the same', async () => {
    const { save, sent } = await against(([name]) => {
      if (name === 'WAIT') return ':1\r\n';
      const valkey = `valkey_version:8.1.1\r\n${INFO.replace('slaves:0', 'slaves:1')}`;
      return name === 'INFO' ? bulk(valkey) : undefined;
    });
    expect(await save(SAVE)).toBe('unconfirmed');
    expect(sent().slice(1)).toEqual(['WAIT 1 200']);
  });

  it('everysec on Valkey, version refused → false', async () => {
    const { save } = await against(([name]) => {
      if (name === 'INFO') return bulk(`valkey_version:8.1.1\r\n${INFO}`);
      return name === 'EVAL' ? ':0\r\n' : undefined;
    });
    expect(await save(SAVE)).toBe(false);
  });

  it('server does not answer what it keeps → fails, nothing is sent', async () => {
    const check = { current: () => Promise.resolve(undefined), doubt: () => undefined };
    const { save, sent } = await against(() => undefined, { check });
    await expect(save(SAVE)).rejects.toThrow('does not answer');
    expect(sent()).toEqual([]);
  });

  it('a replica comes after the connection was made → later saves are confirmed by it', async () => {
    let replicas = 0;
    const { save, sent } = await against(([name]) => {
      if (name === 'INFO') return bulk(INFO.replace('slaves:0', `slaves:${replicas}`));
      return name === 'WAIT' ? ':1\r\n' : undefined;
    });
    replicas = 1;
    await until(async () => {
      await save(SAVE);
      return sent().some((one) => one.startsWith('WAIT 1'));
    });
  });
});
