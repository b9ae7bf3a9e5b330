package disk

import (
	"bytes"
	"fmt"
	"testing"
)

// A file is written, read and measured beyond 2 and 4 GiB as before them: what the kernel is
// told has 64 bits on every machine. The file is a hole but for what is written.
func TestFilesBeyond32Bits(t *testing.T) {
	fs, err := OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f, err := fs.Create("sparse")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const piece = 8 << 10
	ends := []int64{1 << 31, 1 << 32, 1<<32 + 1<<31, 5 << 32}
	if err := f.Truncate(ends[len(ends)-1] + piece); err != nil {
		t.Fatal(err)
	}
	for i, end := range ends {
		p := bytes.Repeat([]byte{byte(i + 1)}, 2*piece)
		if n, err := f.WriteAt(p, end-piece); err != nil || n != len(p) {
			t.Fatalf("%d bytes written over %d: %v", n, end, err)
		}
	}
	if err := f.Datasync(); err != nil {
		t.Fatal(err)
	}
	if err := f.DropCache(ends[1], piece); err != nil {
		t.Error(err)
	}
	if size, err := f.Size(); err != nil || size != ends[len(ends)-1]+piece {
		t.Errorf("Size is %d, %v; want %d", size, err, ends[len(ends)-1]+piece)
	}
	for i, end := range ends {
		for _, at := range []int64{end - piece, end} {
			got := make([]byte, piece)
			if _, err := f.ReadAt(got, at); err != nil || !bytes.Equal(got, bytes.Repeat([]byte{byte(i + 1)}, piece)) {
				t.Errorf("at %d: %v, begins with %v, want %d", at, err, got[:4], i+1)
			}
		}
	}
	got := make([]byte, piece)
	if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, make([]byte, piece)) {
		t.Errorf("the front, which nobody wrote: %v, begins with %v", err, got[:4])
	}
	entries, err := fs.ReadDir(".")
	if err != nil || len(entries) != 1 || entries[0].Size != ends[len(ends)-1]+piece {
		t.Errorf("the folder lists %+v, %v", entries, err)
	}
	if err := f.Truncate(1<<32 + 1); err != nil {
		t.Fatal(err)
	}
	if size, err := f.Size(); err != nil || fmt.Sprint(size) != "4294967297" {
		t.Errorf("cut to 4 GiB and a byte it has %d, %v", size, err)
	}
}
