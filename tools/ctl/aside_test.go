package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"pairmq/store/record"
)

// asideBase is where the files of these tests lay in their log.
const asideBase = 4096

// An asideBuilder makes the bytes of a file that was set aside.
type asideBuilder struct{ b []byte }

// add appends the record of a message that belongs there.
func (a *asideBuilder) add(m record.Message) {
	m.PhyOffset = asideBase + int64(len(a.b))
	m.BornHost, m.StoreHost = netip.MustParseAddrPort("192.0.2.7:4711"), netip.MustParseAddrPort("192.0.2.1:10911")
	if m.StoreTimestamp == 0 {
		m.StoreTimestamp = storeTime
	}
	a.b = record.AppendCRC(a.b, &m)
}

// filler appends one of n bytes.
func (a *asideBuilder) filler(n int) {
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(n)), record.MagicBlank)
	a.b = append(append(a.b, head...), bytes.Repeat([]byte{7}, n-8)...)
}

// write writes the bytes from cut on as pairmqd names them.
func (a *asideBuilder) write(t testing.TB, dir string, cut int) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, fmt.Sprintf("commitlog-%020d-1", asideBase+cut))
	if err := os.WriteFile(name, a.b[cut:], 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// orders makes n messages of the topic Orders.
func orders(n int) *asideBuilder {
	a := &asideBuilder{}
	for i := range n {
		a.add(record.Message{Topic: "Orders", QueueID: int32(i % 2), QueueOffset: int64(i / 2), Body: fmt.Appendf(nil, "order %d", i), Properties: fmt.Sprintf("KEYS\x01k%d\x02UNIQ_KEY\x01%032X\x02CLUSTER\x01Lan", i, i)})
	}
	return a
}

// parts lists what an asideReader finds, as text.
func parts(t testing.TB, b []byte, base int64) (text []string) {
	t.Helper()
	r := &asideReader{r: bytes.NewReader(b), size: int64(len(b)), base: base}
	at := int64(0)
	for {
		p, err := r.next()
		if errors.Is(err, io.EOF) {
			return text
		}
		if err != nil {
			t.Fatal(err)
		}
		if p.at < at || p.size <= 0 || p.at+p.size > int64(len(b)) {
			t.Fatalf("a part of %d bytes at %d, behind %d, of %d", p.size, p.at, at, len(b))
		}
		at = p.at + p.size
		if !p.sound {
			text = append(text, fmt.Sprintf("%d bytes", p.size))
			continue
		}
		if base >= 0 && p.rec.PhyOffset() != base+p.at || int64(p.rec.Size()) != p.size || p.rec.CheckCRC() != nil {
			t.Fatalf("at %d is a record of %d bytes at %d", p.at, p.rec.Size(), p.rec.PhyOffset())
		}
		text = append(text, string(p.rec.Body()))
	}
}

func TestAsideReader(t *testing.T) {
	a := orders(5)
	size := len(a.b) / 5
	large := orders(1)
	large.add(record.Message{Topic: "Orders", Body: bytes.Repeat([]byte("0123456789"), 100_000)})
	large.add(record.Message{Topic: "Orders", Body: []byte("last")})
	filled := orders(2)
	filled.filler(300)
	filled.add(record.Message{Topic: "Orders", Body: []byte("behind")})
	filled.filler(20)
	change := func(b []byte, at int, c ...byte) []byte {
		b = bytes.Clone(b)
		copy(b[at:], c)
		return b
	}
	tests := []struct {
		name string
		b    []byte
		base int64
		want []string
	}{
		{"nothing", nil, asideBase, nil},
		{"whole", a.b, asideBase, []string{"order 0", "order 1", "order 2", "order 3", "order 4"}},
		{"nobody says where", a.b, -1, []string{"order 0", "order 1", "order 2", "order 3", "order 4"}},
		{"from inside a record", a.b[100:], asideBase + 100, []string{fmt.Sprint(size-100, " bytes"), "order 1", "order 2", "order 3", "order 4"}},
		{"from inside, nobody says where", a.b[100:], -1, []string{fmt.Sprint(size-100, " bytes"), "order 1", "order 2", "order 3", "order 4"}},
		{"to inside a record", a.b[:5*size-7], asideBase, []string{"order 0", "order 1", "order 2", "order 3", fmt.Sprint(size-7, " bytes")}},
		{"a head alone", a.b[:5], asideBase, []string{"5 bytes"}},
		{"one byte", a.b[:1], asideBase, []string{"1 bytes"}},
		{"damaged", change(a.b, size+90, 'X'), asideBase, []string{"order 0", fmt.Sprint(size, " bytes"), "order 2", "order 3", "order 4"}},
		{"huge size", change(a.b, size, 0x7f), asideBase, []string{"order 0", fmt.Sprint(size, " bytes"), "order 2", "order 3", "order 4"}},
		{"of another place", a.b, asideBase + 1, []string{fmt.Sprint(5*size, " bytes")}},
		{"zeros", make([]byte, 300_000), asideBase, []string{"300000 bytes"}},
		{"magic codes", bytes.Repeat([]byte{0xda, 0xa3, 0x20, 0xa7}, 100_000), asideBase, []string{"400000 bytes"}},
		{"large", large.b, asideBase, []string{"order 0", string(bytes.Repeat([]byte("0123456789"), 100_000)), "last"}},
		{"fillers", filled.b, asideBase, []string{"order 0", "order 1", "behind"}},
		{"a filler that is cut", filled.b[:2*size+100], asideBase, []string{"order 0", "order 1"}},
		{"a filler that is wrong", change(filled.b, 2*size+3, 99), asideBase, []string{"order 0", "order 1", "300 bytes", "behind"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := parts(t, tt.b, tt.base); fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("there is %.300q, want %.300q", got, tt.want)
			}
		})
	}
}

// FuzzAsideReader: whatever lies in a file, what is found in it are sound records
// of their places and gaps, in order, and nothing is endless.
func FuzzAsideReader(f *testing.F) {
	a := orders(3)
	a.filler(40)
	f.Add(a.b, int64(asideBase))
	f.Add(a.b[30:], int64(asideBase+30))
	f.Add(a.b[30:], int64(-1))
	f.Add(bytes.Repeat([]byte{0, 0, 0, 8, 0xcb, 0xd4, 0x31, 0x94}, 9), int64(0))
	f.Fuzz(func(t *testing.T, b []byte, base int64) { parts(t, b, max(base, -1)) })
}
