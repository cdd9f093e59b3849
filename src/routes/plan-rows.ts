import type { ApiClient } from '../fullscript/api-client.js';
import type { PageOf } from '../fullscript/pagination.js';
import { getPractitioner } from '../fullscript/team.js';
import type { TreatmentPlan } from '../fullscript/treatment-plans.js';
import { type Moment, day } from './moment.js';
import { type Named, nameOf, namesOf } from './names.js';

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
