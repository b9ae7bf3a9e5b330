package main

import (
	"context"
	"net/netip"
	"sync"
	"testing"

	"pairmq/hal/disk"
	"pairmq/store"
	"pairmq/store/record"
)

// TestProgressGoesWithTheLog: of a slave whose log is cut off nobody says any more how far
// transactions are, and of one whose log goes on it stays.
func TestProgressGoesWithTheLog(t *testing.T) {
	for name, cut := range map[string]func(f following) error{
		"truncated": func(f following) error { _, err := f.Truncate(0); return err },
		"reset":     func(f following) error { return f.Reset(2 * f.SegmentSize()) },
	} {
		t.Run(name, func(t *testing.T) {
			fs, err := disk.OS(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			st, err := store.Open(store.Options{FS: fs, SegmentSize: 64 << 10, Copy: true})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() {
				if err := st.Run(ctx); err != nil {
					t.Error(err)
				}
			})
			defer func() {
				cancel()
				running.Wait()
				if err := st.Close(); err != nil {
					t.Error(err)
				}
			}()
			progress := func(want int64) {
				t.Helper()
				for _, topic := range []string{"RMQ_SYS_TRANS_HALF_TOPIC", "RMQ_SYS_TRANS_OP_HALF_TOPIC"} {
					if at, _ := st.Progress(topic, 0); at != want {
						t.Errorf("%s is worked off up to %d, want %d", topic, at, want)
					}
				}
			}
			st.CommitProgress("RMQ_SYS_TRANS_HALF_TOPIC", 0, 7)
			st.CommitProgress("RMQ_SYS_TRANS_OP_HALF_TOPIC", 0, 7)
			f := following{st.Follow(), st}
			add := func() {
				t.Helper()
				host := netip.MustParseAddrPort("127.0.0.1:10911")
				m := record.Message{Topic: "T", BornHost: host, StoreHost: host, Body: []byte("b"), PhyOffset: f.End()}
				if err := f.AppendRaw(f.End(), record.Append(nil, &m)); err != nil {
					t.Fatal(err)
				}
			}
			if name == "truncated" {
				add()
			}
			progress(7)
			if err := cut(f); err != nil {
				t.Fatal(err)
			}
			progress(0)
			add()
		})
	}
}
