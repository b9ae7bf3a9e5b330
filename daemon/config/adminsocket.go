package config

import (
	"fmt"
	"path/filepath"
)

// AutoSocket as AdminSocket asks for a socket where systemd has made a folder for it.
const AutoSocket = "auto"

// maxSocketPath is how many bytes the path of a unix socket may have, and its lock's.
const maxSocketPath = 107 - len(".lock")

func adminSocketKey() key {
	k := str("adminSocket", AutoSocket, "unix socket where pairmq on this machine asks, for root and the members of the daemon's group; auto: pairmqd.sock in the folder that systemd makes for the unit, /run/pairmq, and none without systemd; empty: none", func(c *Config) *string { return &c.AdminSocket })
	set := k.set
	k.set = func(c *Config, v string) error {
		if v != "" && v != AutoSocket && (!filepath.IsAbs(v) || filepath.Clean(v) != v) {
			return fmt.Errorf("is %q; want an absolute path, auto, or nothing", v)
		}
		if len(v) > maxSocketPath {
			return fmt.Errorf("has %d bytes; the path of a unix socket has at most %d", len(v), maxSocketPath)
		}
		return set(c, v)
	}
	return k
}
