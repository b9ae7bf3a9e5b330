package archive

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pairmq/store/record"
)

func messages() []record.Message {
	host := netip.MustParseAddrPort("192.0.2.7:4711")
	return []record.Message{
		{Topic: "Orders", QueueID: 3, QueueOffset: 7, PhyOffset: 4096, Flag: 5, BornTimestamp: 1, BornHost: host, StoreTimestamp: 2, StoreHost: host, Body: []byte("hello"), Properties: "UNIQ_KEY\x01A1\x02TAGS\x01t"},
		{Topic: "Orders", BornHost: netip.MustParseAddrPort("[2001:db8::1]:1"), StoreHost: host, Body: []byte{}, SysFlag: record.SysBornHostV6},
		{Topic: "Packed", SysFlag: record.SysCompressed | record.SysCommit, BornHost: host, StoreHost: host, Body: []byte{0xff, 0, 1}, ReconsumeTimes: 2, PreparedTransactionOffset: 99, Properties: "a\x01<1>\x02a\x012\x02B\x01\u00e4"},
		{Topic: "Odd", BornHost: host, StoreHost: host, Body: []byte("x"), Properties: "a\x01\xff"},
	}
}

func raw(t testing.TB, ms []record.Message) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range ms {
		v, err := record.Parse(record.AppendCRC(nil, &ms[i]), record.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(v); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// readAll returns how many records there are, and what ended them.
func readAll(b []byte) (n int, err error) {
	r, err := NewReader(bytes.NewReader(b), 0)
	if err != nil {
		return 0, err
	}
	for {
		if _, err := r.Next(); err != nil {
			return n, err
		}
		n++
	}
}

func TestRaw(t *testing.T) {
	b := raw(t, messages()[:3])
	if n, err := readAll(b); n != 3 || err != io.EOF {
		t.Errorf("%d records, %v, want 3", n, err)
	}
	if n, err := readAll(raw(t, nil)); n != 0 || err != io.EOF {
		t.Errorf("of nothing: %d records, %v", n, err)
	}
	for cut := range len(b) {
		want := ErrCutOff
		if cut < headSize {
			want = ErrFormat
		}
		if n, err := readAll(b[:cut]); !errors.Is(err, want) || n > 3 {
			t.Fatalf("cut off at %d of %d: %d records, %v, want %v", cut, len(b), n, err, want)
		}
	}
	for i := range b {
		bad := slices.Clone(b)
		bad[i] ^= 1 << (i % 8)
		if _, err := readAll(bad); err == io.EOF {
			t.Fatalf("byte %d of %d is wrong, and nobody sees it", i, len(b))
		}
	}
	if _, err := readAll(append(slices.Clone(b), 'x')); !errors.Is(err, ErrDamaged) {
		t.Errorf("with a byte behind: %v, want ErrDamaged", err)
	}
}

func TestLines(t *testing.T) {
	want := `{"topic":"Orders","queueId":3,"queueOffset":7,"phyOffset":4096,"flag":5,"sysFlag":0,"reconsumeTimes":0,"bornTimestamp":1,"storeTimestamp":2,` +
		`"bornHost":"192.0.2.7:4711","storeHost":"192.0.2.7:4711","msgId":"A1","offsetMsgId":"C0000207000012670000000000001000","properties":{"UNIQ_KEY":"A1","TAGS":"t"},"body":"aGVsbG8="}` + "\n"
	for i, m := range messages() {
		b, err := AppendLine(nil, &m, true)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 && string(b) != want {
			t.Errorf("a line is\n%s want\n%s", b, want)
		}
		got, err := ParseLine(b)
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%s is\n%+v, %v, want\n%+v", b, got, err, m)
		}
		if b, err = AppendLine(nil, &m, false); err != nil || strings.Contains(string(b), `"body"`) {
			t.Errorf("without a body: %s, %v", b, err)
		}
	}
}

func TestLinesThatAreNone(t *testing.T) {
	for text, words := range map[string]string{
		"":                                     "no message",
		"null":                                 "topic",
		"[]":                                   "cannot unmarshal",
		`{"body":""}`:                          "topic is missing",
		`{"topic":"T"}`:                        "body is missing",
		`{"topic":"T","body":"*"}`:             "base64",
		`{"topic":"T","body":"","queueId":-1}`: "below 0",
		`{"topic":"T","body":"","queueId":9999999999}`:                                                            "queueId",
		`{"topic":"T","body":"","bornHost":"x"}`:                                                                  "bornHost",
		`{"topic":"T","body":"","properties":[]}`:                                                                 "no object",
		`{"topic":"T","body":"","properties":{"a":1}}`:                                                            "property",
		`{"topic":"T","body":"","properties":{"":"b"}}`:                                                           "property",
		`{"topic":"T","body":"","properties":{"a":"\u0002"}}`:                                                     "0x02",
		`{"topic":"T","body":"","properties":{"a":"` + strings.Repeat("x", 33000) + `"}}`:                         "properties",
		`{"topic":"` + strings.Repeat("T", 128) + `","body":""}`:                                                  "topic has 128",
		`{"topic":"T","body":"","properties":{"a":"b"}} x`:                                                        "invalid character",
		`{"topic":"T","body":"","propertiesBase64":"` + strings.Repeat("////", record.MaxProperties/3) + `////"}`: "properties have",
	} {
		if _, err := ParseLine([]byte(text)); !errors.Is(err, ErrLine) || !strings.Contains(err.Error(), words) {
			t.Errorf("%.80s: %v, want ErrLine and %q", text, err, words)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(raw(f, messages()[:3]))
	f.Add(raw(f, nil))
	f.Add(raw(f, messages()[:2])[:150])
	f.Fuzz(func(t *testing.T, b []byte) {
		var out bytes.Buffer
		w, err := NewWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		r, err := NewReader(bytes.NewReader(b), 0)
		for err == nil {
			var v record.View
			if v, err = r.Next(); err == nil {
				err = w.Write(v)
			}
		}
		if err != io.EOF {
			return
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(out.Bytes(), b) {
			t.Errorf("%x is read as %x", b, out.Bytes())
		}
	})
}

func FuzzParseLine(f *testing.F) {
	for _, m := range messages() {
		b, err := AppendLine(nil, &m, true)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"topic":"T","body":"","properties":null}`))
	f.Add([]byte(`{"topic":"T","body":"","propertiesBase64":"YQFiAmM="}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseLine(b)
		if err != nil {
			return
		}
		line, err := AppendLine(nil, &m, true)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseLine(line)
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Errorf("%s is %+v, which is written as %s and read as %+v, %v", b, m, line, again, err)
		}
	})
}
