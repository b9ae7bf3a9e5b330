#!/usr/bin/env bash
# Runs every fuzz target of the module, each for FUZZTIME (20s), and stops at
# the first that fails; go test names the input, which it keeps in testdata.
set -euo pipefail
cd "$(dirname "$0")/.."
count=0
for dir in $(git ls-files '*_test.go' | xargs grep -l '^func Fuzz' | xargs -n1 dirname | sort -u); do
  case $dir in tools/interop*) continue ;; esac # a module of its own, without decoders
  for target in $(grep -h '^func Fuzz' "$dir"/*_test.go | sed 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/'); do
    echo "fuzz $dir $target"
    if ! out=$(go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-20s}" "./$dir" 2>&1); then
      printf '%s\n' "$out" # with the input, as it is found in testdata
      exit 1
    fi
    tail -n 1 <<<"$out"
    count=$((count + 1))
  done
done
echo "fuzz: $count targets, ${FUZZTIME:-20s} each"
