import type { RotationProgress, RotationStep } from '../grants/rotate-keys.js';
import type { Progress } from '../terminal/progress.js';
import { count } from '../terminal/progress-line.js';

const LABELS: Record<RotationStep, string> = {
  count: 'counting',
  reseal: 'resealing',
  check: 'checking',
};

/** Shows a rotation of keys, step by step. */
export function rotationProgress(bar: Progress): Omit<RotationProgress, 'waiting'> {
  let seen = 0;
  let resealed = 0;
  return {
    started: (step, total) => {
      [seen, resealed] = [0, 0];
      bar.start(LABELS[step], total);
    },
    visited: (visited) => {
      seen += 1;
      if (visited.resealed) resealed += 1;
      bar.advance(seen, `${count(resealed)} resealed`);
    },
  };
}
