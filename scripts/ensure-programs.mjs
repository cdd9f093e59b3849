// The tests run against a real redis-server and a real Chromium. Where one is missing and can be
// installed, this installs it; otherwise it says in one line what to install.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

// By name and not by `--version`, which some distributions' wrappers of Chromium refuse to root.
const found = (name) =>
  (process.env.PATH ?? '').split(':').some((folder) => existsSync(`${folder}/${name}`));

const PROGRAMS = [
  {
    name: 'redis-server',
    packages: ['redis-server'],
    isThere: () => found('redis-server'),
    others: 'brew install redis, apk add redis',
  },
  {
    name: 'chromium',
    packages: ['chromium'],
    isThere: () =>
      process.env.CHROMIUM_PATH !== undefined ||
      ['chromium', 'chromium-browser', 'google-chrome'].some(found),
    others: 'brew install --cask chromium, apk add chromium, or set CHROMIUM_PATH',
  },
];

const missing = PROGRAMS.filter(({ isThere }) => !isThere());

if (missing.length > 0) {
  const names = missing.map(({ name }) => name).join(' and ');
  const packages = missing.flatMap((program) => program.packages);
  if (process.getuid?.() === 0 && found('apt-get')) {
    console.log(`${names} missing; installing with apt-get`);
    install(packages);
  }
  const wanted = missing.filter(({ isThere }) => !isThere());
  for (const { name, others } of wanted) {
    console.error(
      `The tests need ${name}: install it (apt-get install ${name}, ${others}) and run them again.`,
    );
  }
  if (wanted.length > 0) process.exit(1);
}

function install(packages) {
  // A container has no init to start a service with; the tests start their own servers anyway.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  for (const args of [
    ['update', '-qq'],
    ['install', '-y', '-qq', '--no-install-recommends', ...packages],
  ]) {
    spawnSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  }
}
