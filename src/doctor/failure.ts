/** Why a call failed, in words and with the code that can be searched for. */
export function failureOf(error: unknown): string {
  const code = codeOf(error);
  if (code === undefined) return partsOf(error).name === 'TimeoutError' ? IN_TIME : 'it failed';
  const words = WORDS[code];
  return words === undefined ? code : `${words} (${code})`;
}

/** What errors of Node, and of `fetch` around them, are made of. */
interface Parts {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly cause?: unknown;
  /** Of an error that stands for several addresses. */
  readonly errors?: readonly unknown[];
}

function partsOf(error: unknown): Parts {
  return typeof error === 'object' && error !== null ? error : {};
}

/** Node's code, however deep it is wrapped. */
export function codeOf(error: unknown, depth = 0): string | undefined {
  const { code, cause, errors } = partsOf(error);
  if (typeof code === 'string') return code;
  const inner = cause ?? errors?.[0];
  return inner === undefined || depth > 4 ? undefined : codeOf(inner, depth + 1);
}

const IN_TIME = 'no answer in time';
const UNTRUSTED = 'its certificate is of an authority that is not trusted';

const WORDS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'there is no such name',
  EAI_AGAIN: 'the name server does not answer',
  ECONNREFUSED: 'nobody listens there',
  ECONNRESET: 'the connection was broken',
  ENETUNREACH: 'the network cannot be reached',
  EHOSTUNREACH: 'the host cannot be reached',
  ETIMEDOUT: IN_TIME,
  UND_ERR_CONNECT_TIMEOUT: IN_TIME,
  UND_ERR_SOCKET: 'the connection was broken',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
};

/** What to do about it. */
export function remedyOf(error: unknown): string {
  const code = codeOf(error) ?? '';
  if (WORDS[code] === UNTRUSTED) {
    return 'Name the file of its authority in NODE_EXTRA_CA_CERTS, or see who sits in between.';
  }
  if (code.startsWith('CERT_')) return "Set this machine's clock, or have the certificate renewed.";
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'See whether the host is spelt right.';
  if (code === 'ENOTFOUND')
    return 'See whether the host is spelt right, and what the name server says.';
  if (code === 'EAI_AGAIN') return 'See to the name server of this machine (/etc/resolv.conf).';
  return 'Let this machine connect to it: firewall, proxy, network.';
}
