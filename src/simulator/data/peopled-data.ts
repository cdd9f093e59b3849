import type { ProviderSettings } from '../settings.js';
import type { DataSet } from './records.js';

/**
 * The data set as the settings show it. Without patients there are no plans and no orders either, and a
 * patient who is made meanwhile is one of the empty clinic: gone when the others are back.
 */
export function createPeopledData(seeded: DataSet, settings: ProviderSettings): DataSet {
  let empty: DataSet | undefined;
  const shown = (): DataSet => {
    if (settings.patients === 'seeded') empty = undefined;
    else empty ??= { ...seeded, patients: [], plans: [], orders: [] };
    return empty ?? seeded;
  };
  const { clinics, practitioners, staff, people } = seeded;
  return {
    clinics,
    practitioners,
    staff,
    people,
    // Asked for only when they are needed: the data set makes them then.
    get brands() {
      return seeded.brands;
    },
    get products() {
      return seeded.products;
    },
    get patients() {
      return shown().patients;
    },
    get plans() {
      return shown().plans;
    },
    get orders() {
      return shown().orders;
    },
  };
}
