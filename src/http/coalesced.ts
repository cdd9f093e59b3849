/**
 * Work that may be asked for at any time, and never runs twice at once: whatever is asked for while it
 * runs is done by one more run. `work` does not reject.
 */
export function coalesced(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let asked = 0;

  async function run(): Promise<void> {
    for (let done = 0; done < asked;) {
      done = asked;
      await work();
    }
    asked = 0;
    running = undefined;
  }

  return () => {
    asked += 1;
    return (running ??= run());
  };
}
