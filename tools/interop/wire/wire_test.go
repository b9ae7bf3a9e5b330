package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"
)

// captured returns the frame of a file under testdata: hex, # begins a comment.
func captured(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for l := range strings.Lines(string(text)) {
		l, _, _ = strings.Cut(l, "#")
		digits.WriteString(strings.Join(strings.Fields(l), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReadPullResponse(t *testing.T) {
	c, err := Read(bytes.NewReader(captured(t, "v4-pull-response-one-message.hex")))
	if err != nil {
		t.Fatal(err)
	}
	if c.Code != Success || c.Flag&FlagResponse == 0 || c.ExtFields["nextBeginOffset"] != "1" || c.Remark != "FOUND" {
		t.Errorf("header is %+v", c)
	}
	rs, err := DecodeRecords(c.Body)
	if err != nil || len(rs) != 1 {
		t.Fatalf("%d records, %v", len(rs), err)
	}
	r := rs[0]
	if string(r.Body) != "hello" || r.Topic != "TopicTest" || r.Property("KEYS") != "key1" || r.Property("TAGS") != "TagA" || r.Size != 217 {
		t.Errorf("record is %+v", r)
	}
}

func TestDecodeRecordRefuses(t *testing.T) {
	c, err := Read(bytes.NewReader(captured(t, "v4-pull-response-one-message.hex")))
	if err != nil {
		t.Fatal(err)
	}
	change := func(at int, to byte) []byte {
		b := bytes.Clone(c.Body)
		b[at] = to
		return b
	}
	blank := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 8), BlankMagic)
	tests := []struct {
		name string
		b    []byte
		err  error
	}{
		{"torn", c.Body[:216], ErrNoRecord},
		{"three bytes", c.Body[:3], ErrNoRecord},
		{"other magic", change(4, 0), ErrNoRecord},
		{"body changed", change(88, 'x'), ErrNoRecord},
		{"body length changed", change(87, 200), ErrNoRecord},
		{"zeros", make([]byte, 200), ErrNoRecord},
		{"filler", blank, ErrBlank},
	}
	for _, tc := range tests {
		if r, err := DecodeRecord(tc.b); !errors.Is(err, tc.err) {
			t.Errorf("%s: %+v, %v, want %v", tc.name, r, err, tc.err)
		}
	}
}

func TestCommandRoundTrip(t *testing.T) {
	in := SendRequest(Message{Topic: "T", QueueID: -1, Properties: map[string]string{"b": "2", "a": "1"}, Body: []byte("body")})
	frame, err := in.Frame()
	if err != nil {
		t.Fatal(err)
	}
	out, err := Read(bytes.NewReader(frame))
	if err != nil || out.Code != in.Code || out.ExtFields["e"] != "-1" || out.ExtFields["i"] != "a\x011\x02b\x012\x02" || string(out.Body) != "body" {
		t.Errorf("%+v came back as %+v, %v", in, out, err)
	}
	if _, err := Read(bytes.NewReader(RawFrame(0, []byte("not json"), nil))); !errors.Is(err, ErrFrame) {
		t.Errorf("a header that is no JSON: %v", err)
	}
}
