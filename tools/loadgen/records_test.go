package loadgen

import (
	"bytes"
	"errors"
	"testing"
)

func TestCountRecords(t *testing.T) {
	one := goldenFrame(t, "v4-pull-response-one-message").body
	tests := []struct {
		name     string
		in       []byte
		n, bytes int64
		err      error
	}{
		{"none", nil, 0, 0, nil},
		{"one of 4.9.7", one, 1, 5, nil},
		{"three", bytes.Repeat(one, 3), 3, 15, nil},
		{"one byte short", one[:len(one)-1], 0, 0, errFrame},
		{"rubbish behind one", append(bytes.Clone(one), 1, 2, 3), 1, 5, errFrame},
		{"zeros", make([]byte, 200), 0, 0, errFrame},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, size, err := countRecords(tt.in)
			if n != tt.n || size != tt.bytes || !errors.Is(err, tt.err) {
				t.Errorf("countRecords = %d, %d, %v; want %d, %d, %v", n, size, err, tt.n, tt.bytes, tt.err)
			}
		})
	}
}
