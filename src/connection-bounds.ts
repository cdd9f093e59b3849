import { readFileSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Logger } from 'pino';

/** Why a connection was closed before its client was through with it. */
export type ClosedConnection =
  /** An answer was not read. */
  | 'unread'
  /** A body went on behind its answer. */
  | 'unsent'
  /** As many as may be are open. */
  | 'too_many';

export interface ConnectionBounds {
  /** How long a client may take no byte of an answer that is ready. */
  readonly unreadMs?: number;
  /** How long a client may go on sending after it has been answered. */
  readonly unsentMs?: number;
  /** Connections that may be open at once. */
  readonly most?: number | undefined;
  /** Told of each connection that a bound closes. */
  readonly onClosed?: (why: ClosedConnection) => void;
}

const UNREAD_MS = 30_000;
const UNSENT_MS = 5_000;
/** Of the files that may be open, those that are not for clients: Redis, Fullscript in two countries, the disk. */
const OTHER_FILES = 640;
const TELL_AGAIN_MS = 60_000;

/**
 * Bounds what clients can keep a server from giving back: answers that they do not read, bodies that they go
 * on sending behind an answer, and more connections than there are descriptors.
 */
export function boundConnections(
  server: Server,
  log: Pick<Logger, 'warn'>,
  bounds: ConnectionBounds = {},
): void {
  const { unreadMs = UNREAD_MS, unsentMs = UNSENT_MS, most = connectionsFor(openFiles()) } = bounds;
  const { onClosed = () => undefined } = bounds;
  server.prependListener('request', (req, res) => {
    endUnread(res, unreadMs, () => onClosed('unread'));
    endUnsent({ req, res }, unsentMs, () => onClosed('unsent'));
  });
  if (most === undefined) return;
  server.maxConnections = most;
  let toldAt = -Infinity;
  server.on('drop', () => {
    onClosed('too_many');
    if (performance.now() - toldAt < TELL_AGAIN_MS) return;
    toldAt = performance.now();
    log.warn(
      { most },
      'too many connections are open: more are closed; raise the limit of open files',
    );
  });
}

/** From its end on, an answer has to make progress. Whatever is read starts the time anew. */
function endUnread(res: ServerResponse, ms: number, onClosed: () => void): void {
  res.once('prefinish', () => {
    if (res.writableFinished) return;
    const { socket } = res;
    // When all is out, Node sets the time for which a connection is kept.
    res.setTimeout(ms, () => {
      if (res.writableFinished) return;
      onClosed();
      socket?.destroy();
    });
  });
}

/** Node would wait for minutes, and then send a second answer, 408. */
function endUnsent(
  { req, res }: { req: IncomingMessage; res: ServerResponse },
  ms: number,
  onClosed: () => void,
): void {
  res.once('finish', () => {
    if (req.complete) return;
    const late = () => {
      if (req.complete || req.socket.destroyed) return;
      onClosed();
      req.socket.destroy();
    };
    setTimeout(late, ms).unref();
  });
}

/** With fewer descriptors than connections nothing could be asked of Redis any more. */
export function connectionsFor(files: number | undefined): number | undefined {
  return files && Math.max(Math.floor(files / 4), files - OTHER_FILES);
}

/** How many files the process may have open; undefined where the system does not say, or sets no limit. */
function openFiles(): number | undefined {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const [, soft] = /^Max open files +(\d+)/m.exec(limits) ?? [];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
