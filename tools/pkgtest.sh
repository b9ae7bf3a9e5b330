#!/usr/bin/env bash
# What an owner does with the package, in a Debian that systemd boots in a
# container: install, edit, upgrade, disable, remove, purge. One line a check.
# What of it other processors may change is done by tools/lab, on booted ones.
# Needs root, mmdebstrap, systemd-container and iproute2; the Debian is made once, in a
# minute, and kept in the user's cache folder.
set -euo pipefail
cd "$(dirname "$0")/.."
arch=$(dpkg --print-architecture)
deb=$(ls dist/pairmq_*_"$arch".deb) || { echo "pkgtest: no package in dist: make package"; exit 2; }
for tool in mmdebstrap systemd-nspawn nsenter dpkg-deb ip; do
	command -v $tool >/dev/null || { echo "pkgtest: no $tool here: apt-get install mmdebstrap systemd-container iproute2"; exit 2; }
done
base=${PKGTEST_BASE:-${XDG_CACHE_HOME:-$HOME/.cache}/pairmq-pkgtest/bookworm-$arch.tar}
if [ ! -s "$base" ]; then # the main archive alone: what else there is makes no difference here
	mkdir -p "$(dirname "$base")"
	mmdebstrap -q --format=tar --variant=minbase --architectures="$arch" --include=systemd-sysv,dbus,procps bookworm "$base.new" \
		"deb http://deb.debian.org/debian bookworm main"
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
# The version before: the same programs, and another file than the new version installs.
dpkg-deb -R "$deb" "$box/old"
sed -i 's/^Version: .*/Version: 0.0.0~before-1/' "$box/old/DEBIAN/control"
echo '# as the version before had it' >>"$box/old/etc/pairmq/pairmqd.conf"
(cd "$box/old" && find usr etc -type f -exec md5sum {} + >DEBIAN/md5sums)
dpkg-deb --root-owner-group -Zgzip -b "$box/old" "$box/share/old.deb" >/dev/null
cat >"$box/share/knock" <<'END'
#!/bin/bash
# Connects until /run/enough is there, and says how often in vain.
ok=0 vain=0
until [ -e /run/enough ]; do
	if { : 3<>/dev/tcp/127.0.0.1/10911; } 2>/dev/null; then ok=$((ok + 1)); else vain=$((vain + 1)); fi
	sleep 0.01
done
echo "$ok connections, $vain in vain" >/run/knocked
END
cat >"$box/share/while" <<'END'
#!/bin/bash
# Runs a script while connections are made, and says how they went.
rm -f /run/enough /run/knocked
bash /share/knock &
sleep 0.3
bash -c "$1"
result=$?
sleep 0.3
touch /run/enough
wait
cat /run/knocked
exit $result
END

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
	timeout 180 nsenter -t "$init" -m -u -i -n -p -r -w env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb DEBIAN_FRONTEND=noninteractive bash -c "$1" 2>&1
}
tries=0
until inside 'systemctl is-system-running --wait || true' | grep -Eq 'running|degraded'; do
	kill -0 $nspawn 2>/dev/null && [ $((tries += 1)) -lt 600 ] || { echo "pkgtest: the container does not boot:"; tail "$box/console"; exit 2; }
	sleep 0.1
done
# A link with an address, as machines have: without one the daemon warns that nobody else finds it.
nsenter -t "$(pgrep -P $nspawn | head -n 1)" -n bash -c 'ip link set lo up && ip link add lan type veth peer name far &&
	ip addr add 192.0.2.1/24 dev lan && ip link set far up && ip link set lan up' || { echo "pkgtest: the container gets no network"; exit 2; }

passed=0 failed=0
check() { # WHAT SCRIPT
	local said
	if said=$(inside "$2"); then
		passed=$((passed + 1)); echo "ok   $1"
	else
		failed=$((failed + 1)); echo "FAIL $1"; printf '%s\n' "$said" | tail -n 20 | sed 's/^/     /'
	fi
}
finish() {
	echo "pkgtest: $arch: $passed passed, $failed failed"
	[ $failed = 0 ]
	exit
}
pid='systemctl show pairmqd -p MainPID --value'
ready='for i in $(seq 300); do systemctl -q is-active pairmqd && break; sleep 0.1; done; systemctl -q is-active pairmqd'
again='for i in $(seq 300); do n=$('$pid'); [ $n != 0 ] && [ $n != $p ] && break; sleep 0.1; done; [ $n != 0 ] && [ $n != $p ]'
kept='pairmq consume --broker 127.0.0.1:10911 --topic T --from first --count 1 | grep hello'
restarts='systemctl show pairmqd -p NRestarts --value'
drop=/run/systemd/system/pairmqd.service.d

