package store_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/hal/disk/diskfault"
	"pairmq/store"
	"pairmq/store/record"
)

// TestALazyTopicWaitsForNobody: its messages are answered and visible without a
// sync, and on flash in time; a message of another topic takes them along.
func TestALazyTopicWaitsForNobody(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		fs := diskfault.New(diskfault.Plan{Real: dir})
		opts := options(fs, true)
		opts.Within = func(topic string) time.Duration {
			if topic == "Debug" {
				return 30 * time.Second
			}
			return 0
		}
		r := mustStart(t, opts)
		defer r.cancel()
		send := func(topic string) record.Message {
			m := message(1, 1)
			m.Topic = topic
			return put(t, r.Store, m)
		}
		syncs := r.Stats().Flushes
		for range 10 {
			m := send("Debug")
			if g, err := r.Get("Debug", m.QueueID, m.QueueOffset, 1, 1<<20, nil); err != nil || g.Status != store.Found {
				t.Fatalf("an answered message is not visible: %v, %v", g.Status, err)
			}
		}
		if got := r.Stats(); got.Flushes != syncs || got.DurablePhyOffset == got.MaxPhyOffset {
			t.Errorf("%d syncs for a lazy topic", got.Flushes-syncs)
		}
		send("Alarm")
		if got := r.Stats(); got.Flushes != syncs+1 || got.DurablePhyOffset != got.MaxPhyOffset {
			t.Errorf("after a message of another topic %d syncs, durable to %d of %d", got.Flushes-syncs, got.DurablePhyOffset, got.MaxPhyOffset)
		}
		send("Debug")
		<-time.After(31 * time.Second)
		if got := r.Stats(); got.Flushes != syncs+2 || got.DurablePhyOffset != got.MaxPhyOffset {
			t.Errorf("after 31 s %d syncs, durable to %d of %d", got.Flushes-syncs, got.DurablePhyOffset, got.MaxPhyOffset)
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestASlowDiskStopsNobodyElse: while a sync takes 30 seconds, senders are told in
// time, and readers, offsets and tables that need no disk go on.
func TestASlowDiskStopsNobodyElse(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		fs := diskfault.New(diskfault.Plan{Real: dir})
		r := mustStart(t, options(fs, true))
		defer r.cancel()
		acks, err := putAll(r.Store, 0, 30, 4, queues)
		if err != nil {
			t.Fatal(err)
		}
		fs.Arm(diskfault.Plan{Real: dir, Hook: func(op diskfault.Op) {
			if op.Kind == diskfault.Datasync {
				<-time.After(30 * time.Second)
			}
		}})
		begin := time.Now()
		done := make(chan error, 1)
		if err := r.Put(sliceOf(message(100, queues)), func(err error) { done <- err }); err != nil {
			t.Fatal(err)
		}
		err = <-done
		if got := time.Since(begin); !isTimeout(err) || got < 5*time.Second || got > 6*time.Second {
			t.Errorf("the sender is told %v after %v, want ErrFlushTimeout after 5 s", err, got)
		}
		begin = time.Now()
		for _, a := range acks {
			if err := checkAcked(r.Store, a, queues); err != nil {
				t.Fatal(err)
			}
		}
		r.CommitOffset("group", "Topic0", 0, 3)
		if got := time.Since(begin); got > 0 {
			t.Errorf("readers and offsets waited for %v", got)
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		fs.Arm(diskfault.Plan{Real: dir})
		r = mustStart(t, options(fs, true))
		if end := r.MaxOffset("Topic1", 1); end == 0 {
			t.Error("what was stored late is gone")
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestWhereverTheDiskIsSlow: whichever file's sync takes 30 s, senders are told in
// time, by nothing but their own deadline, and readers, consumer offsets and status wait for nothing.
func TestWhereverTheDiskIsSlow(t *testing.T) {
	stalls := map[string]func(op diskfault.Op) bool{
		"log": func(op diskfault.Op) bool {
			return op.Kind == diskfault.Datasync && strings.HasPrefix(op.Name, "commitlog/")
		},
		"index":     func(op diskfault.Op) bool { return op.Kind == diskfault.Atomic },
		"journal":   func(op diskfault.Op) bool { return op.Kind == diskfault.Datasync && op.Name == "offsets.wal" },
		"new files": func(op diskfault.Op) bool { return op.Kind == diskfault.Sync || op.Kind == diskfault.SyncDir },
	}
	for name, slow := range stalls {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				fs := diskfault.New(diskfault.Plan{Real: dir})
				opts := options(fs, true)
				if opts.ChunkBytes = 1 << 30; name == "index" {
					opts.ChunkBytes = 4 << 10 // so that there is something to commit
				}
				r := mustStart(t, opts)
				defer r.cancel()
				acks, err := putAll(r.Store, 0, 60, 4, queues)
				if err != nil {
					t.Fatal(err)
				}
				r.CommitOffset("group", "Topic0", 0, 1)
				var stalled atomic.Int64
				fs.Arm(diskfault.Plan{Real: dir, Hook: func(op diskfault.Op) {
					if slow(op) {
						stalled.Add(1)
						<-time.After(30 * time.Second)
					}
				}})
				for second := range 60 {
					<-time.After(time.Second)
					answered := make(chan error, 1)
					begin := time.Now()
					m := message(1000+second, queues)
					m.Body = make([]byte, segment/16) // so that the next segment is wanted
					err := r.Put(sliceOf(m), func(err error) { answered <- err })
					if waited := time.Since(begin); waited > time.Second || err != nil && !errors.Is(err, store.ErrBusy) {
						t.Fatalf("second %d: a send is refused after %v: %v", second, waited, err)
					}
					if sent := begin; err == nil {
						go func() {
							if err := <-answered; err != nil && !isTimeout(err) || time.Since(sent) > 6*time.Second {
								t.Errorf("second %d: a sender is told %v after %v", second, err, time.Since(sent))
							}
						}()
					}
					begin = time.Now()
					for _, a := range acks {
						if err := checkAcked(r.Store, a, queues); err != nil {
							t.Fatal(err)
						}
					}
					r.CommitOffset("group", "Topic0", 0, int64(second+2))
					if got, _ := r.Offset("group", "Topic0", 0); got != int64(second+2) {
						t.Errorf("the offset is %d, committed was %d", got, second+2)
					}
					_ = r.Stats()
					if waited := time.Since(begin); waited > 0 {
						t.Fatalf("second %d: readers, offsets and status waited for %v", second, waited)
					}
				}
				if stalled.Load() == 0 {
					t.Error("the disk was never slow")
				}
				fs.Arm(diskfault.Plan{Real: dir})
				<-time.After(time.Minute)
				if err := r.stop(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

func isTimeout(err error) bool { return errors.Is(err, store.ErrFlushTimeout) }
