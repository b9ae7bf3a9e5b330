package record

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func sample() Message {
	return Message{
		Topic: "TopicTest", QueueID: 3, Flag: 7, SysFlag: SysCompressed, QueueOffset: 1 << 40, PhyOffset: 1<<40 + 1,
		BornTimestamp: 1795404331901, BornHost: netip.MustParseAddrPort("192.0.2.7:40404"),
		StoreTimestamp: 1795404331955, StoreHost: netip.MustParseAddrPort("[2001:db8::1]:10911"),
		ReconsumeTimes: 2, PreparedTransactionOffset: 99, Body: []byte("hello"),
		Properties: "KEYS\x01key1\x02TAGS\x01TagA",
	}
}

func TestAppendHosts(t *testing.T) {
	v4, v6 := "192.0.2.7:1", "[2001:db8::1]:65535"
	tests := []struct {
		name, born, store string
		sysFlag           int32 // as the caller sets it; the host bits are corrected
		wantFlag          int32
		wantSize          int
		wantBorn          string
	}{
		{"both IPv4", v4, v4, 1, 1, 91, v4},
		{"born IPv6", v6, v4, 0, SysBornHostV6, 103, v6},
		{"store IPv6", v4, v6, 0, SysStoreHostV6, 103, v4},
		{"both IPv6", v6, v6, 0, SysBornHostV6 | SysStoreHostV6, 115, v6},
		{"flags of another host", v4, v4, SysBornHostV6 | SysStoreHostV6 | 4, 4, 91, v4},
		{"IPv4 in IPv6", "[::ffff:192.0.2.7]:1", v4, 0, 0, 91, v4},
	}
	for _, test := range tests {
		m := Message{BornHost: netip.MustParseAddrPort(test.born), StoreHost: netip.MustParseAddrPort(test.store), SysFlag: test.sysFlag}
		v, err := Parse(Append(nil, &m), Limits{})
		if err != nil {
			t.Errorf("%s: Parse = %v", test.name, err)
			continue
		}
		if v.Size() != test.wantSize || v.SysFlag() != test.wantFlag || v.BornHost().String() != test.wantBorn {
			t.Errorf("%s: %d bytes, flag %#x, born host %v, want %d, %#x, %s",
				test.name, v.Size(), v.SysFlag(), v.BornHost(), test.wantSize, test.wantFlag, test.wantBorn)
		}
	}
	v, err := Parse(Append(nil, &Message{}), Limits{})
	if err != nil || v.BornHost() != netip.MustParseAddrPort("0.0.0.0:0") {
		t.Errorf("a message without hosts: %v, born host %v, want 0.0.0.0:0", err, v.BornHost())
	}
}

func TestSizeLimits(t *testing.T) {
	tests := []struct {
		name       string
		topic      int
		props      int
		plain, crc error
	}{
		{"all that fits", MaxTopic, MaxProperties, nil, ErrTooLong},
		{"all that fits with a checksum", MaxTopic, MaxProperties - crcPropertySize - 1, nil, nil},
		{"no room for a separator", 1, MaxProperties - crcPropertySize, nil, ErrTooLong},
		{"long topic", MaxTopic + 1, 0, ErrTooLong, ErrTooLong},
		{"long properties", 1, MaxProperties + 1, ErrTooLong, ErrTooLong},
	}
	for _, test := range tests {
		m := Message{Topic: strings.Repeat("t", test.topic), Properties: strings.Repeat("p", test.props)}
		if _, err := Size(&m); !errors.Is(err, test.plain) {
			t.Errorf("%s: Size = %v, want %v", test.name, err, test.plain)
		}
		if _, err := SizeCRC(&m); !errors.Is(err, test.crc) {
			t.Errorf("%s: SizeCRC = %v, want %v", test.name, err, test.crc)
		}
	}
}

// TestClientChecksum shows that a checksum property a client sends never reaches
// a record, where it would pass for damage.
func TestClientChecksum(t *testing.T) {
	const forged = "__CRC32#\x010000000000\x02"
	for _, props := range []string{forged, "a\x01b\x02" + forged, forged + "a\x01b", "__CRC32#\x01x"} {
		m := sample()
		m.Properties = props
		for name, encode := range map[string]func([]byte, *Message) []byte{"Append": Append, "AppendCRC": AppendCRC} {
			v, err := Parse(encode(nil, &m), Limits{})
			if err != nil {
				t.Fatalf("%s(%q): Parse = %v", name, props, err)
			}
			if err := v.CheckCRC(); err != nil {
				t.Errorf("%s(%q): CheckCRC = %v", name, props, err)
			}
			if got := v.Message().Properties; strings.Contains(got, CRCProperty) {
				t.Errorf("%s(%q) keeps it: %q", name, props, got)
			}
		}
	}
}

func TestAppendCRCSeparator(t *testing.T) {
	for props, want := range map[string]string{
		"":           "__CRC32#\x01",
		"a\x01b":     "a\x01b\x02__CRC32#\x01",
		"a\x01b\x02": "a\x01b\x02__CRC32#\x01",
	} {
		v, err := Parse(AppendCRC(nil, &Message{Properties: props}), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if got := v.Properties(); !bytes.HasPrefix(got, []byte(want)) || len(got) != len(want)+crcDigits+1 {
			t.Errorf("properties %q become %q, want %q, ten digits and a separator", props, got, want)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	m := sample()
	m.Body = make([]byte, 1024)
	buf := make([]byte, 0, 2048)
	b.SetBytes(int64(len(Append(nil, &m))))
	b.ReportAllocs()
	for b.Loop() {
		buf = Append(buf[:0], &m)
	}
}

func BenchmarkAppendCRC(b *testing.B) {
	m := sample()
	m.Body = make([]byte, 1024)
	buf := make([]byte, 0, 2048)
	b.SetBytes(int64(len(AppendCRC(nil, &m))))
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendCRC(buf[:0], &m)
	}
}

func TestAllocations(t *testing.T) {
	m := sample()
	buf := make([]byte, 0, 512)
	wire := Append(nil, &m)
	hashes := make([]uint32, 0, 8)
	for name, f := range map[string]func(){
		"Append":    func() { buf = Append(buf[:0], &m) },
		"AppendCRC": func() { buf = AppendCRC(buf[:0], &m) },
		"Parse": func() {
			v, err := Parse(wire, Limits{})
			if err != nil || v.CheckCRC() != nil || v.TagsCode() == 0 {
				t.Fatal("the record does not read back")
			}
			_, hashes = v.Hashes(hashes[:0])
		},
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times, want 0", name, n)
		}
	}
}