check "installs" 'dpkg -i /share/old.deb'
check "starts and says READY" "$ready"
check "is enabled" 'systemctl is-enabled pairmqd'
check "its socket is not" '! systemctl is-enabled pairmqd.socket && ! systemctl is-active pairmqd.socket'
check "runs as its own user" '[ "$(stat -c %U /proc/$('"$pid"'))" = pairmq ]'
check "its state is its own, 0750" '[ "$(stat -c %U:%a /var/lib/pairmq)" = pairmq:750 ] && [ -d /var/lib/pairmq/commitlog ]'
check "takes a message and gives it out" 'pairmq produce --broker 127.0.0.1:10911 --topic T hello && '"$kept"
check "warns of nothing" '! journalctl -q -u pairmqd -p warning -o cat --no-pager | grep .'
check "root, and who is in its group, asks over its socket; others do not, but at the ports" 'id -nG pairmq && useradd in && usermod -a -G pairmq in && useradd out && [ "$(stat -c %U:%G:%a /run/pairmq/pairmqd.sock)" = pairmq:pairmq:660 ] && pairmq status --socket /run/pairmq/pairmqd.sock && runuser -u in -- pairmq status --socket /run/pairmq/pairmqd.sock && ! runuser -u out -- pairmq status --socket /run/pairmq/pairmqd.sock && runuser -u out -- pairmq status'
check "with the socket open to all, the kernel says who is not of its group" 'chmod 666 /run/pairmq/pairmqd.sock; runuser -u in -- pairmq status --socket /run/pairmq/pairmqd.sock && ! runuser -u out -- pairmq status --socket /run/pairmq/pairmqd.sock && runuser -u out -- pairmq status --socket /run/pairmq/pairmqd.sock 2>&1 | grep "NO_PERMISSION.*usermod"; ok=$?; chmod 660 /run/pairmq/pairmqd.sock; exit $ok'
check "may not write elsewhere" '! nsenter -t $('"$pid"') -m touch /etc/x'
check "has no capabilities, and a filter of system calls" 'grep -q "^CapBnd:.0000000000000000" /proc/$('"$pid"')/status && grep -q "^Seccomp:.2" /proc/$('"$pid"')/status'
check "may run nothing but itself" '! nsenter -t $('"$pid"') -m /bin/true && nsenter -t $('"$pid"') -m /usr/bin/pairmqd --version'
check "killed, it comes back with the message, and a socket in place of the old one" 'p=$('"$pid"'); kill -9 $p; '"$again"' && '"$ready"' && pairmq status --socket /run/pairmq/pairmqd.sock && '"$kept"
check "and knows what was last before" '[ "$(pairmq recent --broker 127.0.0.1:10911 | grep -c "store open")" -ge 2 ]'
check "stopped where it stands, the watchdog has it write its stacks and start again, with the message" 'mkdir -p '$drop' && printf "[Service]\nWatchdogSec=6s\n" >'$drop'/soon.conf && systemctl daemon-reload && systemctl restart pairmqd && '"$ready"' && p=$('"$pid"') && kill -STOP $p && '"$again"' && '"$ready"' && [ "$('"$restarts"')" = 1 ] && journalctl -u pairmqd | grep -q "SIGABRT: abort" && journalctl -u pairmqd | grep -q "main.serveUntil" && '"$kept"'; ok=$?; rm '$drop'/soon.conf; systemctl daemon-reload; exit $ok'
check "reload takes an edited file" 'echo logLevel=debug >>/etc/pairmq/pairmqd.conf; systemctl reload pairmqd && for i in $(seq 50); do journalctl -u pairmqd | grep -q "configuration re-read" && break; sleep 0.1; done; journalctl -u pairmqd | grep "configuration re-read"'
check "its journal has fields, and the line as elsewhere" 'journalctl -u pairmqd "PAIRMQ_CHANGED=[logLevel]" -o json | tee /dev/stderr | grep "\"PRIORITY\":\"6\"" | grep "\"SYSLOG_IDENTIFIER\":\"pairmqd\"" | grep -q "configuration re-read\\\\\" changed=\[logLevel\]"'
check "reload refuses one with mistakes, and it goes on" 'echo nonsense=1 >/etc/pairmq/conf.d/bad.conf; ! systemctl reload pairmqd && systemctl -q is-active pairmqd'
check "a start with mistakes is not tried again" 'systemctl restart pairmqd; systemctl -q is-failed pairmqd && n=$('"$restarts"') && sleep 5 && systemctl -q is-failed pairmqd && [ "$('"$restarts"')" = $n ] && [ $n -le 1 ] && [ "$(systemctl show pairmqd -p ExecMainStatus --value)" = 2 ] && journalctl -u pairmqd | grep -q "unknown key"; ok=$?; rm /etc/pairmq/conf.d/bad.conf; systemctl start pairmqd; exit $ok'
check "takes its secret as a credential, and is refused with a short one" 'mkdir -p '$drop' && printf "[Service]\nLoadCredential=haSecret:/etc/ha.secret\n" >'$drop'/secret.conf && systemctl daemon-reload && echo short >/etc/ha.secret && chmod 600 /etc/ha.secret && ! systemctl restart pairmqd && journalctl -u pairmqd | grep -q "5 bytes; want 16" && pairmq cert secret --replace --out /etc/ha.secret && systemctl reset-failed && systemctl restart pairmqd && '"$ready"'; ok=$?; rm '$drop'/secret.conf /etc/ha.secret; systemctl daemon-reload; systemctl reset-failed; systemctl restart pairmqd; exit $ok'
check "a port that is taken is tried every 2 s, and the journal says why" 'printf "listenPort=10911\nnamesrvAddr=127.0.0.1:9876\n" >/etc/pairmq/pairmqd-c.conf; ! systemctl start pairmqd@c; sleep 5; n=$(systemctl show pairmqd@c -p NRestarts --value); systemctl stop pairmqd@c; systemctl reset-failed pairmqd@c 2>/dev/null; journalctl -u pairmqd@c | grep "stopped.*address already in use.*ss -ltnp" && echo $n restarts && [ $n -ge 1 ] && [ $n -le 4 ]; ok=$?; rm -r /etc/pairmq/pairmqd-c.conf /var/lib/pairmq-c; exit $ok'
check "a second instance has a file and a store of its own" 'printf "enableNamesrv=true\nnamesrvListenPort=19876\nlistenPort=20911\n" >/etc/pairmq/pairmqd-two.conf; systemctl enable --now pairmqd@two && [ -d /var/lib/pairmq-two/commitlog ] && [ "$(stat -c %U:%a /var/lib/pairmq-two)" = pairmq:750 ]'
check "with the partition it was told of missing, it is refused" 'cp /usr/share/doc/pairmq/examples/own-partition.conf '$drop'/ && systemctl daemon-reload && ! systemctl restart pairmqd'
check "with that partition it runs, and /etc and /var read-only" 'systemctl stop pairmqd; for d in etc var; do mount --bind /$d /$d && mount -o remount,bind,ro /$d || exit; done; mount --bind /var/lib/pairmq /var/lib/pairmq && mount -o remount,bind,rw /var/lib/pairmq && ! touch /etc/x && ! touch /var/x && systemctl start pairmqd && '"$kept"'; ok=$?; systemctl stop pairmqd; umount -l /var/lib/pairmq /var /etc; rm '$drop'/own-partition.conf; systemctl daemon-reload; systemctl start pairmqd; exit $ok'
check "an upgrade restarts both" 'p=$('"$pid"'); q=$(systemctl show pairmqd@two -p MainPID --value); dpkg --force-confold -i /share/pairmq.deb && '"$again"' && [ "$(systemctl show pairmqd@two -p MainPID --value)" != $q ] && systemctl -q is-active pairmqd@two'
check "and keeps the edited file, puts the new one beside it, and the message" 'grep -q "^logLevel=debug" /etc/pairmq/pairmqd.conf && [ -e /etc/pairmq/pairmqd.conf.dpkg-dist ] && '"$ready"' && '"$kept"
check "without its socket, a restart refuses some" 'bash /share/while "systemctl restart pairmqd" >/run/how; cat /run/how; ! grep -q " 0 in vain" /run/how'
check "with it, a restart and an upgrade refuse nobody" 'systemctl enable pairmqd.socket && systemctl stop pairmqd && systemctl start pairmqd.socket pairmqd && p=$('"$pid"') && bash /share/while "systemctl restart pairmqd && dpkg -i /share/pairmq.deb" >/run/how && '"$ready"' && '"$again"'; ok=$?; cat /run/how; [ $ok = 0 ] && grep " 0 in vain" /run/how && '"$kept"
check "with it and a file with mistakes, it is not started for ever" 'echo nonsense=1 >/etc/pairmq/conf.d/bad.conf; systemctl restart pairmqd; for i in $(seq 12); do timeout 1 bash -c ": 3<>/dev/tcp/127.0.0.1/10911" 2>/dev/null; sleep 0.2; done; for i in $(seq 100); do systemctl -q is-failed pairmqd.socket && break; sleep 0.1; done; systemctl show pairmqd.socket -p Result; [ "$(systemctl show pairmqd.socket -p Result --value)" = trigger-limit-hit ]; ok=$?; rm /etc/pairmq/conf.d/bad.conf; systemctl reset-failed; systemctl start pairmqd.socket pairmqd || ok=1; exit $ok'
check "disabled, it stays so over an upgrade" 'systemctl disable --now pairmqd.socket pairmqd && dpkg -i /share/pairmq.deb && ! systemctl is-enabled pairmqd && ! systemctl is-active pairmqd && ! systemctl is-enabled pairmqd.socket && ! systemctl is-active pairmqd.socket'
check "removed, it is stopped; state and file stay" 'systemctl enable pairmqd.socket pairmqd; systemctl start pairmqd.socket pairmqd; dpkg -r pairmq && ! pgrep -x pairmqd && ! systemctl is-active pairmqd.socket && [ -d /var/lib/pairmq/commitlog ] && [ -e /etc/pairmq/pairmqd.conf ]'
check "installed again, it runs with the message" 'dpkg -i /share/pairmq.deb && '"$ready"' && '"$kept"
check "purged, nothing is left" 'dpkg -P pairmq && ! ls -d /var/lib/pairmq* /etc/pairmq 2>/dev/null && ! find /etc/systemd /var/lib/systemd -name "pairmq*" | grep . && ! pgrep -x pairmqd'
check "no unit has failed" '[ -z "$(systemctl --failed --no-legend | grep pairmq)" ]'
finish
