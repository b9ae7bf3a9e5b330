package loadgen

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"pairmq/internal/remoting"
)

func TestInboxFindsFramesHoweverTheyAreCut(t *testing.T) {
	var stream []byte
	sizes := []int{0, 5, 200 << 10, 1, 70 << 10}
	for i, n := range sizes {
		stream = remoting.AppendCommand(stream, &remoting.Command{Opaque: int32(i), Flag: 1, Body: bytes.Repeat([]byte{byte(i)}, n)})
	}
	for name, from := range map[string]io.Reader{
		"one byte":      iotest.OneByteReader(bytes.NewReader(stream)),
		"half":          iotest.HalfReader(bytes.NewReader(stream)),
		"all":           bytes.NewReader(stream),
		"end with data": iotest.DataErrReader(bytes.NewReader(stream)),
	} {
		t.Run(name, func(t *testing.T) {
			in := newInbox(from)
			for i := 0; i < len(sizes); {
				if err := in.fill(); err != nil {
					t.Fatalf("fill before frame %d: %v", i, err)
				}
				for {
					f, ok, err := in.next()
					if err != nil {
						t.Fatalf("frame %d: %v", i, err)
					}
					if !ok {
						break
					}
					r, err := parseReply(f)
					if err != nil || int(r.opaque) != i || !bytes.Equal(f.body, bytes.Repeat([]byte{byte(i)}, sizes[i])) {
						t.Fatalf("frame %d: opaque %d, %d bytes of body, error %v", i, r.opaque, len(f.body), err)
					}
					i++
				}
			}
			if err := in.fill(); !errors.Is(err, io.EOF) {
				t.Errorf("fill at the end: %v, want EOF", err)
			}
		})
	}
}

func TestCutRefuses(t *testing.T) {
	for name, b := range map[string][]byte{
		"beyond 16 MiB":       {0x01, 0, 0, 0, 0, 0, 0, 0},
		"header beyond frame": {0, 0, 0, 8, 0, 0, 0, 5},
		"no room for header":  {0, 0, 0, 3, 0, 0, 0, 0},
		"TLS":                 {0x16, 3, 1, 2, 0, 1, 0, 1},
	} {
		if _, _, _, err := cut(b); !errors.Is(err, errFrame) {
			t.Errorf("%s: cut(%x) fails with %v, want errFrame", name, b, err)
		}
	}
}

func FuzzCut(f *testing.F) {
	f.Add(golden(f, "v4-send-v2-response"))
	f.Add(golden(f, "v4-pull-response-one-message"))
	f.Add([]byte{0, 0, 0, 4, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		fr, size, want, err := cut(in)
		switch {
		case err != nil:
		case size == 0 && want <= len(in):
			t.Errorf("cut(%x) wants %d bytes and has them", in, want)
		case size > 0 && size != 8+len(fr.header)+len(fr.body):
			t.Errorf("cut(%x): %d bytes, of them %d header and %d body", in, size, len(fr.header), len(fr.body))
		}
	})
}
