// The tests run against a real redis-server. Where it is missing and can be installed, this installs
// it; otherwise it says in one line what to install.
import { spawnSync } from 'node:child_process';

function works(program, args) {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

function fail() {
  console.error(
    'The tests need redis-server: install it (apt-get install redis-server, brew install redis, apk add redis) and run them again.',
  );
  process.exit(1);
}

if (!works('redis-server', ['--version'])) {
  const mayInstall = process.getuid?.() === 0 && works('apt-get', ['--version']);
  if (!mayInstall) fail();
  console.log('redis-server is missing; installing it with apt-get');
  // A container has no init to start a service with; the tests start their own servers anyway.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  for (const args of [
    ['update', '-qq'],
    ['install', '-y', '-qq', 'redis-server'],
  ]) {
    const { status } = spawnSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
    if (status !== 0) fail();
  }
  if (!works('redis-server', ['--version'])) fail();
}
