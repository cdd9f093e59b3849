import { StoreUnavailableError } from './errors.js';
import { type ResealDeps, type Visited, createInspect, createReseal } from './reseal.js';
import { type SealTally, visitAll } from './seal-tally.js';

/** What a rotation is doing: counting what there is, resealing, or looking whether all is done. */
export type RotationStep = 'count' | 'reseal' | 'check';

/** For a progress bar. */
export interface RotationProgress {
  /** A step begins, or begins anew after trouble. `total` is how many records the last count saw. */
  readonly started: (step: RotationStep, total: number | undefined) => void;
  readonly visited: (visited: Visited) => void;
  /** The store failed; the step begins anew after `waitMs`. */
  readonly waiting: (error: StoreUnavailableError, waitMs: number) => void;
}

export interface Rotation {
  readonly ended: 'complete' | 'interrupted' | 'store_failed';
  /** Why the store failed. */
  readonly failure: StoreUnavailableError | undefined;
  /** Records that were sealed anew, in all passes. */
  readonly resealed: number;
  /** By the last pass that went over all records; undefined when there was none. */
  readonly tally: SealTally | undefined;
  /** Records that another run could seal anew; undefined when nobody has counted. */
  readonly left: number | undefined;
}

export interface RotateKeysDeps extends ResealDeps {
  /** Ends the rotation when what is under way is finished. */
  readonly signal: AbortSignal;
  readonly progress: RotationProgress;
  /** Only counts. */
  readonly dryRun: boolean;
}

/** The last pass finds nothing to do. If that does not come, a server seals with an old key. */
const PASSES = 4;
/** Waits between them double from a second, so that a failover or a restart is sat out. */
const ATTEMPTS = 6;
const FIRST_WAIT_MS = 1_000;

/**
 * Seals all stored grants anew that are not sealed with the first key. Servers may run meanwhile. It
 * can be stopped and repeated at any time: what is done is passed over by the name of its key.
 */
export async function rotateKeys(deps: RotateKeysDeps): Promise<Rotation> {
  const { signal, dryRun } = deps;
  const run = createRun(deps);
  try {
    const counted = await run.pass('count');
    let more = resealable(deps, counted) > 0;
    for (let pass = 1; more && !dryRun && !signal.aborted && pass <= PASSES; pass += 1) {
      const tally = await run.pass(pass === 1 ? 'reseal' : 'check');
      more = tally.resealed > 0 || resealable(deps, tally) > 0;
    }
    return run.result(signal.aborted ? 'interrupted' : 'complete');
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error;
    return run.result(signal.aborted ? 'interrupted' : 'store_failed', error);
  }
}

/** Passes over the records, and what has come of them so far. */
function createRun(deps: RotateKeysDeps) {
  const { records, signal, progress } = deps;
  const visits = { count: createInspect(deps), reseal: createReseal(deps) };
  let [resealed, resealedSince] = [0, 0];
  let tally: SealTally | undefined;

  const onVisited = (visited: Visited) => {
    if (visited.resealed) [resealed, resealedSince] = [resealed + 1, resealedSince + 1];
    progress.visited(visited);
  };

  return {
    pass: async (step: RotationStep): Promise<SealTally> => {
      const visit = visits[step === 'count' ? 'count' : 'reseal'];
      const done = await persistently(deps, () => {
        progress.started(step, tally?.seen);
        return visitAll({ records, visit, signal, onVisited });
      });
      // Half a pass tells nothing of the other half.
      if (!signal.aborted) [tally, resealedSince] = [done, 0];
      return done;
    },
    result: (ended: Rotation['ended'], failure?: StoreUnavailableError): Rotation => {
      const left = tally && Math.max(0, resealable(deps, tally) - resealedSince);
      return { ended, failure, resealed, tally, left };
    },
  };
}

/** How many records a pass could seal anew. */
function resealable(
  { cipher }: Pick<RotateKeysDeps, 'cipher'>,
  { keys }: Pick<SealTally, 'keys'>,
): number {
  const [, ...older] = cipher.keyIds;
  return older
    .flatMap((id) => keys.get(id) ?? [])
    .reduce((sum, { records, unopenable }) => sum + records - unopenable, 0);
}

async function persistently<T>(deps: RotateKeysDeps, work: () => Promise<T>): Promise<T> {
  const { signal, sleep, progress } = deps;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const hopeless = attempt === ATTEMPTS || signal.aborted;
      if (!(error instanceof StoreUnavailableError) || hopeless) throw error;
      const waitMs = FIRST_WAIT_MS * 2 ** (attempt - 1);
      progress.waiting(error, waitMs);
      await sleep(waitMs);
    }
  }
}
