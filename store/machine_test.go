package store_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/hal/disk/diskfault"
	"pairmq/store"
)

// TestWhatIsSyncedOutlivesTheSupply: under ASYNC_FLUSH a power cut takes what was
// answered, unless Sync came between.
func TestWhatIsSyncedOutlivesTheSupply(t *testing.T) {
	for _, synced := range []bool{true, false} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			fs := diskfault.New(diskfault.Plan{Real: dir})
			opts := options(fs, false)
			opts.FlushInterval = time.Minute
			r := mustStart(t, opts)
			defer r.cancel()
			m := put(t, r.Store, message(1, 1))
			r.CommitOffset("group", m.Topic, 0, 1)
			if st := r.Stats(); st.DurablePhyOffset == st.MaxPhyOffset {
				t.Fatal("the message is on flash before anybody asked for it")
			}
			if synced {
				if err := r.Sync(); err != nil {
					t.Fatal(err)
				}
				syncs := fs.Stats().Syncs
				if err := r.Sync(); err != nil || fs.Stats().Syncs != syncs {
					t.Errorf("with nothing new: %v, %d syncs more", err, fs.Stats().Syncs-syncs)
				}
			}
			after := fs.Restart()
			r.cancel()
			<-r.ended // it fails, or finds nothing to write
			r.ended <- nil
			_ = r.stop()
			again := mustStart(t, options(after, false))
			defer again.cancel()
			if kept := again.MaxOffset(m.Topic, 0) == 1; kept != synced {
				t.Errorf("synced %v: the message is there: %v", synced, kept)
			}
			if offset, ok := again.Offset("group", m.Topic, 0); synced && (!ok || offset != 1) {
				t.Errorf("synced: the offset is %d, %v, want 1", offset, ok)
			}
			if err := again.stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestAHaltedStoreTakesNoMessages(t *testing.T) {
	r, _ := openOnDisk(t, true)
	defer r.stop()
	put(t, r.Store, message(1, 1))
	r.Halt("mains is off")
	err := r.Put(sliceOf(message(2, 1)), func(error) { t.Error("a refused Put was answered") })
	if !errors.Is(err, store.ErrHalted) || !strings.Contains(err.Error(), "mains is off") || r.Halted() != "mains is off" {
		t.Errorf("halted: %v, %q, want ErrHalted and why", err, r.Halted())
	}
	if err := r.Sync(); err != nil {
		t.Errorf("a halted store does not sync: %v", err)
	}
	r.Shut()
	r.Resume()
	if err := r.Put(sliceOf(message(2, 1)), func(error) {}); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("shut and resumed: %v, want ErrReadOnly", err)
	}
	r.Reopen()
	put(t, r.Store, message(3, 1))
	if got := r.Halted(); got != "" {
		t.Errorf("a store that was resumed is halted: %q", got)
	}
}

// TestALongerLingerKeepsThePromise: OK comes later, and means what it did.
func TestALongerLingerKeepsThePromise(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := mustStart(t, options(diskfault.New(diskfault.Plan{Real: dir}), true))
		defer r.cancel()
		put(t, r.Store, message(0, 1))
		for _, tt := range []struct{ ask, set time.Duration }{
			{0, 0}, {20 * time.Millisecond, 20 * time.Millisecond}, {time.Second, store.MaxLinger}, {-1, 0},
		} {
			if got := r.SetLinger(tt.ask); got != tt.set {
				t.Errorf("SetLinger(%v) is %v, want %v", tt.ask, got, tt.set)
			}
			begin, flushes := time.Now(), r.Stats().Flushes
			done := make(chan error, 2)
			for n := range 2 {
				if err := r.Put(sliceOf(message(n, 1)), func(err error) { done <- err }); err != nil {
					t.Fatal(err)
				}
				time.Sleep(tt.set / 2) // of the bubble's clock
			}
			for range 2 {
				if err := <-done; err != nil {
					t.Fatal(err)
				}
			}
			st := r.Stats()
			if took := time.Since(begin); took != tt.set || st.DurablePhyOffset != st.MaxPhyOffset {
				t.Errorf("linger %v: answered after %v, durable to %d of %d", tt.set, took, st.DurablePhyOffset, st.MaxPhyOffset)
			}
			if n := st.Flushes - flushes; tt.set > 0 && n != 1 {
				t.Errorf("linger %v: %d syncs for two messages, want 1", tt.set, n)
			}
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestLingerIsShorterThanSendersWait has them answered before they are told that it
// took too long.
func TestLingerIsShorterThanSendersWait(t *testing.T) {
	opts := options(diskfault.New(diskfault.Plan{Real: t.TempDir()}), true)
	opts.FlushTimeout = 40 * time.Millisecond
	r := mustStart(t, opts)
	defer r.stop()
	if got := r.SetLinger(time.Second); got != 10*time.Millisecond {
		t.Errorf("with a timeout of 40 ms it lingers for %v, want 10 ms", got)
	}
}

// TestAStoreAtRestReadsItsLogOverLessOften, but not never.
func TestAStoreAtRestReadsItsLogOverLessOften(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		fs := diskfault.New(diskfault.Plan{Real: dir})
		r := mustStart(t, options(fs, true))
		defer r.cancel()
		if _, err := putAll(r.Store, 0, 600, 8, queues); err != nil {
			t.Fatal(err)
		}
		<-time.After(12*time.Minute + 30*time.Second) // between two minutes of the store's
		pieces := func(minutes int) (n int) {
			for range minutes {
				before := fs.Stats().BytesRead
				<-time.After(time.Minute)
				if fs.Stats().BytesRead > before+segment/2 { // less is what upkeep reads
					n++
				}
			}
			return n
		}
		awake := pieces(22)
		r.Rest(true)
		resting := pieces(22)
		r.Rest(false)
		if again := pieces(22); awake < 15 || again < 15 || resting < 1 || resting > 3 {
			t.Errorf("in 22 minutes it reads %d pieces, at rest %d, then %d, want most of them, 1 to 3, most of them", awake, resting, again)
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
	})
}
