package replica

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// golden returns the bytes of a captured stream; lines that begin with # say
// what they are.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".hex")
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		b, err := hex.DecodeString(strings.Join(strings.Fields(line), ""))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, b...)
	}
	return all
}

func TestCapturedTransfers(t *testing.T) {
	for _, name := range []string{"ha-4.9.7-master-to-slave", "ha-5.4.0-master-to-slave"} {
		all := golden(t, name)
		frames, bodies, next := 0, 0, int64(-1)
		for len(all) > 0 {
			h, err := parseHeader(all[:headerSize])
			if err != nil {
				t.Fatalf("%s, frame %d: %v", name, frames, err)
			}
			if next >= 0 && h.offset != next {
				t.Fatalf("%s, frame %d: offset %d, want %d", name, frames, h.offset, next)
			}
			if again := appendHeader(nil, h); !bytes.Equal(again, all[:headerSize]) {
				t.Fatalf("%s, frame %d: written as %x, captured %x", name, frames, again, all[:headerSize])
			}
			next = h.offset + int64(h.size)
			all, frames, bodies = all[headerSize+h.size:], frames+1, bodies+h.size
		}
		if frames < 10 || bodies < 1000 {
			t.Errorf("%s: %d frames with %d bytes; the capture has more", name, frames, bodies)
		}
	}
}

func TestCapturedReports(t *testing.T) {
	for _, name := range []string{"ha-4.9.7-slave-to-master", "ha-5.4.0-slave-to-master"} {
		all := golden(t, name)
		var r reports
		for i := 0; i < len(all); i += reportSize {
			end, ok := r.last(all[i : i+reportSize])
			if want := int64(binary.BigEndian.Uint64(all[i:])); !ok || end != want {
				t.Fatalf("%s, report %d: %d, %v; want %d", name, i/reportSize, end, ok, want)
			}
			if again := appendReport(nil, end); !bytes.Equal(again, all[i:i+reportSize]) {
				t.Fatalf("%s, report %d: written as %x", name, i/reportSize, again)
			}
		}
	}
}

func TestHeadersThatNoMasterSends(t *testing.T) {
	for _, h := range []header{{-1, 0}, {0, -1}, {0, maxBody + 1}, {5, 1<<31 - 1}} {
		if _, err := parseHeader(appendHeader(nil, h)); !errors.Is(err, errFrame) {
			t.Errorf("%+v: %v, want errFrame", h, err)
		}
	}
}

// FuzzReports cuts a stream anywhere: the last whole report counts, however.
func FuzzReports(f *testing.F) {
	f.Add(golden(f, "ha-4.9.7-slave-to-master"), uint64(1))
	f.Add([]byte{1, 2, 3}, uint64(2))
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var r reports
		seen := 0
		for rest := stream; len(rest) > 0; {
			n := 1 + rng.IntN(min(len(rest), 40))
			end, ok := r.last(rest[:n])
			rest = rest[n:]
			whole := (len(stream) - len(rest)) / reportSize * reportSize
			if ok != (whole > seen) {
				t.Fatalf("%d bytes in, %d of them reported before: a report: %v", len(stream)-len(rest), seen, ok)
			}
			if want := int64(0); ok {
				want = int64(binary.BigEndian.Uint64(stream[whole-reportSize:]))
				if end != want {
					t.Fatalf("%d bytes in: report %d, want %d", len(stream)-len(rest), end, want)
				}
			}
			seen = whole
		}
	})
}
