package index

import (
	"math"
	"testing"
	"time"

	"pairmq/hal/disk/diskfault"
	"pairmq/store/table"
)

// TestMergeOffsets: of two copies the one that was reset last counts, then the
// later one; and what was taken over is there after a crash if it was a reset.
func TestMergeOffsets(t *testing.T) {
	type state struct {
		offset  int64
		version uint32
	}
	none := state{-1, 0}
	tests := []struct {
		name        string
		have, other state
		want        state
		changed     bool
		durable     bool
	}{
		{"none here", none, state{5, 0}, state{5, 0}, true, false},
		{"none here of a reset one", none, state{5, 3}, state{5, 3}, true, false},
		{"later there", state{5, 0}, state{6, 0}, state{6, 0}, true, false},
		{"later here", state{5, 0}, state{4, 0}, state{5, 0}, false, false},
		{"the same", state{5, 1}, state{5, 1}, state{5, 1}, false, false},
		{"reset backwards there", state{5, 0}, state{2, 1}, state{2, 1}, true, true},
		{"reset to the same there", state{5, 1}, state{5, 2}, state{5, 2}, true, true},
		{"reset forwards there", state{5, 1}, state{9, 2}, state{9, 2}, true, true},
		{"reset here, earlier there", state{5, 2}, state{4, 1}, state{5, 2}, false, false},
		{"reset here, later there", state{5, 2}, state{9, 1}, state{9, 2}, true, false},
		{"a negative one", state{5, 0}, state{-1, 9}, state{5, 0}, false, false},
		{"a negative one and none here", none, state{-1, 9}, none, false, false},
	}
	for _, tt := range tests {
		dir := t.TempDir()
		x := openOS(t, dir, nil)
		if tt.have != none {
			if _, err := x.MergeOffsets([]table.Offset{{Group: "G", Topic: "T", QueueID: 3, Offset: tt.have.offset, Version: tt.have.version}}); err != nil {
				t.Fatal(err)
			}
			if err := x.FlushOffsets(); err != nil {
				t.Fatal(err)
			}
		}
		changed, err := x.MergeOffsets([]table.Offset{{Group: "G", Topic: "T", QueueID: 3, Offset: tt.other.offset, Version: tt.other.version}})
		if changed != tt.changed || err != nil {
			t.Errorf("%s: MergeOffsets = %v, %v, want %v", tt.name, changed, err, tt.changed)
		}
		check := func(when string, want state) {
			t.Helper()
			got := none
			for _, g := range x.Offsets("G") {
				got = state{g.Offset, g.Version}
			}
			if got != want {
				t.Errorf("%s: %s at %+v, want %+v", tt.name, when, got, want)
			}
		}
		check("merged", tt.want)
		crash(t, x)
		x = openOS(t, dir, nil)
		if tt.durable {
			check("after a crash", tt.want)
		}
		closeIndex(t, x)
	}
}

func TestNextVersion(t *testing.T) {
	tests := []struct {
		version uint32
		now     int64
		want    uint32
	}{
		{0, 1_800_000_000, 1_800_000_000},
		{1_800_000_000, 1_800_000_000, 1_800_000_001},
		{5, -3, 6}, // no clock
		{math.MaxUint32, 1, math.MaxUint32},
		{0, 1 << 40, math.MaxUint32},
	}
	for _, tt := range tests {
		if got := nextVersion(tt.version, time.Unix(tt.now, 0)); got != tt.want {
			t.Errorf("nextVersion(%d, %d) = %d, want %d", tt.version, tt.now, got, tt.want)
		}
	}
}

// TestRewindsAreWrittenByFlushes: going back costs the medium no more than going on.
func TestRewindsAreWrittenByFlushes(t *testing.T) {
	fs := diskfault.New(diskfault.Plan{Real: t.TempDir()})
	x := openFS(t, fs, nil)
	x.CommitOffset("G", "T", 0, 100)
	if err := x.FlushOffsets(); err != nil {
		t.Fatal(err)
	}
	before := fs.Stats()
	for i := range int64(50) {
		if err := x.RewindOffset(table.Offset{Group: "G", Topic: "T", Offset: 50 - i}); err != nil {
			t.Fatal(err)
		}
	}
	if now := fs.Stats(); now.Writes != before.Writes || now.Syncs != before.Syncs {
		t.Errorf("50 rewinds take %d writes and %d syncs, want none", now.Writes-before.Writes, now.Syncs-before.Syncs)
	}
	if err := x.FlushOffsets(); err != nil {
		t.Fatal(err)
	}
	if n := fs.Stats().Writes - before.Writes; n != 1 {
		t.Errorf("a flush of them takes %d writes, want 1", n)
	}
	closeIndex(t, x)
	x = openFS(t, fs, nil)
	defer closeIndex(t, x)
	if at, _ := x.Offset("G", "T", 0); at != 1 {
		t.Errorf("after a restart the group is at %d, want 1", at)
	}
}
