import type { IncomingMessage } from 'node:http';
import type { Fields } from './redeem.js';
import { CLIENT_SECRET } from './secret.js';

/** The id of the client that asks, by HTTP Basic or in the body; undefined without the secret. */
export function authenticatedClient(request: IncomingMessage, fields: Fields): string | undefined {
  const [id, secret] = basic(request) ?? [fields['client_id'], fields['client_secret']];
  return typeof id === 'string' && id !== '' && secret === CLIENT_SECRET ? id : undefined;
}

function basic(request: IncomingMessage): [string, string] | undefined {
  const { authorization } = request.headers;
  if (!authorization?.startsWith('Basic ')) return undefined;
  const text = Buffer.from(authorization.slice('Basic '.length), 'base64').toString();
  const colon = text.indexOf(':');
  // Both halves are form-encoded: RFC 6749, section 2.3.1.
  return [decoded(text.slice(0, colon)), decoded(text.slice(colon + 1))];
}

function decoded(text: string): string {
  return new URLSearchParams(`v=${text}`).get('v') ?? '';
}
