import type { Command, Redis } from 'ioredis';
import { TIMED_OUT } from './store-failure.js';

/** How long a command may take, unless told otherwise. */
export const COMMAND_TIMEOUT_MS = 500;

/** A timer that is later than this tells of a process that was held up. */
const HELD_UP_MS = 50;
/** What such a process sent late has its answer so much later. */
const ANSWER_MS = 50;

/**
 * Has commands fail that are not answered in time. ioredis's own time-out does that too, but timers come
 * before sockets in a turn of the event loop: while this process was held up itself (a large module, a
 * machine without a core to spare), answers that lay in the socket in time were taken for missing ones.
 *
 * A connection that said nothing for much longer is another matter: ioredis ends it (`socketTimeout`), and
 * does not ask who was held up.
 *
 * @param client copies of it (`duplicate`) are not limited.
 */
export function limitCommands(client: Pick<Redis, 'sendCommand'>, timeoutMs: number): void {
  const send = client.sendCommand.bind(client);
  client.sendCommand = (command, ...rest) => {
    limit(command, timeoutMs);
    return send(command, ...rest);
  };
}

function limit(command: Command, timeoutMs: number): void {
  // Given up later, after a second attempt of ioredis's, it would be that attempt which fails.
  let isOver = false;
  const giveUp = () => {
    if (!isOver) command.reject(new Error(TIMED_OUT));
  };
  const timer = setTimeout(readFirst, timeoutMs, giveUp, performance.now() + timeoutMs);
  const stop = () => {
    isOver = true;
    clearTimeout(timer);
  };
  // This counts as handling the failure: Node tells of no command any more whose promise somebody dropped.
  command.promise.then(stop, stop);
}

/** What has arrived is read before this goes on. */
function readFirst(giveUp: () => void, dueAt: number): void {
  const wasHeldUp = performance.now() - dueAt > HELD_UP_MS;
  if (wasHeldUp) setTimeout(giveUp, ANSWER_MS);
  else setImmediate(giveUp);
}
