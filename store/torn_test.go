package store_test

import (
	"bytes"
	"fmt"
	"testing"

	"pairmq/hal/disk/diskfault"
)

// TestATornRecordNeverCounts tears the last record at every byte: what should
// follow is still zero, or what a segment used before had there. A tear in its
// last bytes takes the checksum away, not only what it covers.
func TestATornRecordNeverCounts(t *testing.T) {
	zeros := func(n int) []byte { return make([]byte, n) }
	tearEverywhere(t, "zeros, no checksum", false, zeros)
	for name, rest := range map[string]func(n int) []byte{
		"zeros":      zeros,
		"old text":   func(n int) []byte { return bytes.Repeat([]byte("old text "), n/9+1)[:n] },
		"old record": func(n int) []byte { return bytes.Repeat([]byte{0, 0, 1, 0xda, 'K', 1, 'v', 2}, n/8+1)[:n] },
	} {
		tearEverywhere(t, name, true, rest)
	}
}

func tearEverywhere(t *testing.T, name string, crc bool, rest func(n int) []byte) {
	t.Run(name, func(t *testing.T) {
		fsys := diskfault.New(diskfault.Plan{Real: t.TempDir()})
		o := options(fsys, true)
		o.RecordCRC = crc
		r := mustStart(t, o)
		for n := range 3 {
			m := message(n, 1)
			m.Topic, m.QueueID, m.Body = "T", 0, m.Body[:20]
			put(t, r.Store, m)
		}
		last, err := r.Get("T", 0, 2, 1, 1<<20, nil)
		if err != nil || last.Count != 1 {
			t.Fatalf("%+v, %v", last, err)
		}
		size, end := len(last.Body), int(r.Confirmed())
		record := bytes.Clone(last.Body)
		left := fsys.Kill()
		_ = r.stop() // its disk is gone
		for kept := 1; kept < size; kept++ {
			if kept < size-30 && kept%7 != 0 {
				continue
			}
			torn := append(bytes.Clone(record[:kept]), rest(size-kept)...)
			if bytes.Equal(torn, record) {
				continue
			}
			if err := left.Poke(fmt.Sprintf("commitlog/%020d", 0), int64(end-size), torn); err != nil {
				t.Fatal(err)
			}
			o.FS = left
			r := mustStart(t, o)
			if got := r.MaxOffset("T", 0); got != 2 || r.Confirmed() != int64(end-size) {
				t.Errorf("%d of %d bytes: the queue ends at %d, the log at %d; want 2 and %d", kept, size, got, r.Confirmed(), end-size)
			}
			left = left.Kill()
			_ = r.stop()
		}
	})
}
