package discovery

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"

	"pairmq/store/table"
)

// deflate is RocketMQ's RegisterBrokerBody.encode(true): numbers become 4 bytes,
// texts follow their length.
func deflate(parts ...any) []byte {
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	for _, p := range parts {
		var err error
		switch p := p.(type) {
		case int:
			err = binary.Write(z, binary.BigEndian, int32(p))
		case string:
			_, err = z.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(p))), p...))
		}
		if err != nil {
			panic(err) // into a bytes.Buffer: cannot be
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

func TestDecodeCompressedRegisterBody(t *testing.T) {
	version := `{"counter":3,"timestamp":7}`
	want := RegisterBody{
		Version: table.DataVersion{Counter: 3, Timestamp: 7},
		Topics: []table.Topic{
			{Name: "TBW102", ReadQueueNums: 8, WriteQueueNums: 4, Perm: 7, FilterType: "SINGLE_TAG"},
			{Name: "T", ReadQueueNums: 1, WriteQueueNums: 1, Perm: 6, FilterType: "MULTI_TAG"},
		},
	}
	good := []any{version, 2, "TBW102 8 4 7 SINGLE_TAG", `T 1 1 6 MULTI_TAG {"+a":"b c"}`, "[]"}
	tests := []struct {
		name string
		body []byte
		want RegisterBody
		err  error
	}{
		{"4.9.7", deflate(good...), want, nil},
		{"5.4.0", deflate(append(good, 1, `{"bname":"b"}`)...), want, nil},
		{"no topics", deflate(version, 0, "[]"), RegisterBody{Version: want.Version}, nil},
		{"not zlib", []byte("{}"), RegisterBody{}, ErrCompressed},
		{"empty", nil, RegisterBody{}, ErrCompressed},
		{"ends in the version", deflate(100), RegisterBody{}, ErrCompressed},
		{"negative length", deflate(-1), RegisterBody{}, ErrCompressed},
		{"huge length", deflate(math.MaxInt32), RegisterBody{}, ErrCompressed},
		{"version is no JSON", deflate("x", 0), RegisterBody{}, ErrCompressed},
		{"ends before the count", deflate(version), RegisterBody{}, ErrCompressed},
		{"negative count", deflate(version, -1), RegisterBody{}, ErrTooManyTopics},
		{"count beyond the limit", deflate(version, 4), RegisterBody{}, ErrTooManyTopics},
		{"fewer topics than counted", deflate(version, 2, "T 1 1 6 SINGLE_TAG"), RegisterBody{}, ErrCompressed},
		{"four words", deflate(version, 1, "T 1 1 6"), RegisterBody{}, ErrCompressed},
		{"no number", deflate(version, 1, "T x 1 6 SINGLE_TAG"), RegisterBody{}, ErrCompressed},
		{"a bomb", deflate(version, 1, "T 1 1 6 SINGLE_TAG "+strings.Repeat("x", 60_000)), RegisterBody{}, ErrCompressed},
	}
	for _, tt := range tests {
		got, err := DecodeCompressedRegisterBody(tt.body, 3)
		if !errors.Is(err, tt.err) || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: DecodeCompressedRegisterBody(%x) = %+v, %v, want %+v, %v", tt.name, tt.body, got, err, tt.want, tt.err)
		}
	}
}

// The bodies are those of running 4.9.7 and 5.4.0 brokers; the latter's topics
// carry attributes, and static topics may follow.
func TestDecodeCompressedRegisterBodyGolden(t *testing.T) {
	tests := []struct {
		file   string
		topics int
		first  table.Topic
		want   table.DataVersion
	}{
		{"v4-register-body-compressed.hex", 16,
			table.Topic{Name: "MadeA4", ReadQueueNums: 4, WriteQueueNums: 4, Perm: 6, FilterType: "SINGLE_TAG"},
			table.DataVersion{Timestamp: 1795426376258, Counter: 12}},
		{"v5-register-body-compressed.hex", 16,
			table.Topic{Name: "rmq_sys_SYNC_BROKER_MEMBER_peer-v5", ReadQueueNums: 1, WriteQueueNums: 1, Perm: 1, FilterType: "SINGLE_TAG"},
			table.DataVersion{Timestamp: 1795426213730, Counter: 6}},
	}
	for _, tt := range tests {
		got, err := DecodeCompressedRegisterBody(golden(t, tt.file), 100)
		if err != nil || len(got.Topics) != tt.topics || got.Version != tt.want {
			t.Errorf("%s: %d topics with %+v, %v, want %d with %+v", tt.file, len(got.Topics), got.Version, err, tt.topics, tt.want)
			continue
		}
		if !reflect.DeepEqual(got.Topics[0], tt.first) {
			t.Errorf("%s: the first topic is %+v, want %+v", tt.file, got.Topics[0], tt.first)
		}
	}
}

