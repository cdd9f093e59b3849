import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { gatherLines } from '../../src/logging/gathered-lines.js';

function destination() {
  const written: string[] = [];
  let flushed = 0;
  const out = {
    write: (line: string) => void written.push(line),
    flushSync: () => void (flushed += 1),
  };
  return { lines: gatherLines(out), written, flushed: () => flushed };
}

describe('gatherLines', () => {
  it('lines of one turn → one write, in their order; those of the next → another', async () => {
    const { lines, written } = destination();
    lines.write('a\n');
    lines.write('b\n');
    expect(written).toEqual([]);
    await turn();
    expect(written).toEqual(['a\nb\n']);
    lines.write('c\n');
    await turn();
    expect(written).toEqual(['a\nb\n', 'c\n']);
  });

  it('last words → written at once, and nothing twice', async () => {
    const { lines, written, flushed } = destination();
    lines.write('a\n');
    lines.flushSync();
    expect([written, flushed()]).toEqual([['a\n'], 1]);
    await turn();
    expect(written).toEqual(['a\n']);
  });

  it('the process ends → what is there is written', () => {
    const before = process.listeners('exit');
    const { lines, written } = destination();
    const atExit = process.listeners('exit').find((one) => !before.includes(one));
    lines.write('a\n');
    atExit?.(0);
    expect(written).toEqual(['a\n']);
  });
});
