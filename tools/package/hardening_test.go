package main

import (
	"slices"
	"testing"
)

// hardening is what the units take from the daemon, beside what landlock does: SECURITY.md and
// docs/supplychain.md promise it.
func hardening() map[string][]string {
	return map[string][]string{
		"NoExecPaths": {"/"}, "ExecPaths": {"/usr/bin/pairmqd"}, "CapabilityBoundingSet": {""}, "AmbientCapabilities": {""}, "NoNewPrivileges": {"yes"},
		"SystemCallFilter": {
			"@system-service", "~@privileged @resources @obsolete @mount @swap @reboot @module @raw-io @debug @cpu-emulation @clock",
			"landlock_create_ruleset landlock_add_rule landlock_restrict_self",
		},
		"SystemCallArchitectures": {"native"}, "SystemCallErrorNumber": {"EPERM"}, "RestrictAddressFamilies": {"AF_UNIX AF_INET AF_INET6 AF_NETLINK"},
		"RestrictNamespaces": {"yes"}, "RestrictRealtime": {"yes"}, "RestrictSUIDSGID": {"yes"}, "MemoryDenyWriteExecute": {"yes"}, "LockPersonality": {"yes"},
		"ProtectSystem": {"strict"}, "ProtectHome": {"yes"}, "ProtectProc": {"invisible"}, "ProcSubset": {"pid"}, "ProtectKernelTunables": {"yes"},
		"ProtectKernelModules": {"yes"}, "ProtectKernelLogs": {"yes"}, "ProtectControlGroups": {"yes"}, "ProtectClock": {"yes"}, "ProtectHostname": {"yes"},
		"PrivateTmp": {"yes"}, "PrivateDevices": {"yes"}, "PrivateMounts": {"yes"}, "PrivateUsers": {"yes"}, "DevicePolicy": {"closed"},
		"KeyringMode": {"private"}, "RemoveIPC": {"yes"}, "UMask": {"0077"}, "LimitCORE": {"0"}, "User": {"pairmq"},
	}
}

func TestTheUnitsTakeWhatTheDaemonDoesNotNeed(t *testing.T) {
	for _, name := range []string{"pairmqd.service", "pairmqd@.service"} {
		unit := readUnit(t, name)
		for key, want := range hardening() {
			if got := unit["Service."+key]; !slices.Equal(got, want) {
				t.Errorf("%s: %s is %q, want %q", name, key, got, want)
			}
		}
	}
}