func FuzzDecodeCompressedRegisterBody(f *testing.F) {
	plain := deflate(`{"counter":3}`, 1, "T 1 1 6 SINGLE_TAG", "[]")
	f.Add(plain)
	f.Add(golden(f, "v4-register-body-compressed.hex"))
	f.Add(golden(f, "v5-register-body-compressed.hex"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if b, err := DecodeCompressedRegisterBody(in, 10); err == nil && len(b.Topics) > 10 {
			t.Errorf("%x decodes to %d topics, at most 10 are allowed", in, len(b.Topics))
		}
	})
}

// TestCompressedIsRead: what is written is what RocketMQ's own form is, and is read
// as the same table.
func TestCompressedIsRead(t *testing.T) {
	b := RegisterBody{Version: table.DataVersion{StateVersion: 1, Timestamp: 2, Counter: 3}}
	for i := range 2 * manyTopics {
		b.Topics = append(b.Topics, table.Topic{Name: fmt.Sprintf("plant/line %d", i), ReadQueueNums: 4, WriteQueueNums: 8, Perm: 6, FilterType: "SINGLE_TAG"})
		b.Topics[i].Name = strings.ReplaceAll(b.Topics[i].Name, " ", "_") // no topic has a blank
	}
	small, err := b.EncodeCompressed()
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeCompressedRegisterBody(small, len(b.Topics))
	if err != nil || !reflect.DeepEqual(got, b) {
		t.Errorf("read %d topics, version %+v, %v", len(got.Topics), got.Version, err)
	}
	large, err := b.Encode()
	if err != nil || len(small)*10 > len(large) {
		t.Errorf("%d bytes for %d of JSON (%v)", len(small), len(large), err)
	}
	golden := deflate(`{"stateVersion":1,"timestamp":2,"counter":3}`, 1, "T 4 8 6 SINGLE_TAG", "[]")
	one := RegisterBody{Version: b.Version, Topics: []table.Topic{{Name: "T", ReadQueueNums: 4, WriteQueueNums: 8, Perm: 6}}}
	if enc, err := one.EncodeCompressed(); err != nil || !bytes.Equal(inflate(t, enc), inflate(t, golden)) {
		t.Errorf("written is %q, %v; want %q", inflate(t, enc), err, inflate(t, golden))
	}
}

func inflate(t *testing.T, b []byte) []byte {
	t.Helper()
	z, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// TestLargeTablesAreCompressed: small ones, and those whose flags that form has no
// room for, are not.
func TestLargeTablesAreCompressed(t *testing.T) {
	o := RegistrarOptions{}
	for _, tt := range []struct {
		topics int
		flag   int32
		want   string
	}{{manyTopics - 1, 0, "false"}, {manyTopics, 0, "true"}, {manyTopics, 1, "false"}} {
		b := RegisterBody{Topics: make([]table.Topic, tt.topics)}
		b.Topics[0].SysFlag = tt.flag
		req, err := o.registerRequest(b)
		if err != nil || req.Fields.Get("compressed") != tt.want || req.Fields.Get("bodyCrc32") != fmt.Sprint(BodyCRC32(req.Body)) {
			t.Errorf("%d topics, flag %d: %v, %v; want compressed=%s", tt.topics, tt.flag, req.Fields, err, tt.want)
		}
	}
}
