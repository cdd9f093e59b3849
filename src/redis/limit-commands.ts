import type { Command, Redis } from 'ioredis';

/**
 * Has commands fail that are not answered in time. ioredis's own time-out does that too, but timers come
 * before sockets in a turn of the event loop: while this process was held up itself (a large module, a
 * machine without a core to spare), answers that lay in the socket in time were taken for missing ones.
 */
export function limitCommands(client: Pick<Redis, 'sendCommand'>, timeoutMs: number): void {
  const send = client.sendCommand.bind(client);
  client.sendCommand = (command, ...rest) => {
    limit(command, timeoutMs);
    return send(command, ...rest);
  };
}

function limit(command: Command, timeoutMs: number): void {
  const timer = setTimeout(readFirst, timeoutMs, command);
  const stop = () => clearTimeout(timer);
  command.promise.then(stop, stop);
}

/** What has arrived is read before this goes on. */
function readFirst(command: Command): void {
  setImmediate(giveUp, command);
}

function giveUp(command: Command): void {
  // Changes nothing about one that is answered by now.
  command.reject(new Error('Command timed out'));
}
