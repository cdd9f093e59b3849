import type { IncomingMessage, ServerResponse } from 'node:http';
import { readFields, sendJson } from './http.js';
import { expireAll } from './pairs.js';
import { noCounts, type Provider } from './provider.js';

/** `POST /control`: whatever of the settings it names, then the counts. */
export async function answerControl(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const order = await readFields(request);
  if (order === undefined) {
    sendJson(response, 400, { error: 'not a JSON object' });
    return;
  }
  const { accessTokenSeconds, tokenDelayMs } = order;
  if (typeof accessTokenSeconds === 'number') {
    provider.settings.accessTokenSeconds = accessTokenSeconds;
  }
  if (typeof tokenDelayMs === 'number') provider.settings.tokenDelayMs = tokenDelayMs;
  if (order['expireAll'] === true) expireAll(provider.pairs);
  if (order['reset'] === true) provider.counts = noCounts();
  answerCounts(provider, response);
}

export function answerCounts(provider: Provider, response: ServerResponse): void {
  const { tokenAnswers, tokenMs, ...counts } = provider.counts;
  const tokenMsAverage = tokenAnswers === 0 ? 0 : tokenMs / tokenAnswers;
  sendJson(response, 200, { ...counts, tokenMsAverage });
}
