import { tracingChannel } from 'node:diagnostics_channel';
import { errorType } from './error-type.js';
import type { Span, Tracer } from './tracer.js';

/** What ioredis tells of a command. It tells the arguments too; they are not looked at. */
interface CommandMessage {
  readonly command: string;
  readonly serverAddress?: string;
  readonly serverPort?: number | undefined;
  readonly error?: unknown;
}

/** Commands and the names of BullMQ's scripts. */
const NAME = /^[A-Za-z][\w.:-]{0,60}$/;

/**
 * Makes a span of each Redis command that is sent inside another span, until the returned function is
 * called. Others have none: workers that wait for jobs and connections that look whether they are alive
 * would fill the traces.
 */
export function watchRedis(tracer: Tracer): () => void {
  const channel = tracingChannel<unknown, object>('ioredis:command');
  const open = new WeakMap<object, Span>();
  const handlers = {
    start: (message: object) => {
      if (tracer.current() !== undefined) open.set(message, tracer.open(startOf(message)));
    },
    error: (message: object) => {
      open.get(message)?.fail(errorType((message as CommandMessage).error));
    },
    asyncEnd: (message: object) => {
      open.get(message)?.end();
    },
    end: () => undefined,
    asyncStart: () => undefined,
  };
  channel.subscribe(handlers);
  return () => {
    channel.unsubscribe(handlers);
  };
}

function startOf(message: object) {
  const { command, serverAddress, serverPort } = message as CommandMessage;
  const name = NAME.test(command) ? command.toUpperCase() : '_OTHER';
  const attributes = {
    'db.system.name': 'redis' as const,
    'db.operation.name': name,
    ...(serverAddress !== undefined && { 'server.address': serverAddress }),
    ...(serverPort !== undefined && { 'server.port': serverPort }),
  };
  return { name, kind: 'client' as const, attributes };
}
