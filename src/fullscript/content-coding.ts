import { promisify } from 'node:util';
import { type ZlibOptions, brotliDecompress, gunzip, inflate, inflateRaw } from 'node:zlib';

const UNPACK = new Map([
  ['gzip', promisify(gunzip)],
  ['x-gzip', promisify(gunzip)],
  ['deflate', unpackDeflate],
  ['br', promisify(brotliDecompress)],
]);

const [wrapped, bare] = [promisify(inflate), promisify(inflateRaw)];

/** Some servers leave out the wrapping that the name stands for; its first byte tells. */
function unpackDeflate(body: Buffer, options: ZlibOptions): Promise<Buffer> {
  const isWrapped = ((body[0] ?? 0) & 0x0f) === 8;
  return isWrapped ? wrapped(body, options) : bare(body, options);
}

/** For `Accept-Encoding`. */
export const codingsAccepted = 'gzip, deflate, br';

/** The answer is packed in a way that nobody asked for. */
export class UnknownCodingError extends Error {
  override readonly name = 'UnknownCodingError';
}

/**
 * A body as it was before it was packed.
 *
 * @param of.coding the `Content-Encoding` header.
 * @param of.most bytes that it may have then.
 * @throws UnknownCodingError, RangeError when it is larger, and what zlib throws when it is damaged.
 * @see https://www.rfc-editor.org/rfc/rfc9110.html#section-8.4
 */
export async function decoded(body: Buffer, of: { coding: string; most: number }): Promise<Buffer> {
  const name = of.coding.trim().toLowerCase();
  if (name === 'identity') return body;
  const unpack = UNPACK.get(name);
  if (unpack === undefined) throw new UnknownCodingError();
  return unpack(body, { maxOutputLength: of.most });
}
