package index

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"pairmq/hal/disk/diskfault"
)

// TestFlushSyncs looks at when a flush reaches the medium: with the first record
// since the last sync, else after 30 s.
func TestFlushSyncs(t *testing.T) {
	fs := diskfault.New(diskfault.Plan{Real: t.TempDir()})
	now := time.UnixMilli(1_800_000_000_000)
	x := openFS(t, fs, func(o *Options) { o.Now = func() time.Time { return now } })
	defer closeIndex(t, x)
	end := int64(0)
	steps := []struct {
		name        string
		commit      bool
		record      bool
		wait        time.Duration
		write, sync int
	}{
		{"nothing new", false, false, 0, 0, 0},
		{"a commit alone", true, false, 5 * time.Second, 1, 0},
		{"another", true, false, 5 * time.Second, 1, 0},
		{"nothing more", false, false, 5 * time.Second, 0, 0},
		{"nothing more for 30 s", false, false, 15 * time.Second, 0, 1},
		{"still nothing", false, false, time.Minute, 0, 0},
		{"a commit after a long time", true, false, 0, 1, 1},
		{"a commit and a record", true, true, time.Second, 1, 1},
		{"a record alone", false, true, time.Second, 0, 0},
	}
	for i, step := range steps {
		now = now.Add(step.wait)
		if step.commit {
			x.CommitOffset("G", "T", 0, int64(i))
		}
		if step.record {
			x.Apply(Record{PhyOffset: end, Size: 100, Topic: "T"})
			end += 100
		}
		before := fs.Stats()
		if err := x.FlushOffsets(); err != nil {
			t.Fatal(err)
		}
		after := fs.Stats()
		if write, sync := after.Writes-before.Writes, after.Syncs-before.Syncs; write != step.write || sync != step.sync {
			t.Errorf("%s: %d writes and %d syncs, want %d and %d", step.name, write, sync, step.write, step.sync)
		}
	}
}

// TestFirstCommitsAtOnce: a group's first offsets come from all of its queues at once where
// its consumers stop, and each counts.
func TestFirstCommitsAtOnce(t *testing.T) {
	x := openFS(t, diskfault.New(diskfault.Plan{Real: t.TempDir()}), func(o *Options) { o.JournalBytes = 4 << 20 })
	defer closeIndex(t, x)
	const groups, queues = 500, 8
	for g := range groups {
		group, begin := fmt.Sprint("G", g), make(chan struct{})
		var all sync.WaitGroup
		for q := range int32(queues) {
			all.Go(func() {
				<-begin
				x.CommitOffset(group, "T", q, int64(q)+1)
			})
		}
		close(begin)
		all.Wait()
		for q := range int32(queues) {
			if at, ok := x.Offset(group, "T", q); !ok || at != int64(q)+1 {
				t.Fatalf("%s is at %d (%t) in queue %d, want %d", group, at, ok, q, q+1)
			}
		}
	}
}

// TestFlushIsSmall holds a flush to the pages that it needs.
func TestFlushIsSmall(t *testing.T) {
	fs := diskfault.New(diskfault.Plan{Real: t.TempDir()})
	x := openFS(t, fs, func(o *Options) { o.JournalBytes = 4 << 20 })
	defer closeIndex(t, x)
	for q := range int32(2048) {
		x.CommitOffset("G", fmt.Sprintf("topic%d", q/64), q%64, 1)
	}
	if err := x.FlushOffsets(); err != nil {
		t.Fatal(err)
	}
	before := fs.Stats().BytesWritten
	const flushes = 200
	for i := range int64(flushes) {
		for q := range int32(64) {
			x.CommitOffset("G", "topic3", q, 2+i)
		}
		if err := x.FlushOffsets(); err != nil {
			t.Fatal(err)
		}
	}
	if got := fs.Stats().BytesWritten - before; got > flushes*pageSize {
		t.Errorf("%d flushes of 64 offsets wrote %d bytes, want one page each", flushes, got)
	}
}

func TestTooManyOffsets(t *testing.T) {
	dir := t.TempDir()
	x := openOS(t, dir, func(o *Options) { o.JournalBytes = 4 * pageSize })
	for q := range int32(10000) {
		x.CommitOffset("G", "T", q, 1)
	}
	kept := len(x.Offsets("G"))
	if kept == 0 || kept > 2*pageSize/offsetEntrySize {
		t.Errorf("%d offsets are kept in a journal of two pages a half", kept)
	}
	if err := x.ResetOffset("G", "T", 9999, 1); !errors.Is(err, ErrTooMany) {
		t.Errorf("ResetOffset = %v, want ErrTooMany", err)
	}
	x.CommitOffset("G", "T", 0, 2)
	if err := x.FlushOffsets(); err != nil {
		t.Errorf("FlushOffsets = %v", err)
	}
	if err := x.DeleteOffsets("G"); err != nil {
		t.Fatal(err)
	}
	x.CommitOffset("H", "T", 9999, 1)
	if got := x.Offsets("H"); len(got) != 1 {
		t.Errorf("after DeleteOffsets there is room, but Offsets = %v", got)
	}
	closeIndex(t, x)
}

// TestJournalGrows opens a file whose offsets need a larger journal.
func TestJournalGrows(t *testing.T) {
	dir := t.TempDir()
	x := openOS(t, dir, nil)
	for q := range int32(1000) {
		x.CommitOffset("G", "T", q, int64(q))
	}
	want := x.Offsets("G")
	closeIndex(t, x)
	for range 2 {
		replaceJournal(t, dir, 4*pageSize)
		x = openOS(t, dir, tinyJournal)
		x.CommitOffset("G", "T", 0, 0)
		if err := x.FlushOffsets(); err != nil {
			t.Fatal(err)
		}
		crash(t, x)
		x = openOS(t, dir, tinyJournal)
		if got := x.Offsets("G"); !slices.Equal(got, want) {
			t.Fatalf("%d offsets came back, want %d", len(got), len(want))
		}
		closeIndex(t, x)
	}
}

func TestClampOffsets(t *testing.T) {
	x := openOS(t, t.TempDir(), nil)
	defer closeIndex(t, x)
	for i := range int64(100) {
		x.Apply(Record{PhyOffset: i * 100, Size: 100, Topic: "T", QueueOffset: i})
	}
	if err := x.DropBefore(2000); err != nil {
		t.Fatal(err)
	}
	for group, offset := range map[string]int64{"below": 3, "within": 50, "end": 100, "beyond": 101} {
		x.CommitOffset(group, "T", 0, offset)
	}
	x.CommitOffset("nowhere", "U", 7, 12)
	if got := x.ClampOffsets(); got != 3 {
		t.Errorf("ClampOffsets changed %d, want 3", got)
	}
	for group, want := range map[string]int64{"below": 20, "within": 50, "end": 100, "beyond": 100} {
		if got, _ := x.Offset(group, "T", 0); got != want {
			t.Errorf("offset of the group %s is %d, want %d", group, got, want)
		}
	}
	if got, ok := x.Offset("nowhere", "U", 7); got != 0 || !ok {
		t.Errorf("offset in a queue without units is %d, %v, want 0", got, ok)
	}
	if got := x.ClampOffsets(); got != 0 {
		t.Errorf("ClampOffsets again changed %d, want 0", got)
	}
}
