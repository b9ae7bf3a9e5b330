#!/usr/bin/env bash
# What an owner does with the package, in a Debian that systemd boots in a
# container: install, edit, upgrade, disable, remove, purge. One line a check.
# Needs root, mmdebstrap and systemd-container; the Debian is made once, in a
# minute, and kept in the user's cache folder.
set -euo pipefail
cd "$(dirname "$0")/.."
deb=$(ls dist/pairmq_*_amd64.deb) || { echo "pkgtest: no package in dist: make package"; exit 2; }
for tool in mmdebstrap systemd-nspawn nsenter; do
	command -v $tool >/dev/null || { echo "pkgtest: no $tool here: apt-get install mmdebstrap systemd-container"; exit 2; }
done
base=${PKGTEST_BASE:-${XDG_CACHE_HOME:-$HOME/.cache}/pairmq-pkgtest/bookworm.tar}
if [ ! -s "$base" ]; then
	mkdir -p "$(dirname "$base")"
	mmdebstrap -q --variant=minbase --include=systemd-sysv,dbus,procps bookworm "$base.new"
	mv "$base.new" "$base"
fi
box=$(mktemp -d)
group=/sys/fs/cgroup/$(basename "$box")
nspawn=
off() {
	[ -z "$nspawn" ] || { kill -TERM "$nspawn"; wait "$nspawn" || true; } 2>/dev/null
	rm -rf "$box"
	for g in "$group" "/sys/fs/cgroup/unified/$(basename "$box")"; do
		[ ! -d "$g" ] || find "$g" -depth -type d -exec rmdir {} + 2>/dev/null || true
	done
}
trap off EXIT
mkdir "$box/root" "$box/share"
tar -C "$box/root" -xf "$base"
cp "$deb" "$box/share/pairmq.deb"

