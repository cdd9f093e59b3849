import type { Simulator } from '../../src/simulator/simulator.js';
import { gate } from './gate.js';

/** Keeps calls of the resource API waiting. Returns what lets them, and all that come later, through. */
export function holdApi({ faults }: Pick<Simulator, 'faults'>): () => void {
  const { opened, open } = gate();
  const off = faults.add({ endpoint: 'api', kind: 'delay', until: opened });
  return () => {
    off();
    open();
  };
}
