#!/usr/bin/env bash
# jest 30 on Node 20: every suite that a worker runs makes promises slower for all suites after it.
#
# Guess: suites have virtual machines of their own, so the same suite takes the same time, be it the first
#   or the fortieth of a worker.
# Seen (2026-11-30, jest 30.5.2): forty equal suites, each with nothing but 50,000 awaited promises, run in
#   band. CPU of the first and of the last ones: 74 and 426 ms on Node 20.20.2, 12 and 6 ms on Node 24.21.0.
# Cause: jest-circus is loaded anew for each suite and makes an AsyncLocalStorage that lives on in the
#   process. Until Node 24 each storage that is in use is looked after at every promise.
# Hurts: projects with many suites and few workers on Node 20 or 22, most of all with --runInBand: the time of
#   the run grows with the square of the number of suites, and limits by the clock are missed in late suites.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund jest@30.5.2 >/dev/null
for number in $(seq 1 40); do
  cat > "suite-$number.test.js" <<'TEST'
test('promises', async () => {
  const startedAt = process.cpuUsage();
  for (let times = 0; times < 50_000; times += 1) await undefined;
  const { user } = process.cpuUsage(startedAt);
  require('node:fs').appendFileSync('times', `${user}\n`);
});
TEST
done

# ratio <version of Node>: how many times as long as the first suites the last ones take, medians of five
ratio() {
  local package="node-linux-$(node -p process.arch)" first last
  npm install --silent --no-audit --no-fund --no-save --prefix "node-$1" "$package@$1" >/dev/null
  rm -f times
  "node-$1/node_modules/$package/bin/node" node_modules/jest/bin/jest.js -i --silent >/dev/null 2>&1
  first=$(head -5 times | sort -n | sed -n 3p)
  last=$(tail -5 times | sort -n | sed -n 3p)
  echo "Node $1: first suites $((first / 1000)) ms of CPU, last suites $((last / 1000)) ms" >&2
  echo $((last / first))
}

old=$(ratio 20.20.2)
new=$(ratio 24.21.0)
[ "$old" -ge 3 ] || { echo 'on Node 20 late suites are about as fast as early ones now'; exit 1; }
[ "$new" -lt 3 ] || { echo 'on Node 24 late suites are slower, too'; exit 1; }
