/** Work that must not be cut off half-way when the process ends. */
export interface InFlight {
  readonly track: <T>(work: Promise<T>) => Promise<T>;
  /** Resolves when nothing is under way. */
  readonly settled: () => Promise<void>;
}

export function createInFlight(): InFlight {
  const running = new Set<Promise<unknown>>();
  return {
    track: (work) => {
      const forget = () => void running.delete(work);
      running.add(work);
      work.then(forget, forget);
      return work;
    },
    settled: async () => {
      while (running.size > 0) await Promise.allSettled([...running]);
    },
  };
}
