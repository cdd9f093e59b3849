import type { ApiClient } from '../fullscript/api-client.js';
import { ApiPathError, FullscriptApiError } from '../fullscript/errors.js';
import type { PageOf } from '../fullscript/pagination.js';
import { getPractitioner } from '../fullscript/team.js';
import type { TreatmentPlan } from '../fullscript/treatment-plans.js';
import { type Moment, day } from './moment.js';
import { nameOf } from './patient-details.js';

/** A list whose entries name others by id, and the names that were found for them. */
export interface Named<T> extends PageOf<T> {
  readonly names: ReadonlyMap<string, string>;
}

interface PlanRow {
  readonly state: string;
  readonly tone: 'good' | 'warn' | 'plain';
  readonly practitioner: string | undefined;
  readonly created: Moment | undefined;
  readonly available: string | undefined;
}

/** Looks up who wrote the plans. */
export async function namePractitioners(
  api: ApiClient,
  plans: PageOf<TreatmentPlan>,
): Promise<Named<TreatmentPlan>> {
  const ids = plans.items.flatMap(({ practitionerId: id }) => id ?? []);
  const names = await namesOf(ids, async (id) => nameOf(await getPractitioner(api, id)));
  return { ...plans, names };
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

/** Treatment plans as a page shows them. */
export function planRows({ items, names }: Named<TreatmentPlan>): PlanRow[] {
  return items.map(({ state = 'unknown', practitionerId, createdAt, availableAt }) => ({
    state: sentenceCase(state),
    tone: toneOf(state),
    practitioner: practitionerId === undefined ? undefined : names.get(practitionerId),
    created: day(createdAt),
    available: day(availableAt)?.text,
  }));
}

function toneOf(state: string): PlanRow['tone'] {
  if (state === 'active') return 'good';
  return state === 'draft' ? 'warn' : 'plain';
}

/** States are Fullscript's, and new ones may come. */
function sentenceCase(state: string): string {
  const words = state.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
