import { type KeyObject, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

/** A certificate and its key, as PEM. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

export interface Authority {
  readonly certificate: string;
  /** Issues a certificate for a server on 127.0.0.1 and localhost. */
  readonly issue: () => Issued;
}

const DAY_MS = 86_400_000;

/** An authority of the test's own. Made by hand: no other program has to be installed. */
export function createAuthority(name = 'Test authority'): Authority {
  const own = newKey();
  const self = { issuer: name, signer: own.privateKey };
  const authority = certificate({ ...self, subject: name, publicKey: own.publicKey }, [
    extension(OID.basicConstraints, sequence(TRUE), true),
  ]);
  return {
    certificate: authority,
    issue: () => {
      const { privateKey, publicKey } = newKey();
      const names = sequence(
        der(0x82, Buffer.from('localhost')),
        der(0x87, Buffer.from([127, 0, 0, 1])),
      );
      return {
        certificate: certificate({ ...self, subject: 'localhost', publicKey }, [
          extension(OID.subjectAltName, names),
        ]),
        key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      };
    },
  };
}

function newKey() {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

interface Subject {
  readonly issuer: string;
  readonly signer: KeyObject;
  readonly subject: string;
  readonly publicKey: KeyObject;
}

/** @see https://www.rfc-editor.org/rfc/rfc5280#section-4.1 */
function certificate({ issuer, signer, subject, publicKey }: Subject, extensions: Buffer[]) {
  const algorithm = sequence(OID.ecdsaWithSha256);
  const toBeSigned = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    commonName(issuer),
    sequence(time(Date.now() - DAY_MS), time(Date.now() + DAY_MS)),
    commonName(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign('sha256', toBeSigned, signer);
  const whole = sequence(toBeSigned, algorithm, der(0x03, Buffer.from([0]), signature));
  const lines = whole.toString('base64').replace(/.{64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

const TRUE = der(0x01, Buffer.from([0xff]));

const OID = {
  ecdsaWithSha256: der(0x06, Buffer.from('2a8648ce3d040302', 'hex')),
  commonName: der(0x06, Buffer.from('550403', 'hex')),
  subjectAltName: der(0x06, Buffer.from('551d11', 'hex')),
  basicConstraints: der(0x06, Buffer.from('551d13', 'hex')),
};

function extension(oid: Buffer, value: Buffer, critical = false): Buffer {
  return sequence(oid, ...(critical ? [TRUE] : []), der(0x04, value));
}

function commonName(name: string): Buffer {
  return sequence(der(0x31, sequence(OID.commonName, der(0x0c, Buffer.from(name)))));
}

function time(at: number): Buffer {
  const text = new Date(at).toISOString().replace(/[-:T]|\.\d+/g, '');
  return der(0x18, Buffer.from(text));
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, ...parts);
}

/** Tag, length in as few bytes as it takes (browsers insist), value. */
function der(tag: number, ...parts: Buffer[]): Buffer {
  const value = Buffer.concat(parts);
  if (value.length < 0x80) return Buffer.concat([Buffer.from([tag, value.length]), value]);
  const digits = value.length.toString(16);
  const length = Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 + length.length]), length, value]);
}
