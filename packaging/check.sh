#!/bin/sh
# Looks at the packages in dist/ with the tools of those who will install them.
# A tool that is not there is said to be missing; the others decide.
set -eu
cd "$(dirname "$0")/.."
failed=0
fail() { echo "package-check: $*"; failed=1; }
have() { command -v "$1" >/dev/null || { echo "package-check: no $1 here: not checked with it"; return 1; }; }
set -- dist/pairmq_*.deb
[ -e "$1" ] || { echo "package-check: no packages in dist: make package"; exit 1; }

if have lintian; then # what packaging/lintian-overrides explains is not shown
	lintian --allow-root --fail-on error,warning "$@" || fail "lintian"
fi
if have rpmlint; then
	rpmlint --config packaging/rpmlint.toml dist/pairmq-*.rpm || fail "rpmlint"
fi
if have systemd-analyze; then
	units=$(mktemp -d)
	trap 'rm -rf "$units"' EXIT
	for unit in pairmqd.service pairmqd@.service pairmqd.socket; do # the daemon is not installed here, nor are its pages
		sed -e "s,=/usr/bin/pairmqd,=$PWD/bin/pairmqd," -e '/^Documentation=/d' "packaging/systemd/$unit" >"$units/$(echo "$unit" | sed s/@/@second/)"
	done
	said=$(systemd-analyze verify "$units"/*.service "$units"/*.socket 2>&1) || true
	[ -z "$said" ] || fail "systemd-analyze verify: $said"
	for drop in packaging/examples/*.conf; do # notify-reload is not known before 253
		[ "$drop" != packaging/examples/notify-reload.conf ] || [ "$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')" -ge 253 ] || continue
		mkdir -p "$units/pairmqd.service.d" && cp "$drop" "$units/pairmqd.service.d"
	done
	said=$(systemd-analyze verify "$units/pairmqd.service" 2>&1) || true
	[ -z "$said" ] || fail "systemd-analyze verify with the examples: $said"
	systemd-analyze security --offline=true --threshold=11 "$units"/*.service >"$units/exposure" || fail "more exposed than 1.1: $(grep Overall "$units/exposure")"
	grep Overall "$units/exposure" || fail "systemd-analyze says no exposure"
fi
[ $failed = 0 ] && echo "package-check: good"
exit $failed
