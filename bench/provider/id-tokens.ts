import { generateKeyPairSync, sign } from 'node:crypto';

export interface IdTokens {
  /** The public key, as `/jwks` publishes it. */
  readonly jwks: { keys: object[] };
  readonly issue: (claims: {
    sub: string;
    aud: string;
    seconds: number;
    nonce: string | undefined;
  }) => string;
}

const KEY_ID = 'bench';

export function createIdTokens(issuer: string): IdTokens {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = publicKey.export({ format: 'jwk' });
  const header = encoded({ alg: 'RS256', typ: 'JWT', kid: KEY_ID });
  return {
    jwks: { keys: [{ ...jwk, kid: KEY_ID, use: 'sig', alg: 'RS256' }] },
    issue: ({ sub, aud, seconds, nonce }) => {
      const iat = Math.floor(Date.now() / 1000);
      // An `undefined` nonce is left out of the JSON.
      const payload = encoded({ iss: issuer, sub, aud, iat, exp: iat + seconds, nonce });
      const signed = `${header}.${payload}`;
      return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`;
    },
  };
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
