package board

import (
	"errors"
	"io/fs"
	"testing"
)

func TestOwnWritten(t *testing.T) {
	b := boardOf(t, "gateway")
	if _, err := b.OwnWritten(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of a kernel without task accounting: %v, want fs.ErrNotExist", err)
	}
	put(t, b.proc("self", "io"), "rchar: 6976\nwchar: 0\nread_bytes: 0\nwrite_bytes: 8192\ncancelled_write_bytes: 7")
	if n, err := b.OwnWritten(); n != 8192 || err != nil {
		t.Errorf("own written %d, %v, want 8192", n, err)
	}
	for _, text := range []string{"", "write_bytes", "write_bytes: -1", "write_bytes: x\nwrite_bytes: 1", "cancelled_write_bytes: 7"} {
		if n, err := parseOwnWritten("io", text); !errors.Is(err, ErrNonsense) {
			t.Errorf("%q: %d, %v, want ErrNonsense", text, n, err)
		}
	}
}

func FuzzParseOwnWritten(f *testing.F) {
	f.Add("rchar: 1\nwrite_bytes: 8192\n")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parseOwnWritten("io", text)
		if n < 0 || err != nil && !errors.Is(err, ErrNonsense) {
			t.Errorf("%q is %d, %v", text, n, err)
		}
	})
}
