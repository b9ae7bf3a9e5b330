package loadgen

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

// golden returns the bytes of testdata/name.hex, captured from real peers: the
// first line of each file says which.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".hex")
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			digits.WriteString(strings.TrimSpace(line))
		}
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return b
}

// goldenFrame returns the one frame in testdata/name.hex.
func goldenFrame(t testing.TB, name string) frame {
	t.Helper()
	b := golden(t, name)
	f, size, _, err := cut(b)
	if err != nil || size != len(b) {
		t.Fatalf("cut(%s) takes %d of %d bytes, error %v", name, size, len(b), err)
	}
	return f
}