# A cgroup tree of its own, so that the machine's, of whatever version, does not matter.
unshare -m bash -c '
	mount --make-rprivate /
	mount -t tmpfs tmpfs /run
	umount -l /sys/fs/cgroup/* /sys/fs/cgroup 2>/dev/null
	mountpoint -q /sys/fs/cgroup || mount -t cgroup2 cgroup2 /sys/fs/cgroup
	mkdir -p "$2" && echo $$ >"$2/cgroup.procs"
	exec systemd-nspawn --register=no --keep-unit -q -D "$1/root" --private-network --console=read-only \
		--resolv-conf=off --timezone=off --link-journal=no --bind-ro="$1/share:/share" -b systemd.show_status=no
' bash "$box" "$group" >"$box/console" 2>&1 </dev/null &
nspawn=$!

inside() { # SCRIPT: runs it in the container
	local init
	init=$(pgrep -P $nspawn | head -n 1) || return 1
	nsenter -t "$init" -m -u -i -n -p -r -w env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb DEBIAN_FRONTEND=noninteractive bash -c "$1" 2>&1
}
tries=0
until inside 'systemctl is-system-running --wait' | grep -Eq 'running|degraded'; do
	kill -0 $nspawn 2>/dev/null && [ $((tries += 1)) -lt 600 ] || { echo "pkgtest: the container does not boot:"; tail "$box/console"; exit 2; }
	sleep 0.1
done
inside 'ip link set lo up 2>/dev/null' || true

passed=0 failed=0
check() { # WHAT SCRIPT
	local said
	if said=$(inside "$2"); then
		passed=$((passed + 1)); echo "ok   $1"
	else
		failed=$((failed + 1)); echo "FAIL $1"; printf '%s\n' "$said" | tail -n 20 | sed 's/^/     /'
	fi
}
pid='systemctl show pairmqd -p MainPID --value'
ready='for i in $(seq 100); do systemctl -q is-active pairmqd && break; sleep 0.1; done; systemctl -q is-active pairmqd'
again='for i in $(seq 100); do n=$('$pid'); [ $n != 0 ] && [ $n != $p ] && break; sleep 0.1; done; [ $n != 0 ] && [ $n != $p ]'

check "installs" 'dpkg -i /share/pairmq.deb'
check "starts and says READY" "$ready"
check "is enabled" 'systemctl is-enabled pairmqd'
check "runs as its own user" '[ "$(stat -c %U /proc/$('"$pid"'))" = pairmq ]'
check "its state is its own, 0750" '[ "$(stat -c %U:%a /var/lib/pairmq)" = pairmq:750 ] && [ -d /var/lib/pairmq/commitlog ]'
check "takes a message and gives it out" 'pairmq produce --broker 127.0.0.1:10911 --topic T hello && pairmq consume --broker 127.0.0.1:10911 --topic T --from first --count 1 | grep hello'
check "may not write elsewhere" '! nsenter -t $('"$pid"') -m touch /etc/x'
check "has no capabilities, and a filter of system calls" 'grep -q "^CapBnd:.0000000000000000" /proc/$('"$pid"')/status && grep -q "^Seccomp:.2" /proc/$('"$pid"')/status'
check "killed, it comes back with the message" 'p=$('"$pid"'); kill -9 $p; '"$again"' && '"$ready"' && pairmq consume --broker 127.0.0.1:10911 --topic T --from first --count 1 | grep hello'
check "reload takes an edited file" 'echo logLevel=debug >>/etc/pairmq/pairmqd.conf; systemctl reload pairmqd && for i in $(seq 50); do journalctl -u pairmqd | grep -q "configuration re-read" && break; sleep 0.1; done; journalctl -u pairmqd | grep "configuration re-read"'
check "reload refuses one with mistakes, and it goes on" 'echo nonsense=1 >/etc/pairmq/conf.d/bad.conf; ! systemctl reload pairmqd && systemctl -q is-active pairmqd'
check "a start with mistakes is not tried again" 'systemctl restart pairmqd; systemctl -q is-failed pairmqd && [ "$(systemctl show pairmqd -p NRestarts --value)" -le 1 ]; ok=$?; rm /etc/pairmq/conf.d/bad.conf; systemctl start pairmqd; exit $ok'
check "a second instance has a file and a store of its own" 'printf "enableNamesrv=true\nnamesrvListenPort=19876\nlistenPort=20911\n" >/etc/pairmq/pairmqd-b.conf; systemctl enable --now pairmqd@b && [ -d /var/lib/pairmq-b/commitlog ] && [ "$(stat -c %U:%a /var/lib/pairmq-b)" = pairmq:750 ]'
check "an upgrade restarts both" 'p=$('"$pid"'); q=$(systemctl show pairmqd@b -p MainPID --value); dpkg -i /share/pairmq.deb && '"$again"' && [ "$(systemctl show pairmqd@b -p MainPID --value)" != $q ] && systemctl -q is-active pairmqd@b'
check "and keeps the file and the message" 'grep -q "^logLevel=debug" /etc/pairmq/pairmqd.conf && '"$ready"' && pairmq consume --broker 127.0.0.1:10911 --topic T --from first --count 1 | grep hello'
check "disabled, it stays so over an upgrade" 'systemctl disable --now pairmqd && dpkg -i /share/pairmq.deb && ! systemctl is-enabled pairmqd && ! systemctl is-active pairmqd'
check "removed, it is stopped; state and file stay" 'systemctl enable --now pairmqd; dpkg -r pairmq && ! pgrep -x pairmqd && [ -d /var/lib/pairmq/commitlog ] && [ -e /etc/pairmq/pairmqd.conf ]'
check "installed again, it runs with the message" 'dpkg -i /share/pairmq.deb && '"$ready"' && pairmq consume --broker 127.0.0.1:10911 --topic T --from first --count 1 | grep hello'
check "purged, nothing is left" 'dpkg -P pairmq && ! ls -d /var/lib/pairmq* /etc/pairmq 2>/dev/null && ! find /etc/systemd /var/lib/systemd -name "pairmq*" | grep . && ! pgrep -x pairmqd'
check "no unit has failed" '[ -z "$(systemctl --failed --no-legend | grep pairmq)" ]'
echo "pkgtest: $passed passed, $failed failed"
[ $failed = 0 ]
