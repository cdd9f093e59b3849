/** Keeps this process from doing anything else, as a large module does while it loads, or SIGSTOP. */
export function holdUp(ms: number): void {
  const from = performance.now();
  while (performance.now() - from < ms);
}
