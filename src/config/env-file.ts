import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import type { Environment } from './read-variables.js';

/** A `.env` that is there and cannot be used; the message is a line for the operator. */
export class EnvFileError extends Error {
  override readonly name = 'EnvFileError';
  readonly code = 'env_file_unreadable';
}

/**
 * What stands in an `.env` file. Editors of Windows begin it with a byte-order mark, and PowerShell writes
 * UTF-16.
 *
 * @returns undefined when there is none.
 * @throws EnvFileError when it cannot be read.
 */
export function readEnvFile(path: string): Environment | undefined {
  const bytes = bytesOf(path);
  return bytes && parseEnv(textOf(path, bytes));
}

function bytesOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code = 'it failed' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    const remedy =
      code === 'EISDIR' ? 'it is a folder; remove it' : 'let the account of the server read it';
    throw new EnvFileError(`${path} cannot be read (${code}): ${remedy}`);
  }
}

function textOf(path: string, bytes: Buffer): string {
  const [first, second] = bytes;
  const is = (one: number, other: number) => first === one && second === other;
  // A decoder leaves the byte-order mark out.
  if (is(0xff, 0xfe)) return new TextDecoder('utf-16le').decode(bytes);
  if (is(0xfe, 0xff)) return new TextDecoder('utf-16be').decode(bytes);
  if (bytes.includes(0)) {
    throw new EnvFileError(`${path} is no text in UTF-8: save it in that encoding`);
  }
  return new TextDecoder().decode(bytes);
}
