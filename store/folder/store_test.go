package folder_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"pairmq/hal/disk"
	"pairmq/store"
	"pairmq/store/record"
)

// segment is the segment size of these tests: small, so that logs roll.
const segment = 32 << 10

// makeStore leaves a store with some segments in a folder, after a clean stop.
func makeStore(t *testing.T, messages int, change func(*store.Options)) string {
	t.Helper()
	dir := t.TempDir()
	fill(t, dir, messages, change)
	return dir
}

func fill(t *testing.T, dir string, messages int, change func(*store.Options)) {
	t.Helper()
	fsys, err := disk.OS(dir)
	if err != nil {
		t.Fatal(err)
	}
	o := store.Options{FS: fsys, SegmentSize: segment, SyncFlush: true, ChunkBytes: 8 << 10, JournalBytes: 64 << 10, RecordCRC: true, IndexNoSync: true}
	if change != nil {
		change(&o)
	}
	s, err := store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	for i := range messages {
		m := record.Message{
			Topic: []string{"Orders", "Alarms"}[i%2], QueueID: int32(i / 2 % 2), Body: fmt.Appendf(nil, "%0*d", 300+i*37%500, i), BornTimestamp: int64(1000 + i),
			Properties: "TAGS\x01t\x02KEYS\x01k" + fmt.Sprint(i),
		}
		done := make(chan error, 1)
		if err := s.Put([]record.Message{m}, func(err error) { done <- err }); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// segmentFile is the path of the segment that begins at base.
func segmentFile(dir string, base int64) string {
	return filepath.Join(dir, "commitlog", fmt.Sprintf("%020d", base))
}

// change rewrites a file.
func change(t *testing.T, file string, f func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, f(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

// places are where the records of a segment begin.
func places(t *testing.T, dir string, base int64) (at []int) {
	t.Helper()
	b, err := os.ReadFile(segmentFile(dir, base))
	if err != nil {
		t.Fatal(err)
	}
	for off := 0; off < len(b); {
		v, err := record.Parse(b[off:], record.Limits{})
		if err != nil || v.PhyOffset() != base+int64(off) {
			return at
		}
		at = append(at, off)
		off += v.Size()
	}
	return at
}

// snapshot is all that a folder holds, to see that nothing changes.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var all bytes.Buffer
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		fmt.Fprintf(&all, "%s %d %x\n", path, len(b), binary.BigEndian.Uint32(append(sum(b), 0, 0, 0, 0)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
