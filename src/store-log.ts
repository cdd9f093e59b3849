import type { Logger } from 'pino';
import type { ClientState } from './redis/client.js';
import type { Durability } from './redis/durability.js';
import type { ClockReading } from './redis/server-clock.js';
import { createTouchThrottle } from './redis/touch-throttle.js';

const SAID_AGAIN_MS = 60_000;
const MESSAGES_REMEMBERED = 50;

function onceAMinute() {
  const now = () => performance.now();
  return createTouchThrottle({ everyMs: SAID_AGAIN_MS, limit: MESSAGES_REMEMBERED, now });
}

const LEVELS = { fatal: 'error', warning: 'warn', note: 'info' } as const;

/** Says with which settings Redis forgets: once, and again when a new connection finds others. */
export function sayWhatRedisKeeps(log: Logger) {
  let said = '';
  return ({ problems }: Durability): void => {
    const text = problems.map((one) => one.text).join();
    if (text === said) return;
    said = text;
    for (const one of problems) log[LEVELS[one.severity]](`store: ${one.text}`);
  };
}

export function sayUnconfirmed(log: Logger) {
  const throttle = onceAMinute();
  return (reason: string): void => {
    if (!throttle.due('')) return;
    log.warn(
      { reason },
      'a grant is saved, but Redis did not confirm that it would survive a crash',
    );
  };
}

/** Warns of an error, whichever it is, once a minute. */
function warningOf(text: string) {
  return (log: Pick<Logger, 'warn'>) => {
    const throttle = onceAMinute();
    return (err: unknown): void => {
      if (throttle.due('')) log.warn({ err }, text);
    };
  };
}

/** Warns of each message once a minute, and says no more of the error than that. */
function warningOfEach(text: string) {
  return (log: Logger) => {
    const throttle = onceAMinute();
    return ({ message }: Error): void => {
      if (throttle.due(message)) log.warn({ reason: message }, text);
    };
  };
}

/** The worker tries on by itself, and says the same with each attempt. */
export const sayQueueTrouble = warningOfEach('the queue of revocations has trouble');

/** Whoever does not hear of a change looks for it by itself, some seconds later. */
export const saySignalTrouble = warningOfEach('open pages hear of changes some seconds late');

/** Tried again each second. */
export const saySharingTrouble = warningOf(
  'calls are counted by this process alone until the store answers',
);

/** The log has what these entries were about. */
export const sayActivityTrouble = warningOf(
  'what happened is missing from the activity that users are shown',
);

/** Tried again each second, and looked for once a day. */
export const sayIndexTrouble = warningOf('the index of grants is behind; trying again');

/** The log has what these entries were about. `rest` says what was not said yet, at the end. */
export function sayTrailTrouble(log: Logger) {
  const throttle = onceAMinute();
  const missing = { entries: 0, err: undefined as unknown };

  function rest(): void {
    if (missing.entries === 0) return;
    log.warn({ ...missing }, 'entries are missing from the audit trail; the log has them');
    missing.entries = 0;
  }

  return {
    rest,
    onLost: (entries: number, err: unknown): void => {
      missing.entries += entries;
      missing.err = err;
      if (throttle.due('')) rest();
    },
  };
}

const CLOCKS_APART_MS = 30_000;

/** Lifetimes are counted by both clocks. */
export function sayClocksApart(log: Logger, reading: ClockReading | undefined): void {
  const ms = reading === undefined ? 0 : reading.ours - reading.theirs;
  if (Math.abs(ms) < CLOCKS_APART_MS) return;
  log.warn(
    { aheadSeconds: Math.round(ms / 1_000) },
    'the clocks of this machine and of Redis differ: have both set by the network (NTP)',
  );
}

/** Says what is wrong with the connections, but not with every attempt to mend them. */
export function watchConnection(log: Logger) {
  let throttle = onceAMinute();
  let closing = false;
  return {
    onError: (err: Error) => {
      if (!throttle.due(err.message)) return;
      log.error({ reason: err.message }, 'Redis connection failed; trying again for ever');
    },
    onStateChange: (state: ClientState) => {
      if (closing) return;
      if (state === 'lost') log.error('Redis does not answer; requests get 503 until it does');
      if (state === 'ready') log.info('Redis connection is ready');
      if (state === 'ready') throttle = onceAMinute();
    },
    closing: () => {
      closing = true;
    },
  };
}
