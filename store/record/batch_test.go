package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

func appendBatchMessage(dst []byte, m BatchMessage) []byte {
	be := binary.BigEndian
	dst = be.AppendUint32(dst, uint32(batchFixed+len(m.Body)+len(m.Properties)))
	dst = be.AppendUint64(dst, 0)
	dst = be.AppendUint32(dst, uint32(m.Flag))
	dst = be.AppendUint32(dst, uint32(len(m.Body)))
	dst = append(dst, m.Body...)
	dst = be.AppendUint16(dst, uint16(len(m.Properties)))
	return append(dst, m.Properties...)
}

// TestCapturedBatch reads the body of a batch that a 4.9.7 producer sent.
func TestCapturedBatch(t *testing.T) {
	frame := readHex(t, "v4-send-batch-request.hex")
	body := frame[8+binary.BigEndian.Uint32(frame[4:])&0xFFFFFF:]
	var bodies, keys []string
	var again []byte
	for m, err := range DecodeBatch(body) {
		if err != nil {
			t.Fatal(err)
		}
		key, _ := Property(string(m.Properties), PropertyKeys)
		bodies, keys = append(bodies, string(m.Body)), append(keys, key)
		again = appendBatchMessage(again, m)
	}
	if len(bodies) != 3 || bodies[2] != "b2" || keys[0] != "bk0" {
		t.Errorf("bodies %q with keys %q, want b0 to b2 with bk0 to bk2", bodies, keys)
	}
	if !bytes.Equal(again, body) {
		t.Errorf("the batch encodes to\n%x, want\n%x", again, body)
	}
}

func TestDecodeBatchErrors(t *testing.T) {
	good := appendBatchMessage(nil, BatchMessage{Flag: 1, Body: []byte("body"), Properties: []byte("a\x01b")})
	tests := []struct {
		name string
		b    []byte
		n    int // messages before the error
	}{
		{"empty", nil, 0},
		{"a rest of one byte", append(bytes.Clone(good), 0), 1},
		{"cut in the second", append(bytes.Clone(good), good[:len(good)-1]...), 1},
		{"negative size", put(good, 0, 4, -1), 0},
		{"size of nothing", put(good, 0, 4, 0), 0},
		{"size below the least", put(good, 0, 4, batchFixed-1), 0},
		{"size beyond the batch", put(good, 0, 4, int64(len(good)+1)), 0},
		{"negative body length", put(good, 16, 4, -1), 0},
		{"body takes the properties", put(good, 16, 4, 8), 0},
		{"body length beyond", put(good, 16, 4, 1<<30), 0},
		{"negative properties length", put(good, 24, 2, -1), 0},
		{"short properties length", put(good, 24, 2, 2), 0},
	}
	for _, test := range tests {
		n, last := 0, error(nil)
		for _, err := range DecodeBatch(test.b) {
			if last = err; err == nil {
				n++
			}
		}
		if n != test.n || !errors.Is(last, ErrBatch) {
			t.Errorf("%s: %d messages, then %v, want %d and ErrBatch", test.name, n, last, test.n)
		}
	}
	for range DecodeBatch(append(bytes.Clone(good), good...)) {
		break // a caller that has seen enough
	}
}

func FuzzDecodeBatch(f *testing.F) {
	one := appendBatchMessage(nil, BatchMessage{Flag: 1, Body: []byte("body"), Properties: []byte("a\x01b")})
	f.Add(one)
	f.Add(append(bytes.Clone(one), one...))
	f.Add(put(one, 16, 4, 8))
	f.Fuzz(func(t *testing.T, in []byte) {
		var again []byte
		for m, err := range DecodeBatch(in) {
			if err != nil {
				return
			}
			at := len(again)
			again = appendBatchMessage(again, m)
			copy(again[at+4:at+12], in[at+4:]) // magic and CRC are not kept
		}
		if !bytes.Equal(again, in) {
			t.Errorf("%x encodes to %x", in, again)
		}
	})
}
