import { describe, expect, it } from '@jest/globals';
import { type Advance, progressLine } from '../../src/terminal/progress-line.js';
import { createProgress } from '../../src/terminal/progress.js';

describe('progressLine', () => {
  const half: Advance = {
    label: 'resealing',
    seen: 5_000,
    note: '4,900 resealed',
    total: 10_000,
    startedAt: 0,
  };
  const at = { now: 2_000, columns: 110, bar: true };

  it('shows share, count, rate and the time that is left', () => {
    expect(progressLine(half, at)).toBe(
      'resealing [###############...............]  50 %  5,000 of 10,000, 4,900 resealed, 2,500/s, 2 s left',
    );
  });

  it('on a narrow terminal → no bar, and never a line that wraps', () => {
    const narrow = progressLine(half, { ...at, columns: 50 });
    expect(narrow).not.toContain('[');
    expect(narrow.length).toBeLessThan(50);
  });

  it('without a terminal → no bar', () => {
    expect(progressLine(half, { ...at, bar: false })).toBe(
      'resealing: 50 %  5,000 of 10,000, 4,900 resealed, 2,500/s, 2 s left',
    );
  });

  it('while counting → no share of what nobody knows', () => {
    const line = progressLine({ ...half, label: 'counting', total: undefined }, at);
    expect(line).toBe('counting: 5,000 seen, 2,500/s');
  });

  it('all that were counted → 100 % and nothing left', () => {
    const line = progressLine({ ...half, seen: 10_000 }, at);
    expect(line).toMatch(/100 % .*, 0 s left$/);
  });

  it('more than were counted → no share either, and no end in sight', () => {
    const line = progressLine({ ...half, seen: 10_001 }, at);
    expect(line).toBe('resealing: 10,001 seen, 5,001/s');
  });

  it('a long time → minutes', () => {
    expect(progressLine({ ...half, seen: 1 }, at)).toMatch(/ 334 min left$/);
  });
});

describe('createProgress', () => {
  function open(isTTY: boolean) {
    const written: string[] = [];
    let time = 0;
    const terminal = { isTTY, columns: 100, write: (text: string) => written.push(text) };
    const progress = createProgress({ terminal, now: () => time });
    let seen = 0;
    const visit = (ms: number) => {
      time += ms;
      seen += 1;
      progress.advance(seen, `${seen} resealed`);
    };
    return { written, progress, visit };
  }

  it('on a terminal → one line, drawn over ten times a second, and wiped in the end', () => {
    const { written, progress, visit } = open(true);
    progress.start('resealing', 4);
    for (const ms of [50, 49, 1, 99]) visit(ms);
    progress.end();
    expect(written).toHaveLength(3);
    expect(written[1]?.startsWith('\r\u001b[2Kresealing [######')).toBe(true);
    expect(written[1]).toMatch(/\] {2}75 % {2}3 of 4, 3 resealed/);
    expect(written[2]).toBe('\r\u001b[2K');
    expect(written.join('')).not.toContain('\n');
  });

  it('elsewhere → a plain line every five seconds', () => {
    const { written, progress, visit } = open(false);
    progress.start('resealing', 4);
    for (const ms of [4_999, 1, 4_999]) visit(ms);
    progress.end();
    expect(written).toEqual(['resealing: 50 %  2 of 4, 2 resealed, 0/s, 5 s left\n']);
  });

  it('something is to be said → a line of its own, in place of the bar', () => {
    const { written, progress } = open(true);
    progress.start('resealing', 4);
    progress.say('Redis: ECONNREFUSED');
    expect(written.slice(1).join('')).toBe('\r\u001b[2KRedis: ECONNREFUSED\n');
  });

  it('nothing has begun → nothing is wiped, and numbers go nowhere', () => {
    const { written, progress, visit } = open(true);
    progress.say('hello');
    visit(1_000);
    progress.end();
    expect(written).toEqual(['hello\n']);
  });
});
