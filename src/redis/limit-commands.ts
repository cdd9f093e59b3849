import type { Command, Redis } from 'ioredis';
import { startDeadline } from '../deadline.js';
import { TIMED_OUT } from './store-failure.js';

/** How long a command may take, unless told otherwise. */
export const COMMAND_TIMEOUT_MS = 500;

/** A connection that is silent for as long as this many commands may take is made anew. */
const SILENT_LIMITS = 4;

/** What is limited of a client. The client of a cluster has no connection itself. */
type Limited = Pick<Redis, 'sendCommand'> & Partial<Pick<Redis, 'stream'>>;

/**
 * Has commands fail that are not answered in time, and ends a connection over which nothing comes any more: a
 * server that went away without a word (host lost, network cut) is left and looked up anew. ioredis has
 * options for both, `commandTimeout` and `socketTimeout`; they take a pause of this process for one of the server's.
 *
 * @param client copies of it (`duplicate`) are not limited.
 */
export function limitCommands(client: Limited, timeoutMs: number): void {
  const send = client.sendCommand.bind(client);
  const leave = leaveWhenSilent(client, (SILENT_LIMITS - 1) * timeoutMs);
  client.sendCommand = (command, ...rest) => {
    const heard = heardOf(client);
    limit(command, timeoutMs, () => leave(heard));
    return send(command, ...rest);
  };
}

function limit(command: Command, timeoutMs: number, onLate: () => void): void {
  const stop = startDeadline(timeoutMs, () => {
    command.reject(new Error(TIMED_OUT));
    onLate();
  });
  // Ended with the command: given up later, after a second attempt of ioredis's, it would be that attempt
  // which fails. This also counts as handling the failure: Node tells of no command any more whose promise
  // was dropped.
  command.promise.then(stop, stop);
}

/** How much has come over which connection. */
interface Heard {
  readonly stream: Limited['stream'];
  readonly bytes: number | undefined;
}

function heardOf({ stream }: Limited): Heard {
  return { stream, bytes: stream?.bytesRead };
}

/** @returns for a command that is late: gives its connection so much more time to say anything at all. */
function leaveWhenSilent(client: Limited, afterMs: number): (heard: Heard) => void {
  const waitingFor = new WeakSet<NonNullable<Limited['stream']>>();
  return ({ stream, bytes }) => {
    const isSilent = () => stream?.bytesRead === bytes && client.stream === stream;
    if (stream === undefined || waitingFor.has(stream) || !isSilent()) return;
    waitingFor.add(stream);
    startDeadline(afterMs, () => {
      waitingFor.delete(stream);
      if (isSilent()) stream.destroy(new Error('Socket timeout: nothing came over the connection'));
    });
  };
}
