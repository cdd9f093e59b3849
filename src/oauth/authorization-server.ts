export const REGIONS = ['us', 'ca'] as const;
export const ENVIRONMENTS = ['sandbox', 'production'] as const;

export type Region = (typeof REGIONS)[number];
export type Environment = (typeof ENVIRONMENTS)[number];

/** Where one of Fullscript's four API servers listens. All absolute URLs without a trailing slash. */
export interface AuthorizationServer {
  /** Base of the resource API, for example `https://api-us-snd.fullscript.io/api`. */
  readonly apiUrl: string;
  readonly authorizeUrl: string;
  readonly tokenUrl: string;
  readonly revokeUrl: string;
}

const API_URLS: Record<Environment, Record<Region, string>> = {
  sandbox: {
    us: 'https://api-us-snd.fullscript.io/api',
    ca: 'https://api-ca-snd.fullscript.io/api',
  },
  production: {
    us: 'https://api-us.fullscript.io/api',
    ca: 'https://api-ca.fullscript.io/api',
  },
};

/**
 * The endpoints of one API server. Overriding `apiUrl` moves the other three with it; each of them
 * can be overridden alone, because Fullscript's pages disagree about hosts.
 *
 * @see https://fullscript.dev/docs/how-to-guides/oauth/using-oauth/request-auth-code
 */
export function authorizationServer(
  server: { region: Region; environment: Environment },
  overrides: Partial<AuthorizationServer> = {},
): AuthorizationServer {
  const apiUrl = trimSlash(overrides.apiUrl ?? API_URLS[server.environment][server.region]);
  return {
    apiUrl,
    authorizeUrl: overrides.authorizeUrl ?? `${apiUrl}/oauth/authorize`,
    tokenUrl: overrides.tokenUrl ?? `${apiUrl}/oauth/token`,
    revokeUrl: overrides.revokeUrl ?? `${apiUrl}/oauth/revoke`,
  };
}

function trimSlash(url: string): string {
  return url.replace(/\/+$/, '');
}
