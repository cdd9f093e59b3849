import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { KnownSecret, Material } from '../support/leaks/recorder.mjs';
import { scan } from '../support/leaks/scan.js';

/** The scan behind SR-31, SR-37 and SR-39, and that it can fail. */

const random = (): string => randomBytes(32).toString('base64url');
const tokenOf = (value = random()): KnownSecret => ({ kind: 'access token', value });

const materialOf = (text: string, about: Partial<Material> = {}): Material => ({
  ...{ channel: 'body', where: 'GET / → 200' },
  ...about,
  text,
});

const formsIn = (secret: KnownSecret, text: string) =>
  scan([secret], [materialOf(text)]).map(({ form }) => form);

/** One character in `%XX`, in `\u00XX`, in `&#xXX;`. */
const hexOf = (character: string) => character.charCodeAt(0).toString(16).padStart(2, '0');
const everyCharacter = (text: string, write: (hex: string) => string) =>
  text.replace(/./g, (character) => write(hexOf(character)));

const otherThan = (character: string) => (character === '-' ? '_' : '-');

describe('a secret in a text', () => {
  const token = random();
  it.each([
    ['by itself', token, 'as it is'],
    ['inside a longer word', `x${token}x`, 'as it is'],
    ['at the end of a long text', `${'words '.repeat(10_000)}${token}`, 'as it is'],
    ['cut off', `${token.slice(0, 20)}…`, 'as it is'],
    ['in base64', Buffer.from(token).toString('base64'), 'base64'],
    ['in base64, behind one byte', Buffer.from(`x${token}yz`).toString('base64'), 'base64'],
    ['in base64url, behind two bytes', Buffer.from(`>?${token}y`).toString('base64url'), 'base64'],
    ['in hex', Buffer.from(token).toString('hex'), 'hex'],
    ['in capital hex', Buffer.from(token).toString('hex').toUpperCase(), 'hex'],
    ['as a buffer in JSON', JSON.stringify(Buffer.from(token)), 'bytes'],
    ['percent-encoded', everyCharacter(token, (hex) => `%${hex}`), 'as it is'],
    ['percent-encoded twice', everyCharacter(token, (hex) => `%25${hex}`), 'as it is'],
    ['escaped as JSON', everyCharacter(token, (hex) => `\\u00${hex}`), 'as it is'],
    ['escaped as HTML', everyCharacter(token, (hex) => `&#x${hex};`), 'as it is'],
  ])('%s → found', (_name, text, form) => {
    expect(formsIn(tokenOf(token), text)).toEqual([form]);
  });

  it('as a buffer that was inspected → found', () => {
    const shown = [...Buffer.from(token)].map((byte) => byte.toString(16)).join(' ');
    expect(formsIn(tokenOf(token), `<Buffer ${shown}>`)).toEqual(['bytes']);
  });

  it('with signs that have to be escaped → found in every escape', () => {
    const secret = { kind: 'sealing key', value: 'k"1\\/+=&<b>c' };
    const asHtml = secret.value.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
    const asUrl = encodeURIComponent(secret.value);
    for (const text of [JSON.stringify(secret.value), asHtml, asUrl]) {
      expect(formsIn(secret, text)).toEqual(['as it is']);
    }
  });

  it('not there → nothing found', () => {
    const altered = token.replace(/.(?=(?:.{14})*$)/g, otherThan);
    const texts = [altered, token.slice(0, 15), token.slice(-15), token.slice(1, -1), ''];
    expect(texts.flatMap((text) => formsIn(tokenOf(token), text))).toEqual([]);
  });

  it('that is not random → found only as a whole', () => {
    const secret = { kind: 'client secret', value: 'fullscript-simulator-client-secret' };
    expect(formsIn(secret, 'fullscript-simulator-client-id')).toEqual([]);
    expect(formsIn(secret, `id and ${secret.value}`)).toEqual(['as it is']);
  });

  it('among ten thousand others → each of them is found in its place', () => {
    const secrets = Array.from({ length: 10_000 }, () => tokenOf());
    const materials = [0, 4_999, 9_999].map((at) =>
      materialOf(`${random()} ${secrets[at]!.value} ${random()}`, { where: String(at) }),
    );
    const found = scan(secrets, [...materials, materialOf(random())]);
    expect(found.map(({ where }) => where)).toEqual(['0', '4999', '9999']);
    expect(found[0]!.beginning).toBe(secrets[0]!.value.slice(0, 6));
  });
});

describe('what a browser is given on purpose', () => {
  const value = random();
  const found = (kind: string, about: Partial<Material>) =>
    scan([{ kind, value }], [materialOf(about.text!, { channel: 'header', ...about })]).length;
  const authorize = `https://fullscript.test/oauth/authorize?client_id=a&response_type=code&state=${value}`;

  it('its cookies in Set-Cookie → no leak; a token there, or a session id elsewhere → a leak', () => {
    const cookie = { name: 'set-cookie', text: `set-cookie: fc_session=s%3A${value}.x; Path=/` };
    expect(found('session id', cookie)).toBe(0);
    expect(found('binding', cookie)).toBe(0);
    expect(found('access token', cookie)).toBe(1);
    expect(found('state', cookie)).toBe(1);
    expect(found('session id', { name: 'x-session', text: `x-session: ${value}` })).toBe(1);
    expect(found('session id', { channel: 'body', text: value })).toBe(1);
  });

  it('the state on the way to Fullscript → no leak; anywhere else → a leak', () => {
    const location = { name: 'location', text: `location: ${authorize}` };
    expect(found('state', location)).toBe(0);
    expect(found('code verifier', location)).toBe(1);
    expect(found('state', { name: 'location', text: `location: /portal?state=${value}` })).toBe(1);
    expect(found('state', { ...location, name: 'refresh' })).toBe(1);
    expect(found('state', { channel: 'body', text: authorize })).toBe(1);
    expect(found('state', { channel: 'log', text: authorize })).toBe(1);
  });
});
