import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { OpenToOthersError, closeToOthers, openDataFolder } from '../src/data-folder.js';

let root: string;
let dataDir: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'fc-data-folder-'));
  dataDir = join(root, 'data');
});

afterEach(() => {
  jest.restoreAllMocks();
  rmSync(root, { recursive: true, force: true });
});

/** Modes as they are asked for, whatever the umask. */
function folder(path: string, mode: number): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, mode);
}

function file(path: string, mode: number): void {
  writeFileSync(path, '');
  chmodSync(path, mode);
}

const modeOf = (...path: string[]) => statSync(join(dataDir, ...path)).mode & 0o7777;

describe('openDataFolder', () => {
  it('none yet → made, with what leads there, for this account only', () => {
    dataDir = join(root, 'deep', 'data');
    openDataFolder(dataDir);
    expect([modeOf(), modeOf('..')]).toEqual([0o700, 0o700]);
  });

  it.each([0o755, 0o775, 0o777])('there with mode %o → closed', (mode) => {
    folder(dataDir, mode);
    openDataFolder(dataDir);
    expect(modeOf()).toBe(0o700);
  });

  it('what an earlier version left in it → closed', () => {
    folder(dataDir, 0o755);
    folder(join(dataDir, 'appendonlydir'), 0o755);
    folder(join(dataDir, 'journal'), 0o750);
    file(join(dataDir, 'secrets.json'), 0o644);
    file(join(dataDir, 'redis.owner'), 0o644);
    openDataFolder(dataDir);
    expect([modeOf(), modeOf('appendonlydir'), modeOf('journal')]).toEqual([0o700, 0o700, 0o700]);
    expect([modeOf('secrets.json'), modeOf('redis.owner')]).toEqual([0o600, 0o600]);
  });

  it('a link to a folder → the folder is closed', () => {
    folder(dataDir, 0o755);
    symlinkSync(dataDir, join(root, 'link'));
    openDataFolder(join(root, 'link'));
    expect(modeOf()).toBe(0o700);
  });

  it('other files beside ours → only ours are closed', () => {
    folder(dataDir, 0o755);
    file(join(dataDir, 'package.json'), 0o644);
    folder(join(dataDir, 'appendonlydir'), 0o755);
    openDataFolder(dataDir);
    expect([modeOf(), modeOf('package.json')]).toEqual([0o755, 0o644]);
    expect(modeOf('appendonlydir')).toBe(0o700);
  });

  it.each([
    ['of everybody, like /tmp', 0o1777, undefined],
    ['that any account can write to, with other files in it', 0o777, 'package.json'],
  ])('a folder %s → refused, and left as it is', (_what, mode, other) => {
    folder(dataDir, mode);
    if (other !== undefined) file(join(dataDir, other), 0o644);
    expect(() => openDataFolder(dataDir)).toThrow(OpenToOthersError);
    expect(() => openDataFolder(dataDir)).toThrow(/can be written to by any account .*DATA_DIR/);
    expect(modeOf()).toBe(mode);
  });

  it('a folder of another account → left as it is, since that account works in it', () => {
    folder(dataDir, 0o755);
    jest.spyOn(process, 'getuid').mockReturnValue(statSync(dataDir).uid + 1);
    openDataFolder(dataDir);
    expect(modeOf()).toBe(0o755);
  });
});

describe('closeToOthers', () => {
  it('gone → nothing', () => {
    closeToOthers(join(root, 'none'));
  });

  const refuse = () => {
    throw new Error('EPERM');
  };
  it.each([
    ['refuses a mode', refuse],
    ['accepts any mode and keeps its own', () => undefined],
  ])('a file system that %s → refused, with what to do', (_what, setMode) => {
    folder(dataDir, 0o755);
    const closing = () => closeToOthers(dataDir, setMode);
    expect(closing).toThrow(OpenToOthersError);
    expect(closing).toThrow(/can be read by other accounts \(mode 755, .*chmod go-rwx/);
  });
});
