package store_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pairmq/hal/disk/diskfault"
	"pairmq/store"
	"pairmq/store/table"
)

// lostIndex is a disk with a log of count messages, 75 of which fill a segment, that was stopped in order and then lost its index.
func lostIndex(t *testing.T, count int) (*diskfault.FS, []ack, map[string][]string) {
	t.Helper()
	fs := diskfault.New(diskfault.Plan{Real: t.TempDir()})
	r := mustStart(t, options(fs, true))
	for n := range 3 {
		if err := r.PutTopic(table.Topic{Name: fmt.Sprintf("Topic%d", n), ReadQueueNums: queues, WriteQueueNums: queues, Perm: 6}); err != nil {
			t.Fatal(err)
		}
	}
	acks, err := putAll(r.Store, 0, count, 16, queues)
	if err != nil {
		t.Fatal(err)
	}
	r.CommitOffset("group", "Topic0", 0, 30)
	all := snapshot(t, r.Store, queues)
	if err := errors.Join(r.stop(), fs.Remove("meta.db")); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(acks, func(a, b ack) int { return int(a.phy - b.phy) })
	return fs, acks, all
}

// behindOptions open the store before its log is indexed.
func behindOptions(fs *diskfault.FS) store.Options {
	o := options(fs, true)
	o.OpenBehind = true
	return o
}

// caughtUp is CaughtUp of a store that was opened behind its log.
func caughtUp(t *testing.T, r *running) <-chan struct{} {
	t.Helper()
	c := r.CaughtUp()
	if c == nil {
		t.Fatal("the store was not opened behind its log")
	}
	return c
}

// TestReadsAreServedWhileTheIndexIsMadeAnew: consumers get what is indexed, wait for
// the rest, and are never sent back or told that there is nothing; nothing is stored.
func TestReadsAreServedWhileTheIndexIsMadeAnew(t *testing.T) {
	fs, acks, all := lostIndex(t, 1200)
	opts := behindOptions(fs)
	type look struct{ done, waiting int }
	var looks []look
	var s *store.Store
	first := make(chan struct{})
	opts.Arrived = func(news []store.Arrival) {
		<-first
		done, total, behind := s.Behind()
		if !behind || done < 0 || done > total {
			t.Errorf("Behind says %d of %d, %t", done, total, behind)
		}
		var l look
		for _, a := range acks {
			m := message(a.n, queues)
			r, err := s.Get(m.Topic, m.QueueID, a.offset, 1, 1<<20, nil)
			switch {
			case err == nil && r.Status == store.Found:
				l.done++
			case err == nil && r.Status == store.OffsetOverflowOne && r.NextBeginOffset == a.offset && a.phy >= done:
				l.waiting++
			default:
				t.Fatalf("message %d at %d with %d indexed: %v, goes on at %d instead of %d, %v", a.n, a.phy, done, r.Status, r.NextBeginOffset, a.offset, err)
			}
			r.Release()
		}
		looks = append(looks, l)
	}
	r, err := start(opts)
	if err != nil {
		t.Fatal(err)
	}
	s = r.Store
	if st := r.Stats(); !st.ReadOnly || st.MaxPhyOffset <= acks[len(acks)-1].phy {
		t.Errorf("read-only %t, the log ends at %d, want true, behind %d", st.ReadOnly, st.MaxPhyOffset, acks[len(acks)-1].phy)
	}
	if err := s.Put(sliceOf(message(1000, queues)), func(error) { t.Error("a message was stored") }); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("Put says %v, want ErrReadOnly", err)
	}
	if err := s.DeleteTopic("Topic1"); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("DeleteTopic says %v, want ErrReadOnly", err)
	}
	if b, err := s.RecordAt(acks[len(acks)-1].phy); err != nil || len(b) == 0 {
		t.Errorf("the newest record by its offset: %d bytes, %v", len(b), err)
	}
	close(first)
	<-caughtUp(t, r)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	parts := 0
	for i, l := range looks {
		if l.done > 0 && l.waiting > 0 {
			parts++
		}
		if i > 0 && l.done < looks[i-1].done {
			t.Errorf("look %d finds %d messages, the one before %d", i, l.done, looks[i-1].done)
		}
	}
	if parts < 10 {
		t.Errorf("%d looks of %d found some messages and not all: the test shows little", parts, len(looks))
	}
	t.Logf("looked %d times, %d of them with a part of the %d messages", len(looks), parts, len(acks))

	r = mustStart(t, behindOptions(fs)) // little is left to do
	if _, _, behind := r.Behind(); behind || r.Stats().ReadOnly || r.CaughtUp() != nil {
		t.Errorf("the next start is behind (%t) or read-only (%t)", behind, r.Stats().ReadOnly)
	}
	if got := snapshot(t, r.Store, queues); !maps.EqualFunc(got, all, slices.Equal) {
		t.Errorf("consumers see\n%v\nand saw\n%v", got, all)
	}
	if off, ok := r.Offset("group", "Topic0", 0); !ok || off != 30 {
		t.Errorf("the group goes on at %d, %t, want 30", off, ok)
	}
	more, err := putAll(r.Store, 2000, 20, 4, queues)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range append(acks, more...) {
		if err := checkAcked(r.Store, a, queues); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}

