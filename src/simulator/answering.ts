import { setTimeout as wait } from 'node:timers/promises';
import type { RequestHandler, Response } from 'express';
import { type Answer, emptyAnswer, sendAnswer } from './answer.js';
import { type Call, readCall } from './call.js';
import { bendAnswer, statusAnswer } from './fault-effects.js';
import type { createFaultPlan, Strike } from './faults.js';

/** A handler: a request in, an answer out. */
export type Handler = (call: Call) => Answer;

/** The endpoints faults and counters know. */
export type Endpoint = 'token' | 'revoke' | 'api' | 'authorize';

/** Turns a handler into Express middleware. */
export type Answering = (endpoint: Endpoint, handler: Handler) => RequestHandler;

interface Deps {
  faults: ReturnType<typeof createFaultPlan>;
  /** Told of every call before anything can go wrong with it. */
  onCall: (endpoint: Endpoint, call: Call) => void;
  /** Ends delays when the simulator closes. */
  closing: AbortSignal;
}

/** Binds handlers to the fault plan. */
export function createAnswering({ faults, onCall, closing }: Deps): Answering {
  return (endpoint, handler) => async (req, res) => {
    const call = readCall(req);
    onCall(endpoint, call);
    const strike = faults.strike(endpoint, call);
    await pause(strike, 'before', closing);
    const answer = process(handler, call, strike);
    if (answer !== undefined) await pause(strike, 'after', closing);
    deliver(res, answer);
  };
}

/** Handlers without faults: the pages and controls of the simulator itself. */
export function answerPlainly(handler: Handler): RequestHandler {
  return (req, res) => {
    const call = readCall(req);
    deliver(res, call.malformed ? emptyAnswer(400) : handler(call));
  };
}

/** Gives the answer, or nothing when the socket is to be closed without one. */
function process(handler: Handler, call: Call, { fault }: Strike): Answer | undefined {
  if (fault?.kind === 'drop') return undefined;
  if (fault?.kind === 'status' && fault.when !== 'after') return statusAnswer(fault);
  const answer = call.malformed ? emptyAnswer(400) : handler(call);
  return fault?.kind === 'lost_answer' ? undefined : bendAnswer(answer, fault);
}

function deliver(res: Response, answer: Answer | undefined): void {
  if (answer === undefined) res.socket?.destroy();
  else sendAnswer(res, answer);
}

async function pause(
  { delay }: Strike,
  moment: 'before' | 'after',
  signal: AbortSignal,
): Promise<void> {
  if (delay === undefined || (delay.when ?? 'before') !== moment) return;
  // An aborted wait means that the simulator is closing: the call just goes on.
  if (delay.until !== undefined) await Promise.race([delay.until, aborted(signal)]);
  else await wait(delay.ms ?? 0, undefined, { signal }).catch(() => undefined);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
