/** `skipped`: it could not be looked at, which says nothing good or bad. */
export type Status = 'ok' | 'warning' | 'problem' | 'skipped';

/** What one check found. Never holds a secret. */
export interface Finding {
  /** The same in every release; its first word is the group it is shown in. */
  readonly check: string;
  readonly status: Status;
  readonly found: string;
  /** For everything that is not well. */
  readonly todo?: string;
}

/** What somebody else's clock said, and ours in that moment; milliseconds. */
export interface ClockSample {
  readonly source: string;
  readonly theirs: number;
  readonly ours: number;
}

/** What came of looking at one part of an installation. */
export interface Examination {
  readonly findings: readonly Finding[];
  readonly clocks: readonly ClockSample[];
}

export function ok(check: string, found: string): Finding {
  return { check, status: 'ok', found };
}

export function warning(check: string, found: string, todo: string): Finding {
  return { check, status: 'warning', found, todo };
}

export function problem(check: string, found: string, todo: string): Finding {
  return { check, status: 'problem', found, todo };
}

export function skipped(check: string, found: string, todo?: string): Finding {
  return { check, status: 'skipped', found, ...(todo === undefined ? {} : { todo }) };
}

/** One finding after another, and all clocks. */
export function together(parts: readonly Examination[]): Examination {
  return {
    findings: parts.flatMap(({ findings }) => findings),
    clocks: parts.flatMap(({ clocks }) => clocks),
  };
}
