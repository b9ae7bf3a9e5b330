package index

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// pagesWritten counts the pages in which two states of a file differ.
func pagesWritten(before, after []byte) (n int) {
	for at := 0; at < len(after); at += pageSize {
		end := min(at+pageSize, len(after))
		if end > len(before) || !bytes.Equal(before[at:end], after[at:end]) {
			if end <= len(before) || !isZero(after[at:end]) {
				n++
			}
		}
	}
	return n
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// TestBytesPerRecord holds the index to its share of the flash: whole chunks of
// 16 MiB, one key per record, in a file that has chunks already.
func TestBytesPerRecord(t *testing.T) {
	for _, test := range []struct {
		name   string
		queues int64
		size   int64
		most   float64 // bytes per record
	}{
		{"1 KiB records, 64 queues", 64, 1024, 23},
		{"2 KiB records, 64 queues", 64, 2048, 23},
		{"128 B records, 64 queues", 64, 128, 21},
	} {
		dir := t.TempDir()
		x := openOS(t, dir, nil)
		file := filepath.Join(dir, "meta.db")
		var before []byte
		written, i := 0, int64(0)
		const chunks = 2
		for chunk := range chunks {
			n := (16 << 20) / test.size
			for range n {
				r := Record{PhyOffset: i * test.size, Size: int32(test.size), Topic: "T", QueueID: int32(i % test.queues), QueueOffset: i / test.queues,
					Keys: []uint32{uint32(i * 2654435761)}}
				x.Apply(r)
				i++
			}
			if err := x.Seal(i * test.size); err != nil {
				t.Fatal(err)
			}
			if x.Checkpoint() != i*test.size {
				t.Fatalf("%s: Checkpoint = %d, want %d", test.name, x.Checkpoint(), i*test.size)
			}
			after, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if chunk > 0 {
				written += pagesWritten(before, after)
			}
			before = after
		}
		records := (chunks - 1) * (16 << 20) / test.size
		if got := float64(written*pageSize) / float64(records); got > test.most {
			t.Errorf("%s: %.1f bytes are written per record, want at most %v", test.name, got, test.most)
		} else {
			t.Logf("%s: %.1f bytes per record", test.name, got)
		}
		closeIndex(t, x)
	}
}

// TestTailMemory holds a full tail to 4 MiB, and an idle index to almost none.
func TestTailMemory(t *testing.T) {
	x := openOS(t, t.TempDir(), nil)
	defer closeIndex(t, x)
	empty := heap()
	const records = 131071
	for i := range int64(records) {
		x.Apply(Record{PhyOffset: i * 128, Size: 128, Topic: "T", QueueID: int32(i % 64), QueueOffset: i / 64, Keys: []uint32{uint32(i)}})
	}
	if got := heap() - empty; got > 4<<20 {
		t.Errorf("a full tail takes %d bytes, want at most 4 MiB", got)
	}
	if err := x.SealAll(records * 128); err != nil {
		t.Fatal(err)
	}
	if got := heap() - empty; got > 256<<10 {
		t.Errorf("an idle index takes %d bytes, want at most 256 KiB", got)
	}
	runtime.KeepAlive(x)
}

// heap returns the bytes in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}
