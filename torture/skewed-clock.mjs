// Loaded ahead of a server: its calendar is off by the milliseconds that stand in CLOCK_FILE, and jumps
// when they change. The offset in force is written back to CLOCK_FILE.seen. Timers and performance.now() go on as they were, as on a real machine.
import { readFileSync, writeFileSync } from 'node:fs';
import { setInterval } from 'node:timers';

const RealDate = Date;
let offset = 0;

function readOffset() {
  const text = readFileSync(process.env.CLOCK_FILE, 'utf8');
  // Empty while it is being rewritten.
  if (text === '' || Number(text) === offset) return;
  offset = Number(text);
  writeFileSync(`${process.env.CLOCK_FILE}.seen`, text);
}

readOffset();
setInterval(readOffset, 20).unref();

globalThis.Date = class extends RealDate {
  constructor(...args) {
    super(...(args.length > 0 ? args : [RealDate.now() + offset]));
  }

  static now() {
    return RealDate.now() + offset;
  }
};
