import { isLoopback } from '../config/loopback.js';
import type { Registration } from '../oauth/registration.js';
import { failureOf } from './failure.js';
import { type Finding, ok, problem, skipped, warning } from './finding.js';
import type { HostDeps } from './hosts.js';

/** Whether browsers that come back from Fullscript find this server. */
export async function examineBaseUrl(
  { network, offline }: Pick<HostDeps, 'network' | 'offline'>,
  baseUrl: string,
): Promise<Finding> {
  const check = 'redirect.base-url';
  const url = `${baseUrl}/livez`;
  if (offline && !isLoopback(baseUrl)) return skipped(check, `${url}: not asked (--offline)`);
  try {
    const { status, text } = await network.get(url);
    if (status === 200 && isOurs(text)) return ok(check, `${url} answers as this server does`);
    const todo =
      'The callback would not arrive either: see what BASE_URL names, and whether the proxy passes all paths on.';
    return problem(check, `${url} answers ${status}, but not as this server does`, todo);
  } catch (error) {
    const todo =
      'Start the server. If it runs: its public name need not be reachable from here, but has to be from browsers.';
    return warning(check, `${url}: ${failureOf(error)}`, todo);
  }
}

function isOurs(text: string): boolean {
  try {
    return (JSON.parse(text) as { status?: unknown } | null)?.status === 'ok';
  } catch {
    return false;
  }
}

/** Whether the redirect URI can be right, as far as it can be seen from here. */
export async function examineRedirectUri(
  deps: Pick<HostDeps, 'network' | 'offline'>,
  at: {
    readonly group: string;
    readonly registration: Pick<Registration, 'redirectUri' | 'clientId' | 'server'>;
    readonly baseUrl: string;
  },
): Promise<readonly Finding[]> {
  const { redirectUri } = at.registration;
  const check = `${at.group}.redirect-uri`;
  const { origin } = new URL(redirectUri);
  const shape =
    origin === new URL(at.baseUrl).origin
      ? ok(check, redirectUri)
      : problem(
          check,
          `${redirectUri} is not on ${at.baseUrl}: the cookie of the sign-in does not come back`,
          'Give BASE_URL the origin of the redirect URI, or leave the redirect URI unset.',
        );
  return [shape, await acceptance(deps, at)];
}

/**
 * Strangers are sent to sign in before anything else is looked at, so that Fullscript refuses the redirect
 * URI is seen, and that it takes it is not.
 */
async function acceptance(
  { network, offline }: Pick<HostDeps, 'network' | 'offline'>,
  { group, registration }: Parameters<typeof examineRedirectUri>[1],
): Promise<Finding> {
  const check = `${group}.redirect-uri-known`;
  const { redirectUri, clientId, server } = registration;
  const compare = `Compare it, letter by letter, with the dashboard; it has to be ${redirectUri}`;
  if (offline && !isLoopback(server.authorizeUrl)) {
    return skipped(check, 'not asked (--offline)', compare);
  }
  const url = new URL(server.authorizeUrl);
  const query = { client_id: clientId, redirect_uri: redirectUri, response_type: 'code' };
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const answer = await network.get(url.href).catch(() => undefined);
  if (answer === undefined) return skipped(check, 'the authorize page does not answer', compare);
  const { status, location = '' } = answer;
  if (status >= 400 && status < 500 && status !== 429) {
    const found = `the authorize page answers ${status} to this client id and redirect URI`;
    return problem(check, found, `${compare}. The client id may be wrong as well.`);
  }
  if (location.startsWith(redirectUri)) return ok(check, 'the authorize page leads there');
  return skipped(check, 'Fullscript tells only people who are signed in', compare);
}
