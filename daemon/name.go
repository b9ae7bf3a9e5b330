package main

import (
	"slices"
	"strings"

	"pairmq/daemon/config"
	"pairmq/hal/board"
	"pairmq/replica/pair"
)

// nameKey is where a store keeps the name that its broker had last: clients know queues and
// consumer offsets by it, so that no other host name and no new version changes it.
const nameKey = "brokerName"

// identityKey makes what brokers are named after another identity than other programs'.
const identityKey = "pairmq brokerName"

// A naming is what a broker's name can come from.
type naming struct {
	configured string // by a person, or the host name; config.AutoName
	guessed    bool   // it is the host name
	kept       string // by the store; "" if nothing is
	old        bool   // the store is older than names that are kept
	identity   func() (string, error)
}

// choose returns the name and where it is from. Two machines from one image have one
// host name, and two masters of one name push each other out of every name server: a new store is
// named after the machine there.
func (n *naming) choose() (name, from string, err error) {
	auto := n.configured == config.AutoName
	switch {
	case !auto && !n.guessed:
		return n.configured, "the configuration", nil
	case n.kept != "":
		return n.kept, "this store, which has had it before", nil
	case !auto && (n.old || !common(n.configured)):
		return n.configured, "the host name", nil
	}
	id, err := n.identity()
	if err != nil {
		if auto {
			return "", "", err
		}
		return n.configured, "the host name, which other machines may have as well", nil
	}
	return "gw-" + id[:12], "this machine's identity", nil
}

// common says whether a host name is one that images come with, and many machines
// have.
func common(host string) bool {
	names := []string{"localhost", "none", "-none-", "pairmq", "openwrt", "lede", "raspberrypi", "raspberry", "debian", "ubuntu", "linux", "alpine", "archlinux", "alarm", "armbian",
		"orangepi", "bananapi", "rock", "beaglebone", "beagleboard", "buildroot", "yocto", "poky", "dietpi", "voidlinux", "fedora", "gateway", "localhost4", "localhost6"}
	return slices.Contains(names, strings.ToLower(host))
}

// nameStore gives t's broker its name, and has its store keep it.
func (t *tenure) nameStore(file *config.Config) error {
	n := naming{
		configured: file.BrokerName, guessed: file.HostNamed, kept: string(t.store.Value(nameKey)),
		old:      t.store.Value(pair.Key) != nil || t.store.End() > 0,
		identity: func() (string, error) { return board.New(board.Options{}).Identity([]byte(identityKey)) },
	}
	if t.platform.identity != nil {
		n.identity = t.platform.identity
	}
	name, from, err := n.choose()
	if err != nil {
		return err
	}
	t.cfg.BrokerName = name
	if from != "the configuration" {
		t.log.Info("brokerName is not configured", "brokerName", name, "from", from)
		if n.kept == "" && !n.old && file.Slave() {
			t.log.Warn("a slave has its master's brokerName: set it, or the master is not found", "brokerName", name)
		}
	}
	if name == n.kept || t.store.Stats().ReadOnly {
		return nil
	}
	return t.store.SetValue(nameKey, []byte(name))
}
