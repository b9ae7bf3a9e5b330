package main

import (
	"bytes"
	"compress/zlib"
	"runtime"
	"strings"
	"testing"

	"pairmq/store/record"
)

// A body that unfolds to a thousand times its size is shown as it came, and takes no more
// memory than a large message does: this may be the gateway.
func TestABodyThatUnfoldsWithoutEnd(t *testing.T) {
	var bomb bytes.Buffer
	w := zlib.NewWriter(&bomb)
	chunk := make([]byte, 1<<20)
	for range 256 {
		_, _ = w.Write(chunk)
	}
	_ = w.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m := newMessage(record.Message{SysFlag: compressed, Body: bomb.Bytes()}, queue{})
	runtime.ReadMemStats(&after)
	if !strings.Contains(m.note, "more than 16777216 bytes") || !bytes.Equal(m.Body, bomb.Bytes()) {
		t.Errorf("%d bytes became %d, with the note %q", bomb.Len(), len(m.Body), m.note)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 128<<20 {
		t.Errorf("%d bytes were allocated", n)
	}
}
