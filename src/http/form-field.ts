import type { Request } from 'express';

/** A field of a posted form, if it is there just once. */
export function formField(req: Request, name: string): string | undefined {
  const fields = (req.body ?? {}) as Readonly<Record<string, unknown>>;
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  return typeof value === 'string' ? value : undefined;
}
