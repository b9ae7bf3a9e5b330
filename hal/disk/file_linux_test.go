package disk

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// Where the file system cannot allocate, zeros are written, behind what is there.
func TestFillZeroKeepsWhatIsThere(t *testing.T) {
	d, err := OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f, err := d.Create("a")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("abc"), 0); err != nil {
		t.Fatal(err)
	}
	const size = 150_001
	for _, n := range []int64{2, size} {
		if err := f.(*osFile).fillZero(n); err != nil {
			t.Fatal(err)
		}
	}
	got := make([]byte, size+1)
	n, err := f.ReadAt(got, 0)
	if want := append([]byte("abc"), make([]byte, size-3)...); !bytes.Equal(got[:n], want) || !errors.Is(err, io.EOF) {
		t.Errorf("after fillZero(%d): %d bytes, %v, want abc and zeros", size, n, err)
	}
}
