import { type Advance, progressLine } from './progress-line.js';

/** Where progress goes; standard error, so that standard output holds the result alone. */
export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly write: (text: string) => unknown;
}

/** Shows how far something is that takes long. */
export interface Progress {
  /** A step begins, or begins anew. `total` is how many there are, as far as it is known. */
  readonly start: (label: string, total?: number) => void;
  /** So many are done. `note` goes behind the numbers. */
  readonly advance: (seen: number, note?: string) => void;
  /** A line of its own. */
  readonly say: (text: string) => void;
  /** Wipes the bar. */
  readonly end: () => void;
}

const REDRAW_MS = 100;
const LINE_EVERY_MS = 5_000;
const CLEAR_LINE = '\r\u001b[2K';

/** A bar that is drawn over on a terminal, and a line every few seconds elsewhere. */
export function createProgress(deps: { terminal: Terminal; now: () => number }): Progress {
  const { terminal, now } = deps;
  const tty = terminal.isTTY === true;
  const everyMs = tty ? REDRAW_MS : LINE_EVERY_MS;
  let at: Advance | undefined;
  let shownAt = 0;

  function show(advance: Advance): void {
    shownAt = now();
    const line = progressLine(advance, { now: now(), columns: terminal.columns ?? 80, bar: tty });
    terminal.write(tty ? `${CLEAR_LINE}${line}` : `${line}\n`);
  }

  function end(): void {
    if (tty && at !== undefined) terminal.write(CLEAR_LINE);
    at = undefined;
  }

  return {
    end,
    start: (label, total) => {
      at = { label, seen: 0, note: '', total, startedAt: now() };
      if (tty) show(at);
      else shownAt = now();
    },
    advance: (seen, note = '') => {
      if (at === undefined) return;
      at = { ...at, seen, note };
      if (now() - shownAt >= everyMs) show(at);
    },
    say: (text) => {
      if (tty && at !== undefined) terminal.write(CLEAR_LINE);
      terminal.write(`${text}\n`);
    },
  };
}
