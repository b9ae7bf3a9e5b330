package remoting

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// Whatever arrives, decoding does not panic, and what it accepts comes out the
// same after encoding.

func FuzzDecodeCommand(f *testing.F) {
	for _, name := range frameNames(f) {
		f.Add(readFrame(f, name))
	}
	f.Add([]byte("\x7f\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, in []byte) {
		c, err := DecodeCommand(in, Limits{})
		if err == nil {
			sameAgain(t, &c, in)
		}
	})
}

func FuzzJSONHeader(f *testing.F) {
	for _, header := range []string{
		`{"code":1,"extFields":{"a":"1","b":2,"c":null,"d":{"e":[]}},"remark":"\ud83d\ude00\u0001"}`,
		`{"language":9,"flag":3,"version":-1,"opaque":2147483647,"x":[1,2.5e-3,"\\",true]} `,
	} {
		f.Add([]byte(header))
	}
	for _, name := range frameNames(f) {
		frame := readFrame(f, name)
		f.Add(frame[frameHead : frameHead+int(frame[6])<<8+int(frame[7])])
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var p headerParser
		var c Command
		if p.decode(&c, in, 256) == nil {
			if held := textSize(&c); held > len(in) {
				t.Errorf("%d bytes decode to %d", len(in), held)
			}
			sameAgain(t, &c, in)
		}
	})
}

func FuzzBinaryHeader(f *testing.F) {
	for _, name := range frameNames(f) {
		if frame := readFrame(f, name); strings.HasSuffix(name, "-binary") {
			f.Add(frame[frameHead : frameHead+int(frame[6])<<8+int(frame[7])])
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		c := Command{Serialize: Binary}
		if decodeBinaryHeader(&c, in, 256) == nil {
			if held := textSize(&c); held > len(in) {
				t.Errorf("%d bytes decode to %d", len(in), held)
			}
			sameAgain(t, &c, in)
		}
	})
}

// sameAgain encodes c, which came from in, and decodes that.
func sameAgain(t *testing.T, c *Command, in []byte) {
	t.Helper()
	wire := AppendCommand(nil, c)
	again, err := DecodeCommand(wire, Limits{Header: maxFrame})
	if err != nil || !reflect.DeepEqual(again, *c) {
		t.Errorf("%q decodes to %+v, which encodes to %q, which decodes to %+v, %v", in, *c, wire, again, err)
	}
}

// textSize returns how many bytes the strings of c have.
func textSize(c *Command) int {
	n := len(c.Remark)
	for _, field := range c.Fields {
		n += len(field.Key) + len(field.Value)
	}
	return n
}

// frameNames returns the names of all captured frames.
func frameNames(tb testing.TB) []string {
	tb.Helper()
	files, err := os.ReadDir("testdata/frames")
	if err != nil {
		tb.Fatal(err)
	}
	var names []string
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file.Name()), ".hex"))
	}
	return names
}
