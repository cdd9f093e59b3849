import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A name that changes with the files of a folder. As a part of their address it lets browsers keep them
 * for good, and keeps pages of a new version from meeting scripts of an old one.
 */
export function assetVersion(folder: string): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(folder).sort()) {
    hash
      .update(name)
      .update('\0')
      .update(readFileSync(join(folder, name)))
      .update('\0');
  }
  return hash.digest('base64url').slice(0, 12);
}
