import { randomBytes } from 'node:crypto';
import { isLoopback } from '../config/loopback.js';
import { TokenEndpointError, type TokenEndpointErrorCode } from '../oauth/errors.js';
import type { Registration } from '../oauth/registration.js';
import type { TokenEndpoint } from '../oauth/token-endpoint.js';
import { type Finding, ok, problem, skipped, warning } from './finding.js';

export interface CredentialsAt {
  readonly group: string;
  readonly registration: Registration;
  /** Where its id and secret stand. */
  readonly variables: readonly [string, string];
  readonly offline: boolean;
}

/**
 * Asks the token endpoint to exchange a code that nobody has issued. It looks at the client before it
 * looks at the code, so `invalid_grant` says that the credentials are right; nothing is spent and nothing
 * revoked. A refresh token would not do: of an unknown one Doorkeeper says `invalid_grant` to anybody.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6749.html#section-5.2
 */
export async function examineCredentials(
  tokenEndpoint: Pick<TokenEndpoint, 'exchangeCode'>,
  at: CredentialsAt,
): Promise<Finding> {
  const { group, registration, offline } = at;
  const check = `${group}.credentials`;
  const { tokenUrl } = registration.server;
  if (offline && !isLoopback(tokenUrl)) return skipped(check, `${tokenUrl}: not asked (--offline)`);
  try {
    await tokenEndpoint.exchangeCode(registration, { code: randomBytes(32).toString('base64url') });
    const todo = 'It is no authorization server then: see which host this is.';
    return problem(check, `${tokenUrl} gave tokens for a made-up code`, todo);
  } catch (error) {
    if (!(error instanceof TokenEndpointError)) throw error;
    return judge(check, error, at);
  }
}

function judge(check: string, { code, status, message }: TokenEndpointError, at: CredentialsAt) {
  const { registration, variables } = at;
  const { tokenUrl } = registration.server;
  if (code === 'invalid_grant') return ok(check, `${tokenUrl} knows client id and secret`);
  if (REFUSED.has(code)) {
    const found = `${tokenUrl} refuses client id or secret (${code})`;
    const { region, environment } = registration;
    const todo =
      `Compare ${variables.join(' and ')} with the dashboard (https://fullscript.dev/applications): each ` +
      `country and environment has its own, and this one is for ${region} ${environment}.`;
    return problem(check, found, todo);
  }
  if (code === 'rate_limited' || code === 'server_error') {
    const found = `${tokenUrl} answers ${status ?? code}: it said nothing about the credentials`;
    return warning(check, found, 'Run the doctor again in some minutes.');
  }
  return problem(check, `${tokenUrl}: ${message}`, remedyOf(code));
}

const REFUSED = new Set<TokenEndpointErrorCode>(['invalid_client', 'unauthorized_client']);

function remedyOf(code: TokenEndpointErrorCode): string {
  const isAway = code === 'unreachable' || code === 'no_answer';
  if (isAway) return 'Let this machine connect to it: firewall, proxy, network.';
  return 'This is no answer of a token endpoint: see the lines about its host and about the API.';
}
