// The tests run against a real redis-server; `npm run test:all` also against a real nginx and a real
// Chromium, and has the files of docs/monitoring checked by promtool. Where one is missing and can be
// installed, this installs it; otherwise it says in one line what to install. Arguments are the names of
// those that are needed; without arguments all are.
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
    name: 'nginx',
    packages: ['nginx-light'],
    // Debian keeps it where not everybody looks.
    isThere: () => found('nginx') || existsSync('/usr/sbin/nginx'),
    others: 'brew install nginx, apk add nginx',
  },
  {
    name: 'promtool',
    packages: ['prometheus'],
    isThere: () => found('promtool'),
    others: 'brew install prometheus, apk add prometheus',
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

const needed = process.argv.slice(2);
const missing = PROGRAMS.filter(
  ({ name, isThere }) => (needed.length === 0 || needed.includes(name)) && !isThere(),
);

if (missing.length > 0) {
  const names = missing.map(({ name }) => name).join(' and ');
  const packages = missing.flatMap((program) => program.packages);
  if (process.getuid?.() === 0 && found('apt-get')) {
    console.log(`${names} missing; installing with apt-get`);
    install(packages);
  }
  const wanted = missing.filter(({ isThere }) => !isThere());
  for (const { name, packages, others } of wanted) {
    console.error(
      `The tests need ${name}: install it (apt-get install ${packages.join(' ')}, ${others}) and run them again.`,
    );
  }
  if (wanted.length > 0) process.exit(1);
}

function install(packages) {
  // No service is started: by the old init because of the run level, by systemd because it is told
  // that it is not there. The tests start their own servers.
  const quiet = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1', SYSTEMD_OFFLINE: '1' };
  const env = { ...process.env, ...quiet };
  for (const args of [
    ['update', '-qq'],
    ['install', '-y', '-qq', '--no-install-recommends', ...packages],
  ]) {
    spawnSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  }
}
