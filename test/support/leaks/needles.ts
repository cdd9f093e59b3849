import type { KnownSecret } from './recorder.mjs';

/** One way in which a secret may be written. */
export interface Needle {
  readonly secret: KnownSecret;
  /** `as it is`, `base64`, `hex` or `bytes`. */
  readonly form: string;
  readonly text: string;
}

/** Of these the beginning or the end is enough: they are random all over. */
const RANDOM = new Set([
  'code',
  'access token',
  'refresh token',
  'code verifier',
  'state',
  'session id',
  'binding',
]);
/** 96 bits: nobody writes them by chance. */
const PART = 16;

/** Everything to look for on account of one secret. */
export function needlesOf(secret: KnownSecret): Needle[] {
  const { kind, value } = secret;
  const sought = RANDOM.has(kind) ? [value.slice(0, PART), value.slice(-PART)] : [value];
  return [...new Set(sought)].flatMap((part) => needlesFor(secret, part));
}

function needlesFor(secret: KnownSecret, sought: string): Needle[] {
  const bytes = Buffer.from(sought, 'latin1');
  const hex = bytes.toString('hex');
  const forms = [
    ['as it is', [sought]],
    ['base64', base64Of(bytes)],
    ['hex', [hex, hex.toUpperCase()]],
    // How Buffers show themselves: `<Buffer 66 75>`, `{"type":"Buffer","data":[102,117]}`.
    ['bytes', [hex.replace(/..(?=.)/g, '$& '), bytes.join(',')]],
  ] as const;
  return forms.flatMap(([form, texts]) =>
    [...new Set<string>(texts)].map((text) => ({ secret, form, text })),
  );
}

/** What bytes look like inside longer ones that were encoded: it depends on where they begin. */
function base64Of(bytes: Buffer): string[] {
  const standard = [0, 1, 2].map((shift) => {
    const whole = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
    // Six bits a character; the outer characters also depend on what stands next to the secret.
    const from = Math.ceil((shift * 8) / 6);
    return whole.slice(from, Math.floor(((shift + bytes.length) * 8) / 6));
  });
  const urlSafe = standard.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'));
  return [...standard, ...urlSafe];
}
