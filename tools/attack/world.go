package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// A world is the network around a gateway.
type world struct {
	*args
	keys                   map[string]bool // of the daemon's configuration
	client, stranger, peer *host
	spent                  spent
}

// What time was spent on. The rest is what is looked at before and after each attack.
type spent struct{ strikes, quiet, settling, stages time.Duration }

func (s spent) String() string {
	return fmt.Sprintf("strikes %.0f s, quiet moments %.0f s, until all was as before %.0f s, setting stages %.0f s", s.strikes.Seconds(), s.quiet.Seconds(), s.settling.Seconds(), s.stages.Seconds())
}

func newWorld(a *args) (*world, error) {
	w := &world{args: a}
	out, err := exec.Command(a.bin, "--print-config").Output()
	if err != nil {
		return nil, fmt.Errorf("%s --print-config: %w", a.bin, err)
	}
	w.keys = keysOf(string(out))
	for _, s := range []string{"mount --make-rprivate /", "ip link set lo up", "ip addr add " + gatewayIP + "/32 dev lo"} {
		if err := command(strings.Fields(s)...); err != nil {
			return nil, err
		}
	}
	for i, h := range []struct {
		at    **host
		name  string
		addrs int
	}{{&w.client, "client", 1}, {&w.stranger, "stranger", strangers}, {&w.peer, "peer", 1}} {
		if *h.at, err = newHost(h.name, i+1, h.addrs); err != nil {
			return nil, errors.Join(err, w.close())
		}
	}
	// Between the hosts, for a pair's other half and its clients.
	return w, os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0)
}

// keysOf finds the keys in a configuration that is a page of comments.
func keysOf(page string) map[string]bool {
	keys := map[string]bool{}
	for line := range strings.Lines(page) {
		if key, _, ok := strings.Cut(strings.TrimPrefix(line, "#"), "="); ok && !strings.Contains(key, " ") {
			keys[key] = true
		}
	}
	return keys
}

func (w *world) close() error {
	var errs []error
	for _, h := range []*host{w.client, w.stranger, w.peer} {
		if h != nil {
			errs = append(errs, h.close())
		}
	}
	return errors.Join(errs...)
}
