#!/usr/bin/env bash
# A pair on loopback: a master with a name server (9876, 10911), and a slave of
# it (10921). Their stores are below the folder given; Ctrl-C stops both.
set -euo pipefail
root=$1
mkdir -p "$root/master" "$root/slave"
common=(--brokerName=local --bindAddress=127.0.0.1 --brokerIP1=127.0.0.1 --namesrvAddr=127.0.0.1:9876)
bin/pairmqd "${common[@]}" --enableNamesrv=true --brokerRole=SYNC_MASTER --storePathRootDir="$root/master" &
master=$!
trap 'kill $master ${slave:-} 2>/dev/null || true; wait' EXIT
trap 'exit 0' INT TERM
bin/pairmqd "${common[@]}" --brokerRole=SLAVE --brokerId=1 --listenPort=10921 --storePathRootDir="$root/slave" &
slave=$!
wait -n "$master" "$slave"
