import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EnvFileError, readEnvFile } from '../../src/config/env-file.js';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fc-env-file-'));
  path = join(folder, '.env');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const TEXT = '# a comment\nPORT=1\nBASE_URL="https://pörtal.example"\n';
const VALUES = { PORT: '1', BASE_URL: 'https://pörtal.example' };

/** The same with the bytes of each character the other way round. */
const bigEndian = (text: string) => Buffer.from(text, 'utf16le').swap16();

describe('readEnvFile', () => {
  it('none → undefined', () => {
    expect(readEnvFile(path)).toBeUndefined();
  });

  it.each([
    ['UTF-8', Buffer.from(TEXT)],
    ['UTF-8 with a byte-order mark', Buffer.from(`\ufeff${TEXT}`)],
    [
      'UTF-8 with a byte-order mark and its first line a variable',
      Buffer.from(`\ufeff${TEXT.slice(12)}`),
    ],
    ['UTF-16, as PowerShell writes it', Buffer.from(`\ufeff${TEXT}`, 'utf16le')],
    ['UTF-16, big end first', bigEndian(`\ufeff${TEXT}`)],
    ['lines that end as on Windows', Buffer.from(TEXT.replaceAll('\n', '\r\n'))],
  ])('%s → its variables', (_encoding, bytes) => {
    writeFileSync(path, bytes);
    expect(readEnvFile(path)).toEqual(VALUES);
  });

  it.each<[string, () => void, RegExp]>([
    ['a folder', () => mkdirSync(path), /\.env cannot be read \(EISDIR\): it is a folder/],
    ['UTF-16 without a mark', () => writeFileSync(path, TEXT, 'utf16le'), /no text in UTF-8/],
    [
      'below a file',
      () => {
        writeFileSync(path, '');
        path = join(path, '.env');
      },
      /\.env cannot be read \(ENOTDIR\): let the account of the server read it/,
    ],
  ])('%s → an error of one line that says what to do', (_what, make, message) => {
    make();
    expect(() => readEnvFile(path)).toThrow(EnvFileError);
    expect(() => readEnvFile(path)).toThrow(message);
  });
});
