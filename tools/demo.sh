#!/usr/bin/env bash
# The story of a pair on loopback, step by step, with what each printed: the
# master dies, the slave has everything and takes over, the old master comes back
# as its slave. Fails if a message is missing. Everything is below the folder
# given, which is made anew; the ports are not those of make run.
set -euo pipefail
root=$1
rm -rf "$root"
mkdir -p "$root"
namesrv=127.0.0.1:29876 a=127.0.0.1:30911 b=127.0.0.1:30921
export PAIRMQ_NAMESRV=$namesrv
declare -A pids
trap 'kill -9 ${pids[*]} 2>/dev/null || true; wait' EXIT

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
run() { printf '$ %s\n' "$*" >&2; "$@"; }
fail() { echo "demo: FAILED: $*"; tail -n 5 "$root"/*.log; exit 1; }
daemon() { # NAME KEY=VALUE...: starts a pairmqd
  local name=$1; shift
  bin/pairmqd --brokerName=plant --bindAddress=127.0.0.1 --brokerIP1=127.0.0.1 --namesrvAddr=$namesrv \
    --storePathRootDir="$root/$name" "${@/#/--}" >>"$root/$name.log" 2>&1 &
  pids[$name]=$!
}
master() { daemon a brokerRole=SYNC_MASTER listenPort=${a#*:}; }
slave() { daemon b brokerRole=SLAVE brokerId=1 listenPort=${b#*:}; }
until_ok() { # WHAT COMMAND...: waits at most 15 s
  local what=$1; shift
  for _ in $(seq 150); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done
  fail "$what"
}
says() { bin/pairmq status --broker "$1" | grep -q "$2"; }
sends() { # FROM TO: sends numbered messages, each must be answered OK
  seq "$1" "$2" | sed 's/^/reading /' | bin/pairmq produce --topic Readings --quiet
}
has() { # BROKER N: the broker gives N messages, those sent, each once
  bin/pairmq consume --broker "$1" --topic Readings --from first --raw | sort -V >"$root/got"
  seq 1 "$2" | sed 's/^/reading /' | cmp -s - "$root/got" || fail "$1 gives $(wc -l <"$root/got") messages, not the $2 that were acknowledged"
  echo "$1 gives all $2 messages"
}

say "A name server, a master at $a (SYNC_MASTER: OK means both have it), a slave at $b"
daemon namesrv enableBroker=false enableNamesrv=true namesrvListenPort=29876
master
slave
until_ok "the slave does not join" says $a 'slaves 1:.* 0 bytes'
run bin/pairmq status

say "500 messages, each acknowledged"
sends 1 500
until_ok "the topic does not reach the slave" bin/pairmq topic show --broker $b Readings
has $a 500

say "The master dies (kill -9)"
kill -9 "${pids[a]}"
wait "${pids[a]}" 2>/dev/null || true
has $b 500

say "A person makes the slave master"
run bin/pairmq promote --broker $b
say "500 more, to the new master"
until_ok "the new master does not take messages" bin/pairmq topic show Readings
sends 501 1000 2>/dev/null || [ $? -eq 4 ] || fail "the new master refuses messages" # stored, but there is no slave yet
has $b 1000

say "The old master comes back: it finds its successor and becomes its slave by itself"
master
until_ok "the old master does not follow" says $b 'slaves 1:.* 0 bytes'
run bin/pairmq status
until_ok "the old master is not level" has $a 1000
has $a 1000

say "They swap back without losing anything"
run bin/pairmq demote plant
until_ok "the slave does not follow" says $a 'slaves 1:.* 0 bytes'
sends 1001 1200
has $a 1200
has $b 1200

say "Both logs, byte for byte"
for name in a b; do kill "${pids[$name]}"; wait "${pids[$name]}"; done
for f in "$root"/a/commitlog/0*; do
  cmp "$f" "$root/b/commitlog/$(basename "$f")" || fail "the logs differ"
  echo "$(basename "$f"): equal"
done
say "Nothing lost, in $SECONDS s"
