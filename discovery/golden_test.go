package discovery

import (
	"bytes"
	"encoding/hex"
	"os"
	"testing"
)

// golden returns the captured frame in testdata/name.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var frame []byte
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if bytes.HasPrefix(line, []byte("#")) {
			continue
		}
		b, err := hex.DecodeString(string(line))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		frame = append(frame, b...)
	}
	return frame
}

// goldenBody returns the body of a captured frame: what follows the header.
func goldenBody(t testing.TB, name string) []byte {
	t.Helper()
	frame := golden(t, name)
	header := int(frame[5])<<16 | int(frame[6])<<8 | int(frame[7])
	return frame[8+header:]
}
