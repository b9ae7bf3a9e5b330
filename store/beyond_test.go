package store_test

import (
	"fmt"
	"testing"

	"pairmq/hal/disk"
	"pairmq/store"
)

// logAt gives fs a log that begins at offset start and is empty so far, as one is whose
// older segments were given back.
func logAt(t *testing.T, fs disk.FS, start int64) {
	t.Helper()
	if err := fs.MkdirAll("commitlog"); err != nil {
		t.Fatal(err)
	}
	f, err := fs.Create(fmt.Sprintf("commitlog/%020d", start))
	if err == nil {
		err = f.Allocate(segment)
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = fs.SyncDir("commitlog")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What 32 bits cannot count must make no difference to a log: it begins before
// and beyond 2 GiB, 4 GiB and a TiB, goes over the boundary, is read by every path, is
// recovered with its index and without, and is copied to another half.
func TestOffsetsBeyond32Bits(t *testing.T) {
	const count, queues = 400, 2
	for _, start := range []int64{1<<31 - segment, 1 << 31, 1<<32 - segment, 1 << 32, 1<<40 - segment, 1<<62 - segment} {
		t.Run(fmt.Sprint(start), func(t *testing.T) {
			fs, err := disk.OS(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			logAt(t, fs, start)
			r := mustStart(t, options(fs, true))
			acks, err := putAll(r.Store, 0, count, 8, queues)
			if err != nil {
				t.Fatal(err)
			}
			end := r.Stats().MaxPhyOffset
			if end < start+4*segment {
				t.Fatalf("the log ends at %d, want some segments beyond %d", end, start)
			}
			checkBeyond(t, r.Store, acks, start, queues)
			if err := r.stop(); err != nil {
				t.Fatal(err)
			}
			for _, without := range []string{"", "meta.db"} {
				if without != "" {
					if err := fs.Remove(without); err != nil {
						t.Fatal(err)
					}
				}
				again := mustStart(t, options(fs, true))
				if got := again.Stats().MaxPhyOffset; got != end {
					t.Errorf("without %q: the log ends at %d after a start, want %d", without, got, end)
				}
				checkBeyond(t, again.Store, acks, start, queues)
				if err := again.stop(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// checkBeyond reads every acknowledged message by its queue and by its place.
func checkBeyond(t *testing.T, s *store.Store, acks []ack, start int64, queues int32) {
	t.Helper()
	for _, a := range acks {
		if a.phy < start {
			t.Fatalf("message %d lies at %d, before the log's start %d", a.n, a.phy, start)
		}
		if err := checkAcked(s, a, queues); err != nil {
			t.Fatal(err)
		}
		b, err := s.RecordAt(a.phy)
		if err != nil {
			t.Fatalf("message %d at %d: %v", a.n, a.phy, err)
		}
		raw := make([]byte, len(b))
		if n, err := s.ReadRaw(raw, a.phy); err != nil || string(raw[:n]) != string(b[:n]) || n == 0 {
			t.Fatalf("message %d at %d, for a slave: %d bytes, %v", a.n, a.phy, n, err)
		}
	}
}
