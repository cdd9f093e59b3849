import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendEmpty, sendJson } from './http.js';
import { type Pair, usePair } from './pairs.js';
import type { Provider } from './provider.js';

// Made once: a call costs a look-up and a write.
const CLINIC = Buffer.from(
  JSON.stringify({
    clinic: {
      id: '5f0c7a52-5d0a-4f8e-9c43-2b7f6f1f0a11',
      name: 'Riverside Integrative Health',
      locale: 'en-US',
      margin_type: 'clinic_profit',
      discount: 15,
      address: { street: '100 River Road', city: 'Portland', state: 'OR', postal_code: '97201' },
      practitioners: Array.from({ length: 8 }, (_, index) => ({
        id: `9b1d4c3e-0000-4000-8000-00000000000${index}`,
        name: `Practitioner ${index}`,
        type: 'Naturopathic Doctor',
      })),
    },
  }),
);
const CLINIC_HEADERS = ['content-type', 'application/json', 'content-length', `${CLINIC.length}`];

export function answerClinic(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  provider.counts.apiCalls += 1;
  if (bearerPair(provider, request) === undefined) {
    unauthorized(provider, response);
    return;
  }
  response.writeHead(200, CLINIC_HEADERS);
  response.end(CLINIC);
}

/** Using a token here uses it, as at any other place that takes it. */
export function answerUserinfo(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const pair = bearerPair(provider, request);
  if (pair === undefined) {
    sendEmpty(response, 401, { 'www-authenticate': 'Bearer' });
    return;
  }
  const { id: sub, name } = pair.user;
  const email = `${encodeURIComponent(name)}@example.test`;
  sendJson(response, 200, { sub, name, preferred_username: name, email, email_verified: true });
}

function bearerPair(provider: Provider, request: IncomingMessage): Pair | undefined {
  const { authorization } = request.headers;
  if (authorization === undefined) return undefined;
  // The scheme's case does not matter, and its length is known.
  return usePair(provider.pairs, authorization.slice('Bearer '.length));
}

function unauthorized(provider: Provider, response: ServerResponse): void {
  provider.counts.apiUnauthorized += 1;
  sendEmpty(response, 401, { 'www-authenticate': 'Bearer error="invalid_token"' });
}
