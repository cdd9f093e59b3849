import type { Registration } from '../oauth/registration.js';

/** Addresses that Fullscript's pages name, of which not all have to answer. */
export interface DocumentedUrls {
  readonly api: readonly string[];
  readonly authorize: readonly string[];
}

/**
 * Every spelling that Fullscript's documentation has for a registration's country and environment: its
 * pages disagree about the domain of production, and about where people are sent to sign in.
 */
export function documentedUrls({
  region,
  environment,
}: Pick<Registration, 'region' | 'environment'>): DocumentedUrls {
  if (environment === 'sandbox') {
    const host = `https://api-${region}-snd.fullscript.io`;
    const authorize = ['/api/oauth/authorize', '/oauth/authorize'].map((path) => host + path);
    const web = `https://${region}-snd.fullscript.io/oauth/authorize`;
    return { api: [`${host}/api`], authorize: [...authorize, web] };
  }
  const hosts = ['io', 'com'].map((domain) => `https://api-${region}.fullscript.${domain}`);
  return {
    api: hosts.map((host) => `${host}/api`),
    authorize: hosts.flatMap((host) => [`${host}/api/oauth/authorize`, `${host}/oauth/authorize`]),
  };
}
