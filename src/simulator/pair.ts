/** Whom a token speaks for, as the token answer spells it. */
export interface ResourceOwner {
  id: string;
  type: 'Practitioner' | 'Staff' | 'Clinic';
}

/** What every code and every pair knows about its origin. */
interface Granted {
  clientId: string;
  /** The human who consented; differs from the owner only for legacy clinic tokens. */
  personId: string;
  clinicId: string;
  owner: ResourceOwner;
  scopes: string[];
}

/** What an authorization code is issued for. */
export interface CodeRequest extends Granted {
  redirectUri: string;
  codeChallenge?: string;
  codeChallengeMethod?: string;
}

/** An authorization code. @see https://www.rfc-editor.org/rfc/rfc6749.html#section-4.1.2 */
export interface Code extends CodeRequest {
  value: string;
  expiresAt: number;
  spent: boolean;
}

/** What a pair is issued for. */
export interface PairRequest extends Granted {
  /** Seconds; a refreshed pair inherits it. */
  lifetime: number;
  /** The refresh token that dies when this pair's access token is first presented. */
  previousRefreshToken?: string;
}

/** An access token and its refresh token: they live and die together. */
export interface Pair extends PairRequest {
  accessToken: string;
  refreshToken: string;
  createdAt: number;
  expiresAt: number;
  revoked: boolean;
}

/** Every secret value ever issued, for scans that look for leaks. */
export interface Issued {
  codes: string[];
  accessTokens: string[];
  refreshTokens: string[];
}

/** What the state file holds. */
export interface Snapshot {
  codes: Code[];
  pairs: Pair[];
}
