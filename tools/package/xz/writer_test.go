package xz_test

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

var formats = map[string]func(io.Writer) (io.WriteCloser, error){
	"xz":   func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) },
	"lzma": func(w io.Writer) (io.WriteCloser, error) { return lzma.NewWriter(w) },
}

// What is written comes back, in pieces as an archive is written, and is the same
// bytes each time.
func TestWhatIsWrittenComesBack(t *testing.T) {
	text := bytes.Repeat([]byte("a commit log on local flash\n"), 100_000)
	for name, open := range formats {
		t.Run(name, func(t *testing.T) {
			compress := func() []byte {
				var out bytes.Buffer
				w, err := open(&out)
				if err != nil {
					t.Fatal(err)
				}
				for rest := text; len(rest) > 0; {
					n := min(len(rest), 70_001)
					if got, err := w.Write(rest[:n]); got != n || err != nil {
						t.Fatalf("Write of %d bytes: %d, %v", n, got, err)
					}
					rest = rest[n:]
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				return out.Bytes()
			}
			made := compress()
			if !bytes.Equal(made, compress()) {
				t.Error("the same text twice made other bytes")
			}
			cmd := exec.Command("xz", "--decompress", "--stdout", "--format="+name)
			cmd.Stdin = bytes.NewReader(made)
			back, err := cmd.Output()
			if err != nil || !bytes.Equal(back, text) {
				t.Errorf("%d bytes came back as %d: %v", len(text), len(back), err)
			}
		})
	}
}

// A full disk below it is an error of the package, not a package cut short.
func TestCloseSaysThatTheOutputFailed(t *testing.T) {
	full := errors.New("no space left")
	for name, open := range formats {
		t.Run(name, func(t *testing.T) {
			w, err := open(failing{full})
			if err != nil {
				t.Fatal(err)
			}
			_, _ = w.Write([]byte("some text"))
			if err := w.Close(); !errors.Is(err, full) {
				t.Errorf("Close: %v, want %v", err, full)
			}
		})
	}
}

func TestWithoutXZ(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := xz.NewWriter(io.Discard); err == nil || !strings.Contains(err.Error(), "xz-utils") {
		t.Errorf("without xz in PATH: %v, want what to install", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
