import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('peers', import.meta.url));
/** Written by npm when it is done. */
const DONE = join(FOLDER, 'node_modules', '.package-lock.json');

/** Installs the packages of the peers, unless they are those of the lock file. */
export function installPeers(say: (text: string) => void): void {
  const [locked, installed] = [join(FOLDER, 'package-lock.json'), DONE].map(changedAt);
  if (installed !== undefined && installed >= (locked ?? Infinity)) return;
  say('installing the peers …\n');
  const options = ['--ignore-scripts', '--no-audit', '--no-fund'];
  execFileSync('npm', ['ci', ...options], { cwd: FOLDER, stdio: ['ignore', 'ignore', 'inherit'] });
}

function changedAt(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}
