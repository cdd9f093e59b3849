import { type Stats, chmodSync, lstatSync, mkdirSync, readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

/** Bits of group and others. */
const OTHERS = 0o077;
const ANYONE_WRITES = 0o002;
const STICKY = 0o1000;

/** What we, and the embedded Redis, keep in the data folder. */
const OURS =
  /^(secrets\.json|journal$|redis\.|simulator\.|appendonly|dump\.rdb$|temp-|lost\+found$|\.gitkeep$|\.gitignore$)/;

/** Other accounts of the machine can read or replace what has to stay between us and Fullscript. */
export class OpenToOthersError extends Error {
  override readonly name = 'OpenToOthersError';
  readonly code = 'open_to_others';
}

/**
 * Makes the folder that grants and secrets are kept in, or closes one that is there, with everything of ours in
 * it. Where a folder holds other files too, such as a project's, only what is ours is closed.
 *
 * @throws OpenToOthersError where it cannot be closed to other accounts, with what to do about it.
 */
export function openDataFolder(dataDir: string): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const path = realpathSync(dataDir);
  const found = lstatSync(path);
  const entries = readdirSync(path);
  const isOnlyOurs = entries.every((name) => OURS.test(name));
  // A folder with other files, or one like /tmp, is used by others, who would be locked out of it.
  if (isOnlyOurs && isOwn(found) && !hasBit(found, STICKY)) closeToOthers(path);
  else if (hasBit(found, ANYONE_WRITES)) throw refusal(path, found, 'be written to by any account');
  for (const name of entries.filter((one) => OURS.test(one))) closeToOthers(join(path, name));
}

/**
 * Takes the permissions of group and others off a file or folder that is there.
 *
 * @param setMode a file system may refuse it, or accept it and keep its own modes.
 * @throws OpenToOthersError where that cannot be done.
 */
export function closeToOthers(path: string, setMode = chmodSync): void {
  const before = stateOf(path);
  if (before === undefined || !isOpen(before)) return;
  try {
    setMode(path, before.mode & 0o700);
  } catch {
    if (stateOf(path) === undefined) return;
    throw refusal(path, before, 'be read by other accounts');
  }
  const after = stateOf(path);
  if (after !== undefined && isOpen(after)) throw refusal(path, after, 'be read by other accounts');
}

/** Undefined for what is gone: another process of ours may remove it meanwhile. */
function stateOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

/** Windows has no such bits, and the mode of a link says nothing. */
function isOpen(found: Stats): boolean {
  return process.getuid !== undefined && !found.isSymbolicLink() && hasBit(found, OTHERS);
}

function isOwn({ uid }: Stats): boolean {
  return uid === (process.getuid?.() ?? uid);
}

function hasBit({ mode }: Stats, bits: number): boolean {
  return (mode & bits) !== 0;
}

function refusal(path: string, { mode, uid }: Stats, danger: string): OpenToOthersError {
  const held = `mode ${(mode & 0o7777).toString(8)}, owner ${uid}`;
  return new OpenToOthersError(
    `${path} can ${danger} (${held}): close it (chmod go-rwx), or give DATA_DIR a folder that this account owns`,
  );
}
