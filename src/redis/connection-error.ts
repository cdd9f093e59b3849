import { NotSelectedError } from './selected-database.js';
import { withoutCommand } from './store-call.js';

const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** What ioredis says when it has asked every sentinel once, be it with success. */
const EVERY_SENTINEL = 'All sentinels are unreachable';

/** A reason that waiting does not mend. Its message is both parts. */
export class ConnectionProblem extends Error {
  override readonly name = 'ConnectionProblem';
  readonly found: string;
  /** For an operator, as a sentence. */
  readonly todo: string;

  constructor(found: string, todo: string) {
    super(`${found}. ${todo}`);
    this.found = found;
    this.todo = todo;
  }
}

/**
 * An error of ioredis in words that help an operator, without the command it may carry. Undefined for
 * one that only repeats what was told of each sentinel.
 */
export function connectionError(error: Error): Error | undefined {
  if (error.message.startsWith(EVERY_SENTINEL)) return undefined;
  if (error instanceof NotSelectedError) return connectionError(error.cause as Error);
  return notSelected(error) ?? untrusted(error) ?? misnamed(error) ?? withoutCommand(error);
}

/** The command that ioredis attaches to an error that Redis answered. */
interface Answered {
  readonly command?: { readonly name: string; readonly args: readonly unknown[] };
}

function notSelected(error: Error): ConnectionProblem | undefined {
  const { command } = error as Answered;
  if (error.name !== 'ReplyError' || command?.name !== 'select') return undefined;
  const found = `Database ${String(command.args[0])} of Redis cannot be selected (${error.message})`;
  if (error.message.startsWith('NOPERM')) {
    return new ConnectionProblem(found, 'Allow the login +select.');
  }
  const todo = 'Name one that it has in REDIS_URL, or raise "databases" in redis.conf.';
  return new ConnectionProblem(found, todo);
}

function untrusted(error: Error): ConnectionProblem | undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined || !UNTRUSTED.has(code)) return undefined;
  const todo = 'Name the file of its authority in NODE_EXTRA_CA_CERTS.';
  return new ConnectionProblem(`The certificate of Redis is not trusted (${error.message})`, todo);
}

/** What Node adds when a certificate is for another host. */
interface Misnamed {
  readonly code?: string;
  readonly host?: string;
  readonly cert?: {
    readonly subjectaltname?: string;
    readonly subject?: { readonly CN?: string };
  };
}

function misnamed(error: Error): ConnectionProblem | undefined {
  const { code, host = 'this host', cert } = error as Misnamed;
  if (code !== 'ERR_TLS_CERT_ALTNAME_INVALID') return undefined;
  const names = cert?.subjectaltname ?? cert?.subject?.CN ?? 'no name';
  return new ConnectionProblem(
    `The certificate of Redis is not for ${host}, but for ${names}`,
    'Name Redis in REDIS_URL as its certificate does, or have a certificate made for this name. Behind ' +
      'Sentinel, and in a cluster, it is the name that the servers announce.',
  );
}
