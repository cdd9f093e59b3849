/**
 * Does some work once, after a while. The returned function, to be called at the end, waits for work that has
 * begun, and keeps it from beginning. `work` does not reject.
 */
export function after(ms: number, work: () => Promise<void>): () => Promise<void> {
  let running = Promise.resolve();
  const timer = setTimeout(() => {
    running = work();
  }, ms);
  timer.unref();
  return () => {
    clearTimeout(timer);
    return running;
  };
}
