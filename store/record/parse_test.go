package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

// put returns a copy of b with v, big-endian in size bytes, at at.
func put(b []byte, at, size int, v int64) []byte {
	b = bytes.Clone(b)
	for i := range size {
		b[at+i] = byte(v >> (8 * (size - 1 - i)))
	}
	return b
}

func TestParseBounds(t *testing.T) {
	m := sample() // IPv4 born host, IPv6 store host
	good := Append(nil, &m)
	bodyLen := 84 + hostV6
	topicLen := bodyLen + 4 + len(m.Body)
	propsLen := topicLen + 1 + len(m.Topic)
	tests := []struct {
		name string
		b    []byte
		lim  Limits
		err  error
	}{
		{"whole", good, Limits{}, nil},
		{"exactly the limit", good, Limits{Record: len(good)}, nil},
		{"above the limit", good, Limits{Record: len(good) - 1}, ErrBad},
		{"nothing", nil, Limits{}, ErrShort},
		{"head only", good[:8], Limits{}, ErrShort},
		{"one byte short", good[:len(good)-1], Limits{}, ErrShort},
		{"zeros, as in a new segment", make([]byte, 200), Limits{}, ErrBad},
		{"another magic code", put(good, 4, 4, 0xDAA320A8), Limits{}, ErrBad},
		{"filler", AppendBlank(nil, 8), Limits{}, ErrBlank},
		{"negative size", put(good, 0, 4, -1), Limits{}, ErrBad},
		{"size below the least", put(good, 0, 4, 90), Limits{}, ErrBad},
		{"size smaller by one", put(good, 0, 4, int64(len(good)-1)), Limits{}, ErrBad},
		{"size greater by one", put(append(bytes.Clone(good), 0), 0, 4, int64(len(good)+1)), Limits{}, ErrBad},
		{"negative body length", put(good, bodyLen, 4, -1), Limits{}, ErrBad},
		{"body length beyond the record", put(good, bodyLen, 4, 1<<30), Limits{}, ErrBad},
		{"body takes the length fields", put(good, bodyLen, 4, int64(len(good)-bodyLen-4-2)), Limits{}, ErrBad},
		{"topic length of 128", put(good, topicLen, 1, 128), Limits{}, ErrBad},
		{"topic length beyond the record", put(good, topicLen, 1, 127), Limits{}, ErrBad},
		{"topic longer by one", put(good, topicLen, 1, int64(len(m.Topic)+1)), Limits{}, ErrBad},
		{"negative properties length", put(good, propsLen, 2, -1), Limits{}, ErrBad},
		{"properties shorter by one", put(good, propsLen, 2, int64(len(m.Properties)-1)), Limits{}, ErrBad},
		{"IPv6 flag without room", put(put(Append(nil, &Message{}), 36, 4, 0x30), 0, 4, 91), Limits{}, ErrBad},
		{"IPv6 flag dropped", put(good, 36, 4, 0), Limits{}, ErrBad},
		{"port of a born host", put(good, 52, 4, 1<<16), Limits{}, ErrBad},
		{"port of a store host", put(good, 80, 4, -1), Limits{}, ErrBad},
	}
	for _, test := range tests {
		if _, err := Parse(test.b, test.lim); !errors.Is(err, test.err) {
			t.Errorf("%s: Parse = %v, want %v", test.name, err, test.err)
		}
	}
}

// v2 makes the record that a 5.x master writes for a topic of up to 32767 bytes.
func v2(m Message, topic string) []byte {
	m.Topic = ""
	b := Append(nil, &m)
	at := len(b) - 2 - len(m.Properties) - 1
	out := binary.BigEndian.AppendUint16(bytes.Clone(b[:at]), uint16(len(topic)))
	out = append(out, topic...)
	out = append(out, b[at+1:]...)
	binary.BigEndian.PutUint32(out, uint32(len(out)))
	binary.BigEndian.PutUint32(out[4:], MagicV2)
	return out
}

