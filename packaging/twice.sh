#!/bin/sh
# Makes the packages of dist/ once more, from a copy of the sources in another
# place and with an empty build cache, and compares every byte. TWICE names the
# targets, all of them if it is empty; each takes half a minute of processor time.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
version=$(git describe --tags --always --dirty)
commits=$(git rev-list --count HEAD)
date=$(git log -1 --format=%ct)
mkdir "$work/src" "$work/out"
git ls-files -z --cached --others --exclude-standard | tar --null -T - -c --ignore-failed-read 2>/dev/null | tar -x -C "$work/src"
targets=${TWICE:-linux-amd64 linux-arm64 linux-armv6 linux-armv7 linux-riscv64}
for t in $targets; do
	GOCACHE=$work/cache make -s -C "$work/src" "dist/$t" VERSION="$version"
done
bin/package -root "$work/src" -bin "$work/src/dist" -o "$work/out" \
	-only "$targets" -version "$version" -commits "$commits" -date "$date" >/dev/null
same=0
for f in "$work"/out/*; do
	cmp "$f" "dist/$(basename "$f")" || exit 1
	same=$((same + 1))
done
echo "$same packages are the same bytes when they are built again"
