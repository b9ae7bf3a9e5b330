package store_test

import (
	"fmt"
	"net/netip"
	"testing"

	"pairmq/hal/disk/diskfault"
	"pairmq/store"
	"pairmq/store/record"
)

// TestACopyIsStoppedBeforeItsFirstRecord: it has begun where its master does, or was cut off where it begins, and has
// nothing yet. It stops in order, and the next start goes on, whether or not there is a file by then.
func TestACopyIsStoppedBeforeItsFirstRecord(t *testing.T) {
	const begin = 7 * segment
	host := netip.MustParseAddrPort("127.0.0.1:10911")
	at := func(off int64) []byte {
		return record.Append(nil, &record.Message{Topic: "T", BornHost: host, StoreHost: host, Body: []byte("b"), PhyOffset: off})
	}
	fileAt := func(fs *diskfault.FS, off int64) bool {
		f, err := fs.Open(fmt.Sprintf("commitlog/%020d", off))
		return err == nil && f.Close() == nil
	}
	cases := map[string]struct {
		empty func(t *testing.T, f *store.Follower)
		file  bool // wait until there is one
	}{
		"begun, with a file":    {empty: func(t *testing.T, f *store.Follower) {}, file: true},
		"begun, without a file": {empty: func(t *testing.T, f *store.Follower) {}},
		"cut off": {empty: func(t *testing.T, f *store.Follower) {
			if err := f.AppendRaw(begin, at(begin)); err != nil {
				t.Fatal(err)
			}
			settleWritten(t, f)
			if _, err := f.Truncate(begin); err != nil {
				t.Fatal(err)
			}
		}, file: true},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			fs := diskfault.New(diskfault.Plan{Real: t.TempDir()})
			s, err := store.Open(copyOptions(fs, true))
			if err != nil {
				t.Fatal(err)
			}
			f := s.Follow()
			if err := f.Reset(begin); err != nil { // before Run no file is made
				t.Fatal(err)
			}
			stop := s.Close
			if tt.file {
				stop = run(s).stop
				tt.empty(t, f)
				waitUntil(t, func() bool { return fileAt(fs, begin) })
			}
			if err := stop(); err != nil {
				t.Fatalf("stop: %v", err)
			}
			if fileAt(fs, begin) != tt.file {
				t.Fatalf("the file is there: %v, want %v", !tt.file, tt.file)
			}

			r := mustStart(t, copyOptions(fs, true))
			f = r.Follow()
			want := int64(0)
			if tt.file {
				want = begin
			}
			if f.Start() != want || f.End() != want || r.Stats().ReadOnly {
				t.Errorf("then the log has %d to %d, want nothing at %d; read-only %v", f.Start(), f.End(), want, r.Stats().ReadOnly)
			}
			if !tt.file {
				if err := f.Reset(begin); err != nil {
					t.Fatal(err)
				}
			}
			if err := f.AppendRaw(begin, at(begin)); err != nil {
				t.Fatal(err)
			}
			settle(t, r.Store, f)
			if got := r.MaxOffset("T", 0); got != 1 {
				t.Errorf("the queue ends at %d, want 1", got)
			}
			if err := r.stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
