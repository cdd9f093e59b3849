import { createRequire } from 'node:module';
import { type Program, untilPrinted } from './program.js';

/** The option of Node that `openInspector` needs. */
export const INSPECTED = '--inspect=127.0.0.1:0';

/** What a program's own engine says of its memory. */
export interface Inspector {
  /** Bytes that are in use when everything that is not has been collected. */
  readonly liveHeap: () => Promise<number>;
  readonly close: () => void;
}

/** As browsers have it; Node 20 has none of its own. */
interface Socket {
  send: (text: string) => void;
  close: () => void;
  addEventListener: (
    type: 'open' | 'message' | 'error',
    listener: (event: { data?: unknown }) => void,
  ) => void;
}

/** Connects to a program that was started with `INSPECTED`. */
export async function openInspector(program: Program): Promise<Inspector> {
  const url = await untilPrinted(program, /^Debugger listening on (ws:\S+)$/m);
  const require = createRequire(new URL('peers/package.json', import.meta.url));
  const { WebSocket } = require('undici') as { WebSocket: new (url: string) => Socket };
  const socket = new WebSocket(url);
  const answers = new Map<number, (result: unknown) => void>();
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve());
    socket.addEventListener('error', () => reject(new Error(`no inspector at ${url}`)));
  });
  socket.addEventListener('message', ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as { id?: number; result?: unknown };
    if (id !== undefined) answers.get(id)?.(result);
  });
  let asked = 0;
  const ask = (method: string) =>
    new Promise<unknown>((resolve) => {
      asked += 1;
      answers.set(asked, resolve);
      socket.send(JSON.stringify({ id: asked, method }));
    });
  return {
    liveHeap: async () => {
      await ask('HeapProfiler.collectGarbage');
      return ((await ask('Runtime.getHeapUsage')) as { usedSize: number }).usedSize;
    },
    close: () => socket.close(),
  };
}
