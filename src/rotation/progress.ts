import type { Visited } from '../grants/reseal.js';
import type { RotationProgress, RotationStep } from '../grants/rotate-keys.js';
import { type Advance, progressLine } from './progress-line.js';

/** Where progress goes; standard error, so that standard output holds the result alone. */
export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly write: (text: string) => unknown;
}

export interface Progress extends Omit<RotationProgress, 'waiting'> {
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
  let advance: Advance = { step: 'count', seen: 0, resealed: 0, total: undefined, startedAt: 0 };
  let shownAt = 0;

  function show(): void {
    shownAt = now();
    const line = progressLine(advance, { now: now(), columns: terminal.columns ?? 80, bar: tty });
    terminal.write(tty ? `${CLEAR_LINE}${line}` : `${line}\n`);
  }

  function end(): void {
    if (tty) terminal.write(CLEAR_LINE);
  }

  function say(text: string): void {
    end();
    terminal.write(`${text}\n`);
  }

  return {
    ...{ end, say },
    started: (step: RotationStep, total: number | undefined) => {
      advance = { step, seen: 0, resealed: 0, total, startedAt: now() };
      if (tty) show();
      else shownAt = now();
    },
    visited: ({ resealed }: Visited) => {
      const { seen, resealed: before } = advance;
      advance = { ...advance, seen: seen + 1, resealed: before + (resealed ? 1 : 0) };
      if (now() - shownAt >= everyMs) show();
    },
  };
}
