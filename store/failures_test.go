package store_test

import (
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/hal/disk/diskfault"
	"pairmq/store"
)

// hasFailed stops a store that must have stopped by itself.
func hasFailed(t *testing.T, r *running) {
	t.Helper()
	if err := <-r.ended; err == nil {
		t.Fatal("Run has not failed")
	}
	r.ended <- nil
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}

// TestADiskThatFailsTwiceIsNotWrittenAgain: a failed sync is final, the next start
// recovers; after a second one the store can be read and nothing more, until it
// has been for ten minutes.
func TestADiskThatFailsTwiceIsNotWrittenAgain(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		fs := diskfault.New(diskfault.Plan{Real: dir})
		var acks []ack
		for life := range 2 {
			r := mustStart(t, options(fs, true))
			more, err := putAll(r.Store, life*100, 50, 4, queues)
			if err != nil {
				t.Fatal(err)
			}
			acks = append(acks, more...)
			fs.Arm(diskfault.Plan{Only: diskfault.Datasync, FailAt: 1, Real: dir}) // once, and lies afterwards
			lost, err := putAll(r.Store, life*100+50, 10, 1, queues)
			if !errors.Is(err, store.ErrFailed) || len(lost) > 0 {
				t.Fatalf("after a failed sync %d were acknowledged, %v", len(lost), err)
			}
			if _, err := putAll(r.Store, life*100+70, 1, 1, queues); !errors.Is(err, store.ErrFailed) {
				t.Fatalf("a later send says %v", err)
			}
			hasFailed(t, r)
		}
		r := mustStart(t, options(fs, true))
		before := fs.Stats()
		if st := r.Stats(); !st.ReadOnly {
			t.Fatal("after two failures the store is not read-only")
		}
		if _, err := putAll(r.Store, 500, 1, 1, queues); !errors.Is(err, store.ErrReadOnly) {
			t.Errorf("a send says %v, want ErrReadOnly", err)
		}
		for _, a := range acks {
			if err := checkAcked(r.Store, a, queues); err != nil {
				t.Fatal(err)
			}
		}
		if now := fs.Stats(); now.BytesWritten != before.BytesWritten {
			t.Errorf("the read-only store has written %d bytes", now.BytesWritten-before.BytesWritten)
		}
		<-time.After(11 * time.Minute)
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		r = mustStart(t, options(fs, true))
		more, err := putAll(r.Store, 600, 20, 4, queues)
		if err != nil {
			t.Fatalf("after ten minutes without a failure: %v", err)
		}
		for _, a := range append(acks, more...) {
			if err := checkAcked(r.Store, a, queues); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestAFileSystemThatTurnsReadOnly, as ext4 does after an error: no OK is given
// any more, what was stored can be read, and nothing is lost when it is writable
// again.
func TestAFileSystemThatTurnsReadOnly(t *testing.T) {
	dir := t.TempDir()
	fs := diskfault.New(diskfault.Plan{Real: dir})
	r := mustStart(t, options(fs, true))
	acks, err := putAll(r.Store, 0, 100, 4, queues)
	if err != nil {
		t.Fatal(err)
	}
	fs.Arm(diskfault.Plan{FailAt: 1, Sticky: true, Err: syscall.EROFS, Real: dir})
	if lost, err := putAll(r.Store, 200, 20, 4, queues); !errors.Is(err, store.ErrFailed) || len(lost) > 0 {
		t.Fatalf("%d were acknowledged, %v", len(lost), err)
	}
	for _, a := range acks {
		if err := checkAcked(r.Store, a, queues); err != nil {
			t.Fatal(err)
		}
	}
	hasFailed(t, r)
	if _, err := store.Open(options(fs, true)); !errors.Is(err, syscall.EROFS) {
		t.Errorf("opened again it says %v, want EROFS", err)
	}
	fs.Arm(diskfault.Plan{Real: dir})
	r = mustStart(t, options(fs, true))
	for _, a := range acks {
		if err := checkAcked(r.Store, a, queues); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}
