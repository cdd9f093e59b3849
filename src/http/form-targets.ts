import type { Registration } from '../oauth/registration.js';

/** Fullscript's own domains; its authorize pages may send people to a sign-in host beside them. */
const FULLSCRIPT_DOMAINS = ['fullscript.io', 'fullscript.com'];

/**
 * The origins where a form of ours may end, for the policy's `form-action`: the authorize pages and
 * what they lead to, and the origin of the redirect URI, which may be another name of this server.
 */
export function formTargets(
  registrations: readonly Pick<Registration, 'redirectUri' | 'server'>[],
): readonly string[] {
  const targets = registrations.flatMap(({ redirectUri, server }) => [
    ...authorizeTargets(new URL(server.authorizeUrl)),
    new URL(redirectUri).origin,
  ]);
  return [...new Set(targets)];
}

function authorizeTargets({ origin, protocol, hostname }: URL): string[] {
  const domain = FULLSCRIPT_DOMAINS.find((one) => hostname.endsWith(`.${one}`));
  return domain === undefined || protocol !== 'https:' ? [origin] : [origin, `https://*.${domain}`];
}
