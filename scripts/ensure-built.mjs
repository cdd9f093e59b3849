// Ahead of `npm start` and of the programs beside it: builds `dist` where it is missing. With `--fresh` also
// where the sources are newer; without it that is only said, since a server may be running from `dist`.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const PROGRAMS = ['main.js', 'cli/main.js', 'simulator/main.js'].map((name) => join('dist', name));
const SETTINGS = ['tsconfig.json', 'tsconfig.build.json'];

const isMissing = !PROGRAMS.every(existsSync);
const isStale = !isMissing && newest() > Math.min(...PROGRAMS.map(changed));

if (isMissing || (isStale && process.argv.includes('--fresh'))) build();
else if (isStale) say('dist is older than src: `npm run build` makes it anew');

/** A folder changes when a file is removed from it. */
function newest() {
  const below = readdirSync('src', { recursive: true }).map((name) => join('src', name));
  return Math.max(...['src', ...below, ...SETTINGS.filter(existsSync)].map(changed));
}

function changed(path) {
  return statSync(path).mtimeMs;
}

function build() {
  const obstacle = firstObstacle();
  if (obstacle === undefined) {
    process.exitCode =
      spawnSync('npm', ['run', 'build', '--silent'], { stdio: 'inherit' }).status ?? 1;
    return;
  }
  // The compiler would say so of each file.
  say(`cannot build: ${obstacle} cannot be written to; build with an account that may`);
  if (isMissing) process.exitCode = 1;
  else say('starting what was built before');
}

function firstObstacle() {
  const written = existsSync('dist') ? ['dist', ...PROGRAMS.filter(existsSync)] : ['.'];
  return written.find((path) => {
    try {
      accessSync(path, constants.W_OK);
      return false;
    } catch {
      return true;
    }
  });
}

function say(text) {
  process.stderr.write(`${text}\n`);
}
