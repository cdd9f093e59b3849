#!/bin/sh
# Makes a Redis Cluster of the servers that are named: sh create-cluster.sh host:port …, the masters
# first, then a replica for each. Where they are one already, it tells each of them where the others are:
# containers that were made anew have other addresses, and servers remember those of before.
set -eu

ask() {
  server=$1
  shift
  redis-cli -h "${server%:*}" -p "${server##*:}" "$@"
}

# Redis takes addresses only. A server knows the one at which it was asked.
servers=
for name in "$@"; do
  servers="$servers $(ask "$name" CLIENT INFO | sed -n 's/.* laddr=\([^ ]*\).*/\1/p')"
done

if [ "$(ask "$1" CLUSTER INFO | tr -d '\r' | sed -n 's/^cluster_known_nodes://p')" -gt 1 ]; then
  for server in $servers; do
    ask "$1" CLUSTER MEET "${server%:*}" "${server##*:}"
  done
else
  redis-cli --cluster create $servers --cluster-replicas 1 --cluster-yes
fi

# Whoever waits for this finds all of them in working order.
tries=120
for server in $servers; do
  until ask "$server" CLUSTER INFO | grep -q '^cluster_state:ok'; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || { ask "$server" CLUSTER NODES; exit 1; }
    sleep 0.5
  done
done
