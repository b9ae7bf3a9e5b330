package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pairmq/hal/disk/diskfault"
	"pairmq/internal/remoting"
	"pairmq/store"
)

// TestWorkThatDoesNotGoOn: each kind by itself, and from when it was seen first.
func TestWorkThatDoesNotGoOn(t *testing.T) {
	const limit = 5 * time.Minute
	w := func(what string, mark int64) store.Work { return store.Work{What: what, Mark: mark} }
	tests := []struct {
		name string
		work func(after time.Duration) []store.Work
		says string // how it ends, after ten minutes
		at   time.Duration
	}{
		{"none", func(time.Duration) []store.Work { return nil }, "", 0},
		{"a disk that stands still for four minutes", func(after time.Duration) []store.Work {
			if after > 4*time.Minute {
				return nil
			}
			return []store.Work{w("sync the log", 7)}
		}, "", 0},
		{"slow, but it goes on", func(after time.Duration) []store.Work {
			return []store.Work{w("sync the log", int64(after/(4*time.Minute)))}
		}, "", 0},
		{"a writer that waits for ever", func(time.Duration) []store.Work { return []store.Work{w("write the log", 4096)} },
			"the store does not go on for 5m0s: write the log, at 4096", limit},
		{"another one goes on meanwhile", func(after time.Duration) []store.Work {
			return []store.Work{w("write the log", int64(after)), w("write the index", 9)}
		}, "5m0s: write the index, at 9", limit},
		{"it begins later", func(after time.Duration) []store.Work {
			if after < 2*time.Minute {
				return nil
			}
			return []store.Work{w("write the index", 9)}
		}, "5m0s: write the index, at 9", limit + 2*time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s stall
			begin := time.Now()
			for after := time.Duration(0); after < 10*time.Minute; after += 10 * time.Second {
				err := s.judge(begin.Add(after), tt.work(after), limit)
				switch {
				case err == nil:
					continue
				case tt.says == "" || after != tt.at || !strings.HasSuffix(err.Error(), tt.says):
					t.Errorf("after %v: %v; want %q after %v", after, err, tt.says, tt.at)
				}
				return
			}
			if tt.says != "" {
				t.Errorf("it ends without %q", tt.says)
			}
		})
	}
}

// brokerAlone runs d's broker without the rest of the daemon, until the test ends.
func (d *daemonUnderTest) brokerAlone() *brokerPart {
	d.t.Helper()
	cfg := d.config()
	log := slog.New(slog.DiscardHandler)
	accounts, signer, err := newAccounts(&cfg, log)
	if err != nil {
		d.t.Fatal(err)
	}
	b, err := newBroker(&cfg, platform{open: d.disk, accounts: accounts, signer: signer, gate: newGate(&cfg, accounts, log)}, log)
	if err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.run(ctx) }()
	d.t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-ended, b.close()); err != nil {
			d.t.Error(err)
		}
	})
	<-b.serves()
	return b
}

// TestTheWatchdogSeesWhatStandsStill: a daemon answers all the while that its disk does
// not return; what it waits for is seen, and no more once the disk goes on.
func TestTheWatchdogSeesWhatStandsStill(t *testing.T) {
	tests := []struct {
		name, what string
		stalls     func(op diskfault.Op) bool
		trigger    func(d *daemonUnderTest)
	}{
		{"log", "sync the log", func(op diskfault.Op) bool {
			return op.Kind == diskfault.Datasync && strings.HasPrefix(op.Name, "commitlog/")
		}, func(d *daemonUnderTest) { d.send("Slow", "meanwhile") }},
		{"journal", "write consumer offsets", func(op diskfault.Op) bool { return op.Kind == diskfault.Datasync && op.Name == "offsets.wal" },
			func(d *daemonUnderTest) { d.commitAt("Slow", 1) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDaemon(t)
			d.settings = append(d.settings, "syncFlushTimeout=300")
			fs := d.onFaultyDisk()
			b := d.brokerAlone()
			if r := d.send("Slow", "before"); r.Code != remoting.RespSuccess {
				t.Fatalf("%d %q", r.Code, r.Remark)
			}
			if r := d.heartbeat("cg"); r.Code != remoting.RespSuccess {
				t.Fatalf("a heartbeat: %d %q", r.Code, r.Remark)
			}
			gate, stalled := make(chan struct{}), new(atomic.Int64)
			open := sync.OnceFunc(func() { close(gate) })
			defer open()
			fs.Arm(diskfault.Plan{Hook: func(op diskfault.Op) {
				if tt.stalls(op) {
					stalled.Add(1)
					<-gate
				}
			}})
			tt.trigger(d)
			eventually(t, "the disk stands still", func() bool { return stalled.Load() > 0 })
			st := b.now.store
			var s stall
			begin := time.Now()
			if err := s.check(begin, st, stallTime); err != nil {
				t.Errorf("at once: %v", err)
			}
			if err := s.check(begin.Add(30*time.Second), st, stallTime); err != nil {
				t.Errorf("after half a minute: %v", err)
			}
			if err := s.check(begin.Add(stallTime), st, stallTime); err == nil || !strings.Contains(err.Error(), tt.what) {
				t.Errorf("after %v: %v; want %q", stallTime, err, tt.what)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if err := b.works(ctx); err != nil {
				t.Errorf("the watchdog would not be fed: %v", err)
			}
			b.stall = stall{of: st, seen: map[store.Work]time.Time{}}
			for _, w := range st.Work() {
				b.stall.seen[w] = time.Now().Add(-stallTime)
			}
			if err := b.works(ctx); err == nil || !strings.Contains(err.Error(), tt.what) {
				t.Errorf("the watchdog would be fed for ever: %v", err)
			}
			open()
			eventually(t, "the disk goes on", func() bool { return len(st.Work()) == 0 })
			if err := s.check(begin.Add(2*stallTime), st, stallTime); err != nil {
				t.Errorf("when the disk goes on: %v", err)
			}
		})
	}
}
