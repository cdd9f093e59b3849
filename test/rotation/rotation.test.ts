import { describe, expect, it } from '@jest/globals';
import { StoreUnavailableError } from '../../src/grants/errors.js';
import type { Rotation } from '../../src/grants/rotate-keys.js';
import { reportText } from '../../src/rotation/report-text.js';
import { type RotationReport, reportOf } from '../../src/rotation/report.js';

const NOW = Date.parse('2026-05-04T10:20:30Z');

interface Situation {
  keyIds?: [string, ...string[]];
  /** Grants, and how many of them do not open, by key. */
  keys?: Record<string, [number, number]>;
  journal?: string[];
  dryRun?: boolean;
  ended?: Rotation['ended'];
  resealed?: number;
  counted?: boolean;
}

function report(situation: Situation): RotationReport {
  const { keyIds = ['B', 'A'], keys = {}, ended = 'complete', resealed = 0 } = situation;
  const tallies = Object.entries(keys).map(
    ([id, [records, unopenable]]) => [id, { records, unopenable }] as const,
  );
  const seen = tallies.reduce((sum, [, { records }]) => sum + records, 0);
  const old = tallies
    .filter(([id]) => keyIds.slice(1).includes(id))
    .reduce((sum, [, { records, unopenable }]) => sum + records - unopenable, 0);
  const tally = { seen, resealed: 0, keys: new Map(tallies) };
  const counted = situation.counted ?? true;
  const failed = ended === 'store_failed';
  const rotation: Rotation = {
    ...{ ended, resealed },
    failure: failed ? new StoreUnavailableError('grant read', new Error('down')) : undefined,
    tally: counted ? tally : undefined,
    left: counted ? old - (ended === 'complete' ? 0 : resealed) : undefined,
  };
  const journal = (situation.journal ?? []).map((id, at) => ({
    id: `${at}`,
    sealed: `${id}.AAAA`,
  }));
  const failure = failed ? 'Redis cannot be reached: ECONNREFUSED' : null;
  return reportOf({
    rotation,
    failure,
    keyIds,
    journal,
    dryRun: situation.dryRun ?? false,
    now: NOW,
  });
}

const text = (situation: Situation) => reportText(report(situation)).join('\n');

const REMOVE_A =
  'Key "A" is no longer needed by any grant. Sign-ins under way and disconnects need ' +
  'it for up to a day: remove it from TOKEN_ENCRYPTION_KEYS after 2026-05-05 10:21 UTC, ' +
  'if every server has "B" in front by now.';

describe('the report', () => {
  it('all resealed → done, and from when on the old key can go', () => {
    const situation: Situation = { keys: { B: [1_200, 0] }, resealed: 1_000 };
    expect(report(situation)).toEqual({
      ...{ status: 'done', dryRun: false, sealingKey: 'B', grants: 1_200, resealed: 1_000 },
      left: 0,
      keys: [
        { id: 'B', configured: true, grants: 1_200, unopenable: 0, journal: 0 },
        { id: 'A', configured: true, grants: 0, unopenable: 0, journal: 0 },
      ],
      ...{ removable: ['A'], removeAfter: '2026-05-05T10:20:30.000Z', failure: null },
    });
    expect(text(situation)).toBe(
      `1,200 grants are stored, all of them sealed with key "B"; 1,000 sealed anew just now.\n${REMOVE_A}`,
    );
  });

  it('nothing was to be done → says so', () => {
    expect(text({ keys: { B: [1, 0] } })).toBe(
      `1 grant is stored, all of them sealed with key "B": nothing to do.\n${REMOVE_A}`,
    );
  });

  it('nothing is stored → the old key can go all the same', () => {
    expect(report({}).status).toBe('done');
    expect(text({})).toBe(`No grants are stored.\n${REMOVE_A}`);
  });

  it('one key only → says that there is nothing to rotate to', () => {
    const situation: Situation = { keyIds: ['A'], keys: { A: [2, 0] } };
    expect(report(situation)).toMatchObject({ status: 'done', removeAfter: null });
    expect(text(situation)).toMatch(/nothing to do\.\n"A" is the only key/);
  });

  it('two old keys are done with → names both', () => {
    const situation: Situation = { keyIds: ['C', 'B', 'A'], keys: { C: [2, 0] } };
    expect(text(situation)).toContain('Keys "B", "A" are no longer needed by any grant.');
  });

  it('dry → by how many grants the old key is needed, and it cannot go', () => {
    const situation: Situation = { keys: { B: [1, 0], A: [2, 0] }, dryRun: true };
    expect(report(situation)).toMatchObject({ status: 'left', removable: [], removeAfter: null });
    expect(text(situation)).toBe(
      '3 grants are stored, 1 sealed with key "B". Nothing was changed.\n' +
        'Key "A" is still needed by 2 grants. Run this without --dry-run.',
    );
  });

  it('the old key comes back all the time → a server still seals with it', () => {
    const situation: Situation = { keys: { B: [9, 0], A: [1, 0] }, resealed: 9 };
    expect(report(situation).status).toBe('left');
    expect(text(situation)).toMatch(
      /"A" is still needed by 1 grant\. A server still seals with it/,
    );
  });

  it('a key was removed too early → is named, with what to do; others can go', () => {
    const situation: Situation = { keys: { B: [9, 0], X: [2, 2] } };
    expect(report(situation)).toMatchObject({ status: 'left', removable: ['A'] });
    expect(text(situation)).toContain(
      'Key "X" is not in TOKEN_ENCRYPTION_KEYS, and 2 grants are sealed with it, which nobody can open: ' +
        'put it back behind the first one, restart the servers, and run this again.',
    );
  });

  it('records are damaged → are counted, and their key cannot go', () => {
    const situation: Situation = { keys: { B: [9, 0], A: [1, 1] } };
    expect(report(situation)).toMatchObject({ status: 'left', removable: [] });
    expect(text(situation)).toContain('1 grant of key "A" cannot be opened with it');
  });

  it('records name no key at all → are counted', () => {
    expect(text({ keys: { '': [1, 1] } })).toMatch(/^A key without a name is not in/m);
  });

  it('the journal holds a pair of the old key → it cannot go yet', () => {
    const situation: Situation = { keys: { B: [9, 0] }, journal: ['A', 'B', 'A'] };
    expect(report(situation)).toMatchObject({ status: 'left', removable: [] });
    expect(text(situation)).toContain('"A" is still needed by 2 refreshed pairs in the journal');
  });

  it('stopped → how far it came, and that it goes on', () => {
    const situation: Situation = { keys: { A: [100, 0] }, ended: 'interrupted', resealed: 40 };
    expect(report(situation)).toMatchObject({ status: 'interrupted', left: 60, removeAfter: null });
    expect(text(situation)).toBe(
      '40 grants sealed anew; about 60 of 100 are left.\nRun it again to go on.',
    );
  });

  it('stopped before anything was counted → nothing was changed', () => {
    expect(text({ ended: 'interrupted', counted: false })).toBe(
      'No grant was changed.\nRun it again to go on.',
    );
  });

  it('the store failed → why, how far it came, and that it goes on', () => {
    const situation: Situation = { keys: { A: [100, 0] }, ended: 'store_failed', resealed: 40 };
    expect(report(situation)).toMatchObject({ status: 'failed', removable: [] });
    expect(text(situation)).toBe(
      'Redis cannot be reached: ECONNREFUSED, several times in a row.\n' +
        '40 grants sealed anew; about 60 of 100 are left.\n' +
        'Nothing is lost: run it again to go on.',
    );
  });
});
