import { withoutSecrets } from './without-secrets.js';

/** Of an error's causes, and of the errors in one of several, so many are shown. */
const CAUSES_SHOWN = 4;
const FRAMES_SHOWN = 12;
/** Blanks, but no line breaks: a text of nothing else would be looked through once for each of them. */
const FRAME = /^[ \t]+at [^\n]+$/gm;

/** An error as the log shows it. */
export interface DescribedError {
  readonly name?: string;
  readonly message: string;
  readonly code?: string;
  readonly reason?: string;
  readonly cause?: string;
  readonly stack?: string;
}

/**
 * Only these fields: clients hang whole commands, requests and headers on their errors. Of the stack only the
 * places in the code: what stands above them is the message once more, uncut, so ours is put there.
 */
export function describeError(error: unknown): DescribedError {
  if (!(error instanceof Error)) return { message: withoutSecrets(textOf(error)) };
  const { code, reason } = error as { code?: unknown; reason?: unknown };
  const cause = causesOf(error);
  const [name, message, frames] = [
    withoutSecrets(textOf(error.name)),
    messageOf(error),
    framesOf(error),
  ];
  return {
    ...{ name, message },
    ...(typeof code === 'string' && { code: withoutSecrets(code) }),
    ...(typeof reason === 'string' && { reason: withoutSecrets(reason) }),
    ...(cause !== '' && { cause }),
    ...(frames !== '' && { stack: `${name}: ${message}\n${frames}` }),
  };
}

/** What a parser does not understand it quotes, and what we parse are answers with tokens in them. */
function messageOf(error: Error): string {
  if (error instanceof SyntaxError) return 'something could not be parsed';
  return withoutSecrets(textOf(error.message));
}

/** One behind the other; a chain may be a circle. */
function causesOf(error: Error): string {
  const shown: string[] = [];
  let { cause } = error;
  while (cause instanceof Error && shown.length < CAUSES_SHOWN) {
    shown.push(`${withoutSecrets(textOf(cause.name))}: ${messageOf(cause)}`);
    ({ cause } = cause);
  }
  return shown.join(' < ');
}

function framesOf({ stack }: Error): string {
  const frames = typeof stack === 'string' ? (stack.match(FRAME) ?? []) : [];
  return frames.slice(0, FRAMES_SHOWN).map(withoutSecrets).join('\n');
}

function textOf(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown;
  if (typeof thrown === 'number') return String(thrown);
  return Object.prototype.toString.call(thrown);
}
