import { randomBytes } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  linkSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { openDataFolder } from '../data-folder.js';

interface GeneratedSecrets {
  sessionSecret: string;
  encryptionKey: Buffer;
}

const file = z.object({ sessionSecret: z.string().min(32), encryptionKey: z.string().min(43) });

/**
 * Secrets for development, made once and kept, so that a restart signs nobody out. Of several
 * processes that start at the same moment the first one's are used by all.
 *
 * @throws OpenToOthersError when other accounts of the machine could read them.
 */
export function generatedSecrets(dataDir: string): GeneratedSecrets {
  const path = join(dataDir, 'secrets.json');
  openDataFolder(dataDir);
  if (!existsSync(path)) make(path);
  return kept(path);
}

/**
 * Those that are kept; where a start would make them, others that nothing is sealed with. Makes no file.
 *
 * @throws Error where a start could not make them either.
 */
export function secretsWithoutMaking(dataDir: string): GeneratedSecrets {
  const path = join(dataDir, 'secrets.json');
  if (existsSync(path)) return kept(path);
  accessSync(nearestFolder(dataDir), constants.W_OK | constants.X_OK);
  return { sessionSecret: randomBytes(32).toString('base64url'), encryptionKey: randomBytes(32) };
}

/** The folder itself, or the one that it would be made in. */
function nearestFolder(path: string): string {
  return existsSync(path) ? path : nearestFolder(dirname(path));
}

function kept(path: string): GeneratedSecrets {
  const { sessionSecret, encryptionKey } = file.parse(JSON.parse(readFileSync(path, 'utf8')));
  return { sessionSecret, encryptionKey: Buffer.from(encryptionKey, 'base64') };
}

/** Written under a name of its own and linked: whoever finds the file finds it whole. */
function make(path: string): void {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  const made = {
    sessionSecret: randomBytes(32).toString('base64url'),
    encryptionKey: randomBytes(32).toString('base64'),
  };
  writeFileSync(draft, `${JSON.stringify(made)}\n`, { mode: 0o600 });
  try {
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft);
  }
}
