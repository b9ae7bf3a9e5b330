#!/usr/bin/env bash
# packages.sh ARCH...: the packages that the lab installs (amd64, arm64, armhf), in
# dist/lab, and those that it upgrades from, in dist/lab/previous: of the commit PREVIOUS,
# or where git does not have that, of these sources with a lower version.
set -euo pipefail
cd "$(dirname "$0")/../.."
previous=${PREVIOUS:-4014683}
targets=()
for arch in "$@"; do
	case $arch in
	amd64 | arm64) targets+=("linux-$arch") ;;
	armhf) targets+=(linux-armv6) ;;
	*) echo "packages: no architecture $arch: amd64, arm64, armhf" >&2; exit 2 ;;
	esac
done
out=$PWD/dist/lab
rm -rf "$out"
mkdir -p "$out"

build() { # VERSION FOLDER: builds the sources in the current folder
	make --no-print-directory build VERSION="$1"
	make --no-print-directory "${targets[@]/#/dist/}" VERSION="$1"
	(cd tools/package && go build -o ../../bin/package .)
	bin/package -version "$1" -only "${targets[*]}" -o "$2"
	rm -f "$2"/*.rpm "$2"/*.tar.gz
}

if git cat-file -e "$previous^{commit}" 2>/dev/null; then
	old=$(mktemp -d)
	trap 'rm -rf "$old"' EXIT
	git archive "$previous" | tar -x -C "$old"
	(cd "$old" && build v0.9.0 "$out/previous")
	build v1.0.0 "$out"
else
	echo "packages: git has no commit $previous here: the upgrade is from these sources"
	build v1.0.0 "$out"
	bin/package -version v0.9.0 -only "${targets[*]}" -o "$out/previous"
fi
