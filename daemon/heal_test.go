package main

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"testing"

	"pairmq/daemon/config"
	"pairmq/hal/disk"
	"pairmq/internal/remoting"
)

// TestABrokerHealsItself flips bits below a slave that runs: when it reads its log
// over it finds them, and has the bytes back from its master without being told.
func TestABrokerHealsItself(t *testing.T) {
	names := newDaemon(t)
	names.settings = append(names.settings, "enableBroker=false")
	names.start()
	small := []string{"mappedFileSizeCommitLog=131072", "maxMessageSize=65536"}
	master, slave := names.newSlave().as("ASYNC_MASTER", "0"), names.newSlave()
	master.settings, slave.settings = append(master.settings, small...), append(slave.settings, small...)
	master.start()
	for i := range 60 {
		if r := master.send("Heal", "message number "+strconv.Itoa(i)+"."+strings.Repeat("x", 5000)); r.Code != remoting.RespSuccess {
			t.Fatalf("message %d: %d %q", i, r.Code, r.Remark)
		}
	}
	cfg, _, err := config.Load("", slave.settings)
	if err != nil {
		t.Fatal(err)
	}
	client := remoting.NewClient(remoting.ClientOptions{})
	defer client.Close()
	box, err := newTenure(&cfg, platform{open: disk.OS}, before{}, client, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- box.run(ctx, func() {}) }()
	caughtUp(master, slave)
	slave.spoil("message number 3.")
	slave.spoil("message number 17.")
	eventually(t, "the damage is repaired", func() bool {
		for range 3 {
			if err := box.store.Scrub(ctx); err != nil {
				t.Fatal(err)
			}
		}
		for name, b := range slave.logFiles() {
			if name == strings.Repeat("0", 20) && string(b) == string(master.logFiles()[name]) {
				return true
			}
		}
		return false
	})
	if f := box.store.Flaws(); len(f) != 0 {
		t.Errorf("it still says %v", f)
	}
	cancel()
	if err := errors.Join(<-ended, box.close(), master.stop(), names.stop()); err != nil {
		t.Error(err)
	}
}
