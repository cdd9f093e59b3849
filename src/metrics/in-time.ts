const LIMIT_MS = 500;

/**
 * What `work` resolves to, or undefined when it fails or takes too long: the other metrics must not wait
 * for it.
 */
export async function inTime<T>(
  work: () => Promise<T>,
  limitMs = LIMIT_MS,
): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, limitMs, undefined);
  });
  const answer = Promise.resolve()
    .then(work)
    .catch(() => undefined);
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
