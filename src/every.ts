/** Repeats work until the returned function is called, never twice at the same time. */
export function every(ms: number, work: () => Promise<void>): () => Promise<void> {
  let running = Promise.resolve();
  let idle = true;
  const timer = setInterval(() => {
    if (!idle) return;
    idle = false;
    running = work().finally(() => {
      idle = true;
    });
  }, ms);
  timer.unref();
  return () => {
    clearInterval(timer);
    return running;
  };
}
