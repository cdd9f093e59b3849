import type { Figure } from './measure.js';

/** A figure that must not be higher. */
export function atMost(
  limit: number,
  of: { name: string; value: number; text: string; unit?: string; others?: string },
): Figure {
  const { name, value, text, unit = '', others = '' } = of;
  const wanted = `≤ ${limit.toLocaleString('en')}${unit}`;
  return { name, wanted, measured: text, reached: value <= limit, others };
}

/** A figure that must not be lower. */
export function atLeast(
  limit: number,
  of: { name: string; value: number; text: string; unit?: string; others?: string },
): Figure {
  const { name, value, text, unit = '', others = '' } = of;
  const wanted = `≥ ${limit.toLocaleString('en')}${unit}`;
  return { name, wanted, measured: text, reached: value >= limit, others };
}

/** One that nothing is asked of. */
export function shown(of: { name: string; text: string; others?: string }): Figure {
  return {
    name: of.name,
    wanted: '',
    measured: of.text,
    reached: undefined,
    others: of.others ?? '',
  };
}

/** The same of several, side by side. */
export function sideBySide(parts: readonly (readonly [name: string, text: string])[]): string {
  return parts.map(([name, text]) => `${name} ${text}`).join('; ');
}
