import type { ServerResponse } from 'node:http';
import type { WaitingClient } from '../fullscript/waiting-client.js';

/** The client that an answer is for. One listener on the answer, however many calls of a page wait for it. */
export function waitingFor(res: ServerResponse): WaitingClient {
  let listeners: Set<() => void> | undefined;
  return {
    hasGone: () => res.closed,
    onGone: (listener) => {
      listeners ??= listening(res);
      listeners.add(listener);
      return () => listeners?.delete(listener);
    },
  };
}

function listening(res: ServerResponse): Set<() => void> {
  const listeners = new Set<() => void>();
  res.once('close', () => {
    for (const listener of [...listeners]) listener();
  });
  return listeners;
}
