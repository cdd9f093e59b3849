import type { Response } from 'express';
import { markStream } from './request-log.js';

/** An answer that goes on, event by event. */
export interface EventStream {
  readonly send: (event: string, data: unknown) => void;
  /** Shows everybody on the way that somebody is still here. */
  readonly beat: () => void;
  readonly end: () => void;
  /** Runs when the stream is over, whoever ended it. */
  readonly onEnd: (done: () => void) => void;
}

/** How long a browser waits before it opens a stream again that ended. */
const RETRY_MS = 2_000;
/** An event has some hundred bytes: so many wait for somebody who does not read any more. */
const UNREAD_BYTES = 16_384;

/** Headers of a stream; `X-Accel-Buffering` asks nginx and its like to pass events on at once. */
export function streamHeaders(res: Response): void {
  res.set({ 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' });
}

/**
 * Begins an event stream.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export function openEventStream(res: Response): EventStream {
  markStream(res);
  streamHeaders(res);
  const write = (text: string) => {
    if (res.writableEnded || res.destroyed) return;
    res.write(text);
    // The connection's own buffer is full by now, and so is the one on the other side.
    if (res.writableLength > UNREAD_BYTES) res.destroy();
  };
  write(`retry: ${RETRY_MS}\n\n`);
  return {
    send: (event, data) => {
      write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    },
    beat: () => {
      write(':\n\n');
    },
    end: () => {
      res.end();
    },
    onEnd: (done) => {
      res.once('close', done);
    },
  };
}
