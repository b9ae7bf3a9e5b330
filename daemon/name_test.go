package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pairmq/daemon/config"
	"pairmq/hal/board"
	"pairmq/hal/disk"
)

// TestNames: who a broker is, by what it is told, has kept, and runs on.
func TestNames(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef"
	for _, tt := range []struct {
		name     string
		n        naming
		nobody   bool // the machine has no identity
		want     string
		refusing bool
	}{
		{"configured", naming{configured: "plant"}, false, "plant", false},
		{"configured anew", naming{configured: "plant", kept: "other"}, false, "plant", false},
		{"a host name of its own", naming{configured: "gw17", guessed: true}, false, "gw17", false},
		{"a host name that many have", naming{configured: "OpenWrt", guessed: true}, false, "gw-0123456789ab", false},
		{"the same of a store that was there before", naming{configured: "OpenWrt", guessed: true, old: true}, false, "OpenWrt", false},
		{"the host name has changed since", naming{configured: "gw18", guessed: true, kept: "gw17", old: true}, false, "gw17", false},
		{"named after the machine before", naming{configured: "gw18", guessed: true, kept: "gw-0123456789ab", old: true}, false, "gw-0123456789ab", false},
		{"auto", naming{configured: config.AutoName}, false, "gw-0123456789ab", false},
		{"auto, of a store that was there before", naming{configured: config.AutoName, kept: "gw17", old: true}, false, "gw17", false},
		{"auto, of one older than names that are kept", naming{configured: config.AutoName, old: true}, false, "gw-0123456789ab", false},
		{"no identity", naming{configured: "localhost", guessed: true}, true, "localhost", false},
		{"auto without an identity", naming{configured: config.AutoName}, true, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.n.identity = func() (string, error) {
				if tt.nobody {
					return "", board.ErrNoIdentity
				}
				return id, nil
			}
			got, from, err := tt.n.choose()
			if got != tt.want || errors.Is(err, board.ErrNoIdentity) != tt.refusing || (from == "") != tt.refusing {
				t.Errorf("named %q by %q, %v; want %q", got, from, err, tt.want)
			}
		})
	}
}

// namedBroker starts a broker with these settings more, and returns its name.
func namedBroker(t *testing.T, d *daemonUnderTest, change func(*config.Config)) string {
	t.Helper()
	cfg := d.config()
	change(&cfg)
	var log lockedBuffer
	m := platform{open: disk.OS, identity: func() (string, error) { return strings.Repeat("ab", 16), nil }}
	b, err := newBroker(&cfg, m, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.run(ctx) }()
	<-b.serves()
	name := b.now.cfg.BrokerName
	if state := b.now.state(); state.BrokerName != name || b.now.verifier.name != name {
		t.Errorf("others are told %q, want %q", state.BrokerName, name)
	}
	cancel()
	if err := errors.Join(<-ended, b.close()); err != nil {
		t.Error(err)
	}
	return name
}

// TestAStoreKeepsItsName: over starts, other host names and other roles, until a person says otherwise.
func TestAStoreKeepsItsName(t *testing.T) {
	guess := func(host string) func(*config.Config) {
		return func(c *config.Config) { c.BrokerName, c.HostNamed = host, true }
	}
	d := newDaemon(t)
	for _, step := range []struct {
		what   string
		change func(*config.Config)
		want   string
	}{
		{"a new store on a board from an image", guess("raspberrypi"), "gw-abababababab"},
		{"it has a host name now", guess("gw17"), "gw-abababababab"},
		{"configured", func(c *config.Config) { c.BrokerName = "plant" }, "plant"},
		{"not any more", guess("gw17"), "plant"},
		{"its index is lost", func(c *config.Config) {
			guess("raspberrypi")(c)
			if err := os.Remove(filepath.Join(d.root(), "meta.db")); err != nil {
				t.Fatal(err)
			}
		}, "plant"},
	} {
		if got := namedBroker(t, d, step.change); got != step.want {
			t.Errorf("%s: %q, want %q", step.what, got, step.want)
		}
	}
}
