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

build() { # VERSION: builds the sources in the current folder
	make --no-print-directory build VERSION="$1"
	make --no-print-directory "${targets[@]/#/dist/}" VERSION="$1"
}
package() { # ROOT VERSION FOLDER: packages what was built there
	bin/package -root "$1" -bin "$1/dist" -pairmq "$1/bin/pairmq" -version "$2" -only "${targets[*]}" -formats deb -o "$3"
}

build v1.0.0
(cd tools/package && go build -o ../../bin/package .)
package "$PWD" v1.0.0 "$out"
if git cat-file -e "$previous^{commit}" 2>/dev/null; then
	old=$(mktemp -d)
	trap 'rm -rf "$old"' EXIT
	git archive "$previous" | tar -x -C "$old"
	(cd "$old" && build v0.9.0)
	package "$old" v0.9.0 "$out/previous"
else
	echo "packages: git has no commit $previous here: the upgrade is from these sources"
	package "$PWD" v0.9.0 "$out/previous"
fi
