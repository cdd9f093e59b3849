import { ApiPathError, FullscriptApiError } from '../fullscript/errors.js';
import type { PageOf } from '../fullscript/pagination.js';

/** A list whose entries name others by id, and the names that were found for them. */
export interface Named<T> extends PageOf<T> {
  readonly names: ReadonlyMap<string, string>;
}

/** A name to call somebody by, also where Fullscript knows none. */
export function nameOf({ name, email }: { name: string; email: string | undefined }): string {
  return name === '' ? (email ?? 'No name') : name;
}

/**
 * Names for ids, each asked for once. One that Fullscript does not tell is left out: a list is worth
 * showing without it.
 */
export async function namesOf(
  ids: readonly string[],
  nameFor: (id: string) => Promise<string | undefined>,
): Promise<ReadonlyMap<string, string>> {
  const found = await Promise.all(
    [...new Set(ids)].map(async (id) => [id, await orNothing(nameFor(id))] as const),
  );
  return new Map(found.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

async function orNothing<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof FullscriptApiError || error instanceof ApiPathError) return undefined;
    throw error;
  }
}
