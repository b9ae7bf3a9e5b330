#!/usr/bin/env bash
# What an owner does with the rpm: install, edit, upgrade, disable, erase, by rpm
# itself, in the root of a Debian. systemd does not run there: what is looked at is
# what rpm and the scriptlets do to users, folders, files and links. One line a check.
# Needs root, rpm and mmdebstrap; the Debian is that of pkgtest.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
new=$(ls dist/pairmq-*.x86_64.rpm) || { echo "rpmtest: no package in dist: make package"; exit 2; }
for tool in mmdebstrap rpm unshare; do
	command -v $tool >/dev/null || { echo "rpmtest: no $tool here: apt-get install mmdebstrap rpm"; exit 2; }
done
base=${PKGTEST_BASE:-${XDG_CACHE_HOME:-$HOME/.cache}/pairmq-pkgtest/bookworm-amd64.tar}
[ -s "$base" ] || { echo "rpmtest: no Debian in $base: tools/pkgtest.sh makes it"; exit 2; }
[ -n "${RPMTEST_APART:-}" ] || RPMTEST_APART=yes exec unshare -m --propagation private "$0" # what is mounted below goes with it
box=$(mktemp -d)
trap 'umount -R "$box/root/proc" 2>/dev/null; rm -rf "$box"' EXIT
root=$box/root
mkdir "$root" "$box/before"
tar -C "$root" -xf "$base"
mount -t proc proc "$root/proc"

# The version before: the same programs, and another file than the new version installs.
cp -r go.mod go.sum packaging "$box/before"
echo '# as the version before had it' >>"$box/before/packaging/pairmqd.conf"
sed -i 's/compression: xz/compression: gzip/' "$box/before/packaging/nfpm.yaml" # ten times as fast
bin/package -root "$box/before" -bin dist -o "$box/before/dist" -only linux-amd64 -version v0.0.0 >/dev/null
old=$(ls "$box"/before/dist/*.x86_64.rpm)

passed=0 failed=0
check() { # WHAT COMMAND...
	local what=$1 said
	shift
	if said=$("$@" 2>&1); then
		passed=$((passed + 1)); echo "ok   $what"
	else
		failed=$((failed + 1)); echo "FAIL $what"; printf '%s\n' "$said" | tail -n 20 | sed 's/^/     /'
	fi
}
rpms() { # what a scriptlet complains of is a failure; what Debian's rpm says of itself is not
	local said
	said=$(rpm --root="$root" --dbpath=/var/lib/rpm --nodeps "$@" 2>&1) || { echo "$said"; return 1; }
	said=$(printf '%s\n' "$said" | grep -v -e "^rpm: .*Alien" -e "^rpm: However" -e "/etc/pairmq/pairmqd.conf created as" -e "/etc/pairmq/pairmqd.conf saved as" || true)
	[ -z "$said" ] || { echo "$said"; return 1; }
}
there() { [ -e "$root$1" ] || { echo "no $1"; return 1; }; }
gone() { [ ! -e "$root$1" ] && [ ! -L "$root$1" ] || { echo "there is $1"; return 1; }; }
is() { [ "$1" = "$2" ] || { echo "it is $1, not $2"; return 1; }; }
conf=/etc/pairmq/pairmqd.conf
link=/etc/systemd/system/multi-user.target.wants/pairmqd.service
owner() { chroot "$root" stat -c %U:%G:%a /var/lib/pairmq; }
edited() { tail -n 1 "$root$conf" | grep -qx logLevel=debug; }

check "makes a database" rpm --root="$root" --dbpath=/var/lib/rpm --initdb
check "installs" rpms -i "$old"
check "has made the user" grep -q '^pairmq:.*:/var/lib/pairmq:/usr/sbin/nologin$' "$root/etc/passwd"
check "has made the state's folder, 0750" is "$(owner)" pairmq:pairmq:750
check "is enabled, as the presets have it" there "$link"
check "its socket is not" gone /etc/systemd/system/sockets.target.wants/pairmqd.socket
check "runs" chroot "$root" /usr/bin/pairmqd -c $conf --check-config
echo logLevel=debug >>"$root$conf"
: >"$root/var/lib/pairmq/kept"
check "is upgraded" rpms -U "$new"
check "keeps the edited file" edited
check "and puts the new one beside it" there $conf.rpmnew
check "is enabled still" there "$link"
chroot "$root" systemctl -q disable pairmqd.service
rm "$root$conf.rpmnew"
check "is installed once more" rpms -U --replacepkgs "$new"
check "disabled, it stays so" gone "$link"
chroot "$root" systemctl -q enable pairmqd.service pairmqd.socket
check "is erased" rpms -e pairmq
check "its links are gone" gone "$link"
check "and that of the socket" gone /etc/systemd/system/sockets.target.wants/pairmqd.socket
check "and its programs" gone /usr/bin/pairmqd
check "the edited file is set aside" there $conf.rpmsave
check "the state stays" there /var/lib/pairmq/kept
echo 'disable pairmqd.service' >"$root/usr/lib/systemd/system-preset/00-owner.preset"
check "installs where the presets have it disabled" rpms -i "$new"
check "is not enabled there" gone "$link"
echo "rpmtest: $passed passed, $failed failed"
[ $failed = 0 ]
