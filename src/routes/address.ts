import type { Request } from 'express';

/** What only says something about the moment: that somebody waits, what has just been done. */
const OF_THE_MOMENT = ['wait', 'done', 'disconnected'];

/**
 * The address of this page, without what belongs to the moment, and with these parameters instead of
 * those of the same name.
 */
export function addressWith(req: Request, changes: Readonly<Record<string, string>> = {}): string {
  const [path = '', query = ''] = req.originalUrl.split('?');
  const params = new URLSearchParams(query);
  for (const name of OF_THE_MOMENT) params.delete(name);
  for (const [name, value] of Object.entries(changes)) params.set(name, value);
  return params.size === 0 ? path : `${path}?${params.toString()}`;
}