func TestParseV2(t *testing.T) {
	topic := "%RETRY%" + strings.Repeat("g", 248)
	wire := v2(sample(), topic)
	v, err := Parse(wire, Limits{})
	if err != nil {
		t.Fatalf("Parse = %v", err)
	}
	if !v.V2() || string(v.Topic()) != topic || string(v.Body()) != "hello" || v.TagsCode() != 2598919 {
		t.Errorf("V2 record has topic %q, body %q, tags code %d", v.Topic(), v.Body(), v.TagsCode())
	}
	if m := v.Message(); m.Topic != topic {
		t.Errorf("Message has topic %q", m.Topic)
	} else if _, err := Size(&m); !errors.Is(err, ErrTooLong) {
		t.Errorf("Size of it = %v, want ErrTooLong: V2 is not written", err)
	}
	if _, err := Parse(put(wire, 4, 4, int64(MagicV1)), Limits{}); !errors.Is(err, ErrBad) {
		t.Errorf("Parse with V1's magic = %v, want ErrBad", err)
	}
}

func TestCheckCRC(t *testing.T) {
	m := sample()
	for name, wire := range map[string][]byte{"plain": Append(nil, &m), "with the property": AppendCRC(nil, &m)} {
		v, err := Parse(wire, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		missed := 0
		for i := range wire {
			damaged := bytes.Clone(wire)
			damaged[i] ^= 0x40
			d, err := Parse(damaged, Limits{})
			if err == nil && d.CheckCRC() == nil {
				missed++
				if body := v.Body(); &wire[i] == &body[0] {
					t.Errorf("%s: damage in the body goes unseen", name)
				}
			}
		}
		// Of the property itself only its name and three separators may change,
		// for then it is none; without it only the body is covered.
		if v.HasCRC() && missed > len(CRCProperty)+3 {
			t.Errorf("%s: %d of %d damaged bytes go unseen", name, missed, len(wire))
		}
		if !v.HasCRC() && missed == 0 {
			t.Errorf("%s: every byte is covered, so the other row proves nothing", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	m := sample()
	f.Add(Append(nil, &m))
	f.Add(AppendCRC(nil, &m))
	f.Add(v2(m, "topic"))
	f.Add(AppendBlank(nil, 100))
	for _, c := range readCapture(f, "commitlog-5.4.0-ipv6-crc") {
		f.Add(c.wire)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		v, err := Parse(in, Limits{Record: 1 << 16})
		if err != nil {
			return
		}
		got := v.Message()
		checkHashes(t, v)
		if v.CheckCRC() != nil || v.V2() || got.BornHost.Addr().Is4In6() || got.StoreHost.Addr().Is4In6() {
			return // not what Append writes
		}
		encode := Append
		if v.HasCRC() {
			encode = AppendCRC
		}
		if withoutCRC(got.Properties) != got.Properties {
			return
		}
		if again := encode(nil, &got); !bytes.Equal(again, in[:v.Size()]) {
			t.Errorf("%x decodes to %+v, which encodes to %x", in, got, again)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	m := sample()
	m.Body = make([]byte, 1024)
	wire := Append(nil, &m)
	b.SetBytes(int64(len(wire)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(wire, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDispatch does what the dispatch of a record needs.
func BenchmarkDispatch(b *testing.B) {
	m := sample()
	m.Properties = "UNIQ_KEY\x01FD00000000000000000000000000000276D360E53B937208137D0000\x02CLUSTER\x01PeerCluster\x02KEYS\x01key1\x02TAGS\x01TagA"
	wire := Append(nil, &m)
	hashes := make([]uint32, 0, 8)
	b.ReportAllocs()
	for b.Loop() {
		v, err := Parse(wire, Limits{})
		if err != nil {
			b.Fatal(err)
		}
		if _, hashes = v.Hashes(hashes[:0]); len(hashes) != 2 {
			b.Fatal(hashes)
		}
	}
}
