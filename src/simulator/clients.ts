import type { Call } from './call.js';
import { field } from './call.js';

/** An OAuth application, as the dashboard would register it. */
export interface SimulatorClient {
  clientId: string;
  clientSecret: string;
  /** Empty: any loopback http URL, recorded at authorize and compared at exchange. */
  redirectUris: string[];
  scopes: string[];
  name?: string;
}

/** Credentials of the built-in application. They open nothing but a simulator. */
export const SIMULATOR_CLIENT_ID = 'fullscript-simulator-client-id';
export const SIMULATOR_CLIENT_SECRET = 'fullscript-simulator-client-secret';

/** Every scope Fullscript documents. */
export const ALL_SCOPES: readonly string[] = [
  'catalog:read',
  'clinic:read',
  'clinic:write',
  'patients:read',
  'patients:write',
  'patients:treatment_plan_history',
  'patients:order_history',
];

const LOOPBACK_HOSTS = new Set(['127.0.0.1', 'localhost', '[::1]']);

export type Clients = Map<string, SimulatorClient>;

/** Gathers the built-in application and the given ones; a given one may replace it. */
export function createClients(given: SimulatorClient[], redirectUris: string[]): Clients {
  const builtIn: SimulatorClient = {
    clientId: SIMULATOR_CLIENT_ID,
    clientSecret: SIMULATOR_CLIENT_SECRET,
    redirectUris,
    scopes: [...ALL_SCOPES],
    name: 'Your application',
  };
  return new Map([builtIn, ...given].map((one) => [one.clientId, { ...one }]));
}

/** Fullscript demands the identical string. */
export function acceptsRedirectUri(client: SimulatorClient, redirectUri: string): boolean {
  if (client.redirectUris.length > 0) return client.redirectUris.includes(redirectUri);
  return isLoopbackUrl(redirectUri);
}

/** What came as client credentials: HTTP Basic first, then the body. */
export function readCredentials(call: Call): { id: string; secret: string } | undefined {
  const basic = /^Basic\s+(\S+)$/i.exec(call.headers.authorization ?? '')?.[1];
  if (basic !== undefined) {
    const [id = '', ...secret] = Buffer.from(basic, 'base64').toString('utf8').split(':');
    return { id, secret: secret.join(':') };
  }
  const id = field(call, 'client_id');
  return id === undefined ? undefined : { id, secret: field(call, 'client_secret') ?? '' };
}

/** The client whose id and secret came with the call. */
export function authenticateClient(clients: Clients, call: Call): SimulatorClient | undefined {
  const credentials = readCredentials(call);
  if (credentials === undefined) return undefined;
  const client = clients.get(credentials.id);
  return client?.clientSecret === credentials.secret ? client : undefined;
}

function isLoopbackUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return url.protocol === 'http:' && LOOPBACK_HOSTS.has(url.hostname) && !text.includes('#');
}
