package remoting

import (
	"encoding/hex"
	"errors"
	"testing"
)

func TestDecodeCommandChecksLengths(t *testing.T) {
	const header = "7b7d" // {}
	tests := []struct {
		name, wire string
		lim        Limits
		err        error
	}{
		{"bare", "00000006" + "00000002" + header, Limits{}, nil},
		{"bytes behind it", "00000006" + "00000002" + header + "ff", Limits{}, nil},
		{"nothing", "", Limits{}, ErrShortFrame},
		{"half a length", "0000", Limits{}, ErrShortFrame},
		{"no header length", "00000006" + "000000", Limits{}, ErrShortFrame},
		{"one byte short", "00000007" + "00000002" + header, Limits{}, ErrShortFrame},
		{"length 0", "00000000", Limits{}, ErrBadFrame},
		{"length 3", "00000003", Limits{}, ErrBadFrame},
		{"2 GiB", "7fffffff", Limits{}, ErrBadFrame},
		{"length of -1", "ffffffff", Limits{}, ErrBadFrame},
		{"16 MiB and the length", "01000000", Limits{}, ErrBadFrame},
		{"16 MiB with the length", "00fffffc", Limits{}, ErrShortFrame},
		{"beyond the limit", "00000006" + "00000002" + header, Limits{Frame: 9}, ErrBadFrame},
		{"at the limit", "00000006" + "00000002" + header, Limits{Frame: 10}, nil},
		{"header beyond the frame", "00000006" + "00000003" + header, Limits{}, ErrBadFrame},
		{"header beyond its limit", "00000006" + "00000002" + header, Limits{Header: 1}, ErrBadFrame},
		{"header length seen before the header", "00100000" + "00080000", Limits{}, ErrBadFrame},
		{"serialize type 2", "00000006" + "02000002" + header, Limits{}, ErrBadFrame},
		{"TLS hello", "16030102" + "00010001", Limits{}, ErrBadFrame},
	}
	for _, tt := range tests {
		frame, err := hex.DecodeString(tt.wire)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeCommand(frame, tt.lim); !errors.Is(err, tt.err) {
			t.Errorf("%s: DecodeCommand(%s) = %v, want %v", tt.name, tt.wire, err, tt.err)
		}
	}
}

func TestBodyAliasesFrameAndStringsDoNot(t *testing.T) {
	frame := readFrame(t, "v4-send-v2-request")
	c, err := DecodeCommand(frame, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range frame {
		frame[i] = '-'
	}
	if string(c.Body) != "-----" || c.Fields.Get("b") != "TopicTest" {
		t.Errorf("after overwriting the frame: body %q, topic %q, want it overwritten and not", c.Body, c.Fields.Get("b"))
	}
}
