package remoting

import (
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// The fixed part of a binary header up to its remark: code 10, language GO,
// version 407, opaque 5, flag 0.
const binaryStart = "000a" + "09" + "0197" + "00000005" + "00000000"

func TestDecodeBinaryHeader(t *testing.T) {
	start := Command{Code: 10, Language: Go, Version: 407, Opaque: 5, Serialize: Binary}
	with := func(remark string, fields Fields) Command {
		c := start
		c.Remark, c.Fields = remark, fields
		return c
	}
	tests := []struct {
		name, header string
		want         Command
		err          error
	}{
		{"bare", binaryStart + "00000000" + "00000000", start, nil},
		{"remark", binaryStart + "00000002" + "6869" + "00000000", with("hi", nil), nil},
		{"field", binaryStart + "00000000" + "00000008" + "0001" + "61" + "00000001" + "62", with("", Fields{{"a", "b"}}), nil},
		{"empty value is absent", binaryStart + "00000000" + "00000007" + "0001" + "61" + "00000000", start, nil},
		{"code is signed", "ffff" + "00" + "0000" + "00000000" + "00000001" + "00000000" + "00000000",
			Command{Code: -1, Flag: 1, Serialize: Binary}, nil},
		{"one byte short", binaryStart + "00000000" + "000000", Command{}, ErrBadHeader},
		{"remark longer than header", binaryStart + "00000001" + "00000000", Command{}, ErrBadHeader},
		{"remark of -1", binaryStart + "ffffffff" + "00000000", Command{}, ErrBadHeader},
		{"fields longer than header", binaryStart + "00000000" + "00000001", Command{}, ErrBadHeader},
		{"fields shorter than header", binaryStart + "00000000" + "00000000" + "00", Command{}, ErrBadHeader},
		{"key length cut", binaryStart + "00000000" + "00000001" + "00", Command{}, ErrBadHeader},
		{"key longer than fields", binaryStart + "00000000" + "00000007" + "0002" + "61" + "00000000", Command{}, ErrBadHeader},
		{"key of -1", binaryStart + "00000000" + "00000007" + "ffff" + "61" + "00000000", Command{}, ErrBadHeader},
		{"value longer than fields", binaryStart + "00000000" + "00000008" + "0001" + "61" + "00000002" + "62", Command{}, ErrBadHeader},
		{"value of -1", binaryStart + "00000000" + "00000008" + "0001" + "61" + "ffffffff" + "62", Command{}, ErrBadHeader},
	}
	for _, tt := range tests {
		header, err := hex.DecodeString(tt.header)
		if err != nil {
			t.Fatal(err)
		}
		frame := append(make([]byte, frameHead), header...)
		finishFrame(frame, 0, len(frame), 0, Binary)
		got, err := DecodeCommand(frame, Limits{})
		if !errors.Is(err, tt.err) || err == nil && !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %s decodes to %+v, %v, want %+v, %v", tt.name, tt.header, got, err, tt.want, tt.err)
		}
	}
}

// What the form cannot hold is left out or cut, as the doc of AppendCommand says.
func TestAppendBinaryHeaderLeavesOut(t *testing.T) {
	c := Command{Code: ReqPopMessage, Serialize: Binary, Fields: Fields{
		{"empty", ""}, {strings.Repeat("k", 32768), "too long"}, {strings.Repeat("k", 32767), "fits"},
	}}
	got, err := DecodeCommand(AppendCommand(nil, &c), Limits{})
	want := Command{Code: 3442, Serialize: Binary, Fields: c.Fields[2:]}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("decodes to %.100v, %v, want %.100v", got, err, want)
	}
}
