// Loaded ahead of a server: its calendar is off by the milliseconds that stand in CLOCK_FILE, and jumps
// when they change. Timers and performance.now() go on as they were, as on a real machine.
import { readFileSync } from 'node:fs';
import { setInterval } from 'node:timers';

const RealDate = Date;
let offset = 0;

function readOffset() {
  try {
    offset = Number(readFileSync(process.env.CLOCK_FILE, 'utf8'));
  } catch {
    // Being rewritten just now.
  }
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
