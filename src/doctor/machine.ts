import { existsSync } from 'node:fs';
import { access, constants, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from '../config/read-variables.js';
import { openFileJournal } from '../disk/file-journal.js';
import type { SealingKey } from '../grants/cipher.js';
import { createCipher } from '../grants/cipher.js';
import { keysLacked } from '../grants/unsaved-pairs.js';
import { type Finding, ok, problem, skipped, warning } from './finding.js';

const OLDEST_NODE = [20, 19] as const;
const MEGABYTE = 1_048_576;
const LITTLE_ROOM = 100 * MEGABYTE;
const NO_ROOM = 10 * MEGABYTE;
/** Group and others. */
const ANYBODY_ELSE = 0o077;
const ANYBODY_ELSE_WRITES = 0o022;

/** @param version as `process.versions.node` has it. */
export function examineNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  const isNewEnough = major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
  if (isNewEnough) return ok('machine.node', version);
  const todo = 'Install Node 20.19 or newer; the image has Node 24.';
  return problem('machine.node', `${version} is too old`, todo);
}

/** The folder that the server writes to, and what waits in it. */
export async function examineDataFolder(
  dataDir: string,
  keys: readonly SealingKey[] | undefined,
): Promise<readonly Finding[]> {
  const check = 'machine.data-folder';
  if (!existsSync(dataDir)) {
    return [skipped(check, `${dataDir} is not there yet; the server makes it`)];
  }
  const findings = [await folder(check, dataDir), await room(dataDir)];
  const kept = [...(await secretsFile(dataDir)), ...(await embeddedStore(dataDir))];
  return [...findings, ...kept, ...(await journal(dataDir, keys))];
}

async function folder(check: string, dataDir: string): Promise<Finding> {
  const found = await stat(dataDir);
  const todo = `Make ${dataDir} a folder that the account of the server owns: chmod 700.`;
  if (!found.isDirectory()) return problem(check, `${dataDir} is no folder`, todo);
  const writable = await access(dataDir, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!writable) {
    return problem(check, `${dataDir} cannot be written to: unsaved pairs are kept nowhere`, todo);
  }
  if ((found.mode & ANYBODY_ELSE_WRITES) === 0) return ok(check, dataDir);
  return warning(check, `others may write into ${dataDir} (${octal(found.mode)})`, todo);
}

async function room(dataDir: string): Promise<Finding> {
  const check = 'machine.disk';
  const { bavail, bsize } = await statfs(dataDir);
  const free = bavail * bsize;
  const found = `${Math.floor(free / MEGABYTE)} MB free in ${dataDir}`;
  if (free >= LITTLE_ROOM) return ok(check, found);
  const todo = 'Make room: the journal is where a refreshed pair goes that Redis does not take.';
  return free >= NO_ROOM ? warning(check, found, todo) : problem(check, found, todo);
}

async function secretsFile(dataDir: string): Promise<readonly Finding[]> {
  const path = join(dataDir, 'secrets.json');
  if (!existsSync(path)) return [];
  const { mode } = await stat(path);
  if ((mode & ANYBODY_ELSE) === 0)
    return [ok('machine.secrets-file', `${path}, for its owner only`)];
  const found = `${path} holds secrets and others may read it (${octal(mode)})`;
  const todo = `chmod 600 ${path}, and make other secrets if somebody may have read them.`;
  return [problem('machine.secrets-file', found, todo)];
}

/** A store of an earlier version may stand open, as long as no server has started on it since. */
async function embeddedStore(dataDir: string): Promise<readonly Finding[]> {
  const path = join(dataDir, 'appendonlydir');
  if (!existsSync(path)) return [];
  const check = 'machine.embedded-store';
  const [around, own] = await Promise.all([stat(dataDir), stat(path)]);
  const isOpen = [around, own].every(({ mode }) => (mode & ANYBODY_ELSE) !== 0);
  if (!isOpen) return [ok(check, `${path}, for its owner only`)];
  const found = `${path} holds grants and sessions, and others may read it (${octal(own.mode)})`;
  return [problem(check, found, `Start the server once, which closes it, or chmod 700 ${path}.`)];
}

/** Pairs that Redis did not take, and that a server saves at its next start. */
async function journal(
  dataDir: string,
  keys: readonly SealingKey[] | undefined,
): Promise<readonly Finding[]> {
  const check = 'machine.journal';
  const dir = join(dataDir, 'journal');
  if (!existsSync(dir)) return [];
  const kept = await openFileJournal({ dir }).catch(() => undefined);
  if (kept === undefined) {
    return [problem(check, `${dir} cannot be read`, 'Give it to the account of the server.')];
  }
  const { length } = kept.entries();
  if (length === 0) return [ok(check, 'empty')];
  const [first, ...others] = keys ?? [];
  const lacked = first === undefined ? [] : keysLacked(kept, createCipher([first, ...others]));
  if (lacked.length > 0) {
    const found = `${length} refreshed pairs wait, some sealed with keys that are not listed: ${lacked.join(', ')}`;
    return [problem(check, found, 'Put these keys back into TOKEN_ENCRYPTION_KEYS and restart.')];
  }
  const todo = 'A server with this DATA_DIR saves them when Redis answers; let one run.';
  return [warning(check, `${length} refreshed pairs wait to be saved`, todo)];
}

export async function examineEnvFile(
  folder: string,
  file: Environment,
): Promise<readonly Finding[]> {
  const path = join(folder, '.env');
  const { mode } = await stat(path);
  const open = (mode & ANYBODY_ELSE) !== 0;
  const readable = open
    ? warning('machine.env-file', `others may read .env (${octal(mode)})`, `chmod 600 ${path}`)
    : ok('machine.env-file', '.env, for its owner only');
  if (file['NODE_EXTRA_CA_CERTS'] === undefined) return [readable];
  const found = 'NODE_EXTRA_CA_CERTS is in .env, which Node reads too late';
  const todo = 'Set it in the environment of the process.';
  return [readable, warning('machine.extra-ca-certs', found, todo)];
}

function octal(mode: number): string {
  return `mode ${(mode & 0o777).toString(8)}`;
}
