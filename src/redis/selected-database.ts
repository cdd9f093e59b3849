import type { Command, Redis } from 'ioredis';

/** A command was not sent, since SELECT had failed before it, by what is the cause. */
export class NotSelectedError extends Error {
  override readonly name = 'NotSelectedError';

  constructor(cause: Error) {
    // NOTE: ioredis takes a server for ready where INFO fails with a message that has NOPERM in it.
    super('The database of Redis is not selected', { cause });
  }
}

/** With these a connection introduces itself, ahead of everything else. */
const GREETING = new Set(['hello', 'auth', 'select']);

/**
 * Has every command of a connection fail whose SELECT failed. ioredis tells of the failure as an error and goes
 * on, in database 0, which may be another installation's. Here its question whether the server is ready fails
 * with the answer to SELECT, so that the connection ends and is made anew, until SELECT holds.
 *
 * @param client copies of it (`duplicate`), and their copies, are held to it as well.
 */
export function insistOnDatabase(client: Redis): Redis {
  const send = client.sendCommand.bind(client);
  const duplicate = client.duplicate.bind(client);
  let refusal: Error | undefined;
  let asked: Command | undefined;

  function ask(select: Command): void {
    asked = select;
    select.promise.catch((error: unknown) => {
      // Not that of a connection which has ended meanwhile.
      if (asked === select) refusal = new NotSelectedError(error as Error);
    });
  }

  client.sendCommand = (command, ...rest) => {
    if (GREETING.has(command.name)) refusal = undefined;
    if (refusal !== undefined) {
      command.reject(refusal);
      return command.promise;
    }
    if (command.name === 'select') ask(command);
    return send(command, ...rest);
  };
  client.duplicate = (override) => insistOnDatabase(duplicate(override));
  return client;
}