// TestPowerCutWhileReadsAreServedBehind: the making of the index goes on where it
// was, and loses nothing, wherever it was cut.
func TestPowerCutWhileReadsAreServedBehind(t *testing.T) {
	tried, resumed := 0, 0
	for cut, through := 1, false; !through; cut++ {
		fs, acks, all := lostIndex(t, 320)
		fs.Arm(diskfault.Plan{Seed: uint64(cut), CutAt: cut, Real: t.TempDir()})
		if r, err := start(behindOptions(fs)); err == nil {
			select {
			case <-caughtUp(t, r):
				through = !fs.Struck()
			case err := <-r.ended:
				r.ended <- err
			}
			_ = r.stop()
		}
		fs = fs.Restart()
		tried++
		r := mustStart(t, behindOptions(fs))
		if done := r.CaughtUp(); done != nil {
			resumed++
			<-done
			if err := r.stop(); err != nil {
				t.Fatalf("cut %d: %v", cut, err)
			}
			r = mustStart(t, behindOptions(fs))
		}
		for _, a := range acks {
			if err := checkAcked(r.Store, a, queues); err != nil {
				t.Fatalf("cut %d: %v", cut, err)
			}
		}
		if got := snapshot(t, r.Store, queues); !maps.EqualFunc(got, all, slices.Equal) {
			t.Fatalf("cut %d: consumers see\n%v\nand saw\n%v", cut, got, all)
		}
		if err := r.stop(); err != nil {
			t.Fatalf("cut %d: %v", cut, err)
		}
	}
	t.Logf("power was cut at %d points, %d starts after that were behind again", tried-1, resumed)
}

// TestFailureWhileReadsAreServedBehind: a disk that fails ends the store, as any
// failure does, and the next start goes on.
func TestFailureWhileReadsAreServedBehind(t *testing.T) {
	tried := 0
	for n := 1; ; n++ {
		fs, acks, _ := lostIndex(t, 320)
		fs.Arm(diskfault.Plan{Seed: uint64(n), FailAt: n, Real: t.TempDir()})
		r, err := start(behindOptions(fs))
		if err == nil {
			select {
			case <-caughtUp(t, r):
			case err := <-r.ended:
				r.ended <- err
			}
			err = r.stop()
		}
		if !fs.Struck() {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		tried++
		fs = fs.Restart()
		r = mustStart(t, options(fs, true))
		for _, a := range acks {
			if err := checkAcked(r.Store, a, queues); err != nil {
				t.Fatalf("failure %d: %v", n, err)
			}
		}
		if err := r.stop(); err != nil {
			t.Fatalf("failure %d: %v", n, err)
		}
	}
	t.Logf("%d operations failed in turn", tried)
}

// TestDamageEndsTheMakingOfTheIndex: what lies before the damage is served, and the
// next Open, which waits, says that the log is damaged.
func TestDamageEndsTheMakingOfTheIndex(t *testing.T) {
	fs, acks, _ := lostIndex(t, 300)
	bad := acks[len(acks)/2]
	if err := fs.Poke(fmt.Sprintf("commitlog/%020d", bad.phy/segment*segment), bad.phy%segment+90, []byte("\xff\xff\xff\xff\xff\xff")); err != nil {
		t.Fatal(err)
	}
	r := mustStart(t, behindOptions(fs))
	<-caughtUp(t, r)
	if done, total, _ := r.Behind(); done != bad.phy || done >= total {
		t.Errorf("%d of %d bytes are indexed, want %d", done, total, bad.phy)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r = mustStart(t, options(fs, true))
	if st := r.Stats(); !st.ReadOnly || st.MaxPhyOffset != bad.phy {
		t.Errorf("read-only %t, the log ends at %d, want true, %d", st.ReadOnly, st.MaxPhyOffset, bad.phy)
	}
	for _, a := range acks[:len(acks)/2] {
		if err := checkAcked(r.Store, a, queues); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}
