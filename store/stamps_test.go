package store_test

import (
	"testing"
	"testing/synctest"
	"time"

	"pairmq/hal/disk/diskfault"
)

// TestStampsOverAStop: store timestamps do not run backwards over a clean stop either,
// after which the log is not read, although the machine comes up with an earlier clock.
func TestStampsOverAStop(t *testing.T) {
	fs := diskfault.New(diskfault.Plan{Real: t.TempDir()})
	var first, second int64
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Hour)
		r := mustStart(t, options(fs, true))
		first = put(t, r.Store, message(0, 1)).StoreTimestamp
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
	})
	synctest.Test(t, func(t *testing.T) { // the clock is an hour behind
		r := mustStart(t, options(fs, true))
		if got := r.NewestStoreTimestamp(); got != first {
			t.Errorf("the newest store timestamp is %d, want %d", got, first)
		}
		second = put(t, r.Store, message(1, 1)).StoreTimestamp
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
	})
	if second < first {
		t.Errorf("a message is stored at %d after one at %d", second, first)
	}
}

// TestProgress is kept as consumer offsets are, and is in nobody's list.
func TestProgress(t *testing.T) {
	fs := diskfault.New(diskfault.Plan{Real: t.TempDir()})
	r := mustStart(t, options(fs, true))
	m := message(0, 1)
	m.Topic, m.QueueID = "T", 0
	for range 5 {
		put(t, r.Store, m)
	}
	r.CommitOffset("group", "T", 0, 1)
	r.CommitProgress("T", 0, 4)
	r.CommitProgress("T", 0, 3)
	r.CommitProgress("T", 1, 9) // of a queue that is not there
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r = mustStart(t, options(fs, true))
	for id, want := range []int64{4, 0} {
		if got, ok := r.Progress("T", int32(id)); got != want || !ok {
			t.Errorf("queue %d is at %d, %v; want %d", id, got, ok, want)
		}
	}
	if err := r.ResetProgress("T", 0, 2); err != nil {
		t.Fatal(err)
	}
	if all := r.AllProgress(); len(all) != 2 || all[0].Offset != 2 {
		t.Errorf("progress %+v, want two queues, the first at 2", all)
	}
	if all := r.AllOffsets(); len(all) != 1 || len(all["group"]) != 1 {
		t.Errorf("consumer offsets %v, want the group's alone", all)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}
