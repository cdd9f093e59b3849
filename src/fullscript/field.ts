import { z } from 'zod';

/*
 * How fields of answers are read. A page can do without most of them, so what is missing or in
 * another form is undefined, and costs nothing but its place on the page.
 */

/**
 * What names a record. A number becomes text. Text that no address can carry is no id: lone
 * surrogates make `encodeURIComponent` throw.
 */
export const id = z
  .union([z.string(), z.number().int().transform(String)])
  .refine((value) => /^[^\p{Cs}]+$/u.test(value));

/** What a record is of no use without. */
export const requiredText = z.string().trim().min(1);

export const text = z.unknown().optional().transform(toText);

/** A count or a percentage, which Fullscript also sends as text. */
export const amount = z.unknown().optional().transform(toAmount);

/** Money stays text, so that no digit changes; a number gets its two decimals. */
export const money = z.unknown().optional().transform(toMoney);

export const flag = z
  .unknown()
  .optional()
  .transform((value) => (typeof value === 'boolean' ? value : undefined));

/** A day, or a time with its zone, in ISO 8601, as it came: `new Date` can read it. */
export const isoDate = z.unknown().optional().transform(toIsoDate);

/** An address that a page may link to: nothing that runs, and nothing in the clear. */
export const httpsUrl = z.unknown().optional().transform(toHttpsUrl);

/** A record inside a record; of a list, its first. */
export function part<T>(schema: z.ZodType<T>) {
  return z
    .unknown()
    .optional()
    .transform((value): T | undefined => {
      const one: unknown = Array.isArray(value) ? value[0] : value;
      return schema.safeParse(one).data;
    });
}

/** The entries that can be read; the others are left out. */
export function entries<T>(schema: z.ZodType<T>) {
  return z
    .array(z.unknown())
    .transform((list): T[] => list.flatMap((entry) => readable(schema, entry)));
}

function readable<T>(schema: z.ZodType<T>, entry: unknown): T[] {
  const parsed = schema.safeParse(entry);
  return parsed.success ? [parsed.data] : [];
}

function toText(value: unknown): string | undefined {
  const trimmed = typeof value === 'string' ? value.trim() : '';
  return trimmed === '' ? undefined : trimmed;
}

function toAmount(value: unknown): number | undefined {
  const number = typeof value === 'number' ? value : Number(toText(value) ?? NaN);
  return Number.isFinite(number) && number >= 0 ? number : undefined;
}

function toMoney(value: unknown): string | undefined {
  if (typeof value !== 'number') return toText(value);
  // Beyond this, numbers are written with an exponent.
  return value >= 0 && value < 1e21 ? value.toFixed(2) : undefined;
}

function toIsoDate(value: unknown): string | undefined {
  const given = toText(value);
  const iso = given !== undefined && /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/.test(given);
  return iso && Number.isFinite(Date.parse(given)) ? given : undefined;
}

function toHttpsUrl(value: unknown): string | undefined {
  const given = toText(value);
  const url = given !== undefined && URL.canParse(given) ? new URL(given) : undefined;
  const plain = url?.protocol === 'https:' && url.username === '' && url.password === '';
  return plain ? url.href : undefined;
}
