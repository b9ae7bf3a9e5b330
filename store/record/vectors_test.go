package record

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// captured is one record of a capture: the bytes that a real broker wrote, and
// what an independent decoder read from them.
type captured struct {
	wire []byte

	Kind                      string
	TotalSize                 int
	BodyCRC                   uint32
	QueueID                   int32
	Flag                      int32
	QueueOffset               int64
	PhysicalOffset            int64
	SysFlag                   int32
	BornTimestamp             int64
	BornHost                  netip.AddrPort
	StoreTimestamp            int64
	StoreHost                 netip.AddrPort
	ReconsumeTimes            int32
	PreparedTransactionOffset int64
	BodyHex                   string
	Topic                     string
	PropertiesRaw             string
	Properties                map[string]string
	ExcerptOffset             int
}

// readCapture reads testdata/name.hex and .json, taken from Apache brokers of
// the version in the name.
func readCapture(t testing.TB, name string) []captured {
	t.Helper()
	wire := readHex(t, name+".hex")
	var records []captured
	readJSON(t, name+".json", &records)
	for i := range records {
		r := &records[i]
		r.wire = wire[r.ExcerptOffset:][:r.TotalSize]
	}
	return records
}

// readHex reads hex text with lines of comment.
func readHex(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(raw)) {
		if !strings.HasPrefix(line, "#") {
			digits.WriteString(strings.Join(strings.Fields(line), ""))
		}
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return b
}

func readJSON(t testing.TB, name string, v any) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func (c captured) message(t testing.TB) Message {
	t.Helper()
	body, err := hex.DecodeString(c.BodyHex)
	if err != nil {
		t.Fatal(err)
	}
	props := strings.NewReplacer(`\x01`, "\x01", `\x02`, "\x02").Replace(c.PropertiesRaw)
	return Message{
		Topic: c.Topic, QueueID: c.QueueID, Flag: c.Flag, SysFlag: c.SysFlag,
		QueueOffset: c.QueueOffset, PhyOffset: c.PhysicalOffset,
		BornTimestamp: c.BornTimestamp, BornHost: c.BornHost,
		StoreTimestamp: c.StoreTimestamp, StoreHost: c.StoreHost,
		ReconsumeTimes: c.ReconsumeTimes, PreparedTransactionOffset: c.PreparedTransactionOffset,
		Body: body, Properties: props,
	}
}

func TestCapturedRecords(t *testing.T) {
	for _, name := range []string{
		"commitlog-4.9.7-mixed", "commitlog-5.4.0-mixed",
		"commitlog-4.9.7-ipv6-prepared-rollback", "commitlog-5.4.0-ipv6-crc",
	} {
		t.Run(name, func(t *testing.T) {
			for _, c := range readCapture(t, name) {
				checkCaptured(t, c, strings.HasSuffix(name, "-crc"))
			}
		})
	}
}

// checkCaptured reads c and writes it again, which must give the same bytes.
func checkCaptured(t *testing.T, c captured, withCRC bool) {
	t.Helper()
	v, err := Parse(append(bytes.Clone(c.wire), 0xFF), Limits{})
	if err != nil {
		t.Errorf("Parse(%s) = %v", c.Kind, err)
		return
	}
	if err := v.CheckCRC(); err != nil {
		t.Errorf("%s: CheckCRC() = %v", c.Kind, err)
	}
	if v.HasCRC() != withCRC {
		t.Errorf("%s: HasCRC() = %v, want %v", c.Kind, v.HasCRC(), withCRC)
	}
	if v.Size() != c.TotalSize || v.BodyCRC() != c.BodyCRC || v.V2() {
		t.Errorf("%s: size %d, body CRC %d, V2 %v, want %d, %d, false", c.Kind, v.Size(), v.BodyCRC(), v.V2(), c.TotalSize, c.BodyCRC)
	}
	for name, want := range c.Properties {
		if got, ok := v.Property(name); !ok || string(got) != want {
			t.Errorf("%s: Property(%q) = %q, %v, want %q", c.Kind, name, got, ok, want)
		}
	}
	want := c.message(t)
	encode, size := Append, Size
	if withCRC {
		encode, size = AppendCRC, SizeCRC
		want.Properties = RemoveProperty(want.Properties, CRCProperty)
	}
	got := v.Message()
	if !equalMessages(got, want) {
		t.Errorf("%s: Message() = %+v, want %+v", c.Kind, got, want)
	}
	again := encode([]byte("before"), &got)
	if string(again) != "before"+string(c.wire) {
		t.Errorf("%s encodes to\n%x, want\n%x", c.Kind, again, c.wire)
	}
	if n, err := size(&got); n != c.TotalSize || err != nil {
		t.Errorf("%s: size = %d, %v, want %d", c.Kind, n, err, c.TotalSize)
	}
}

func equalMessages(a, b Message) bool {
	if !bytes.Equal(a.Body, b.Body) {
		return false
	}
	a.Body, b.Body = nil, nil
	return a.BornHost == b.BornHost && a.StoreHost == b.StoreHost && a.Topic == b.Topic &&
		a.QueueID == b.QueueID && a.Flag == b.Flag && a.SysFlag == b.SysFlag &&
		a.QueueOffset == b.QueueOffset && a.PhyOffset == b.PhyOffset &&
		a.BornTimestamp == b.BornTimestamp && a.StoreTimestamp == b.StoreTimestamp &&
		a.ReconsumeTimes == b.ReconsumeTimes &&
		a.PreparedTransactionOffset == b.PreparedTransactionOffset && a.Properties == b.Properties
}

func TestCapturedBlank(t *testing.T) {
	wire := readHex(t, "commitlog-4.9.7-blank.hex")
	if _, err := Parse(wire, Limits{}); err != ErrBlank {
		t.Errorf("Parse(blank) = %v, want ErrBlank", err)
	}
	if n, ok := Blank(wire); n != 2554 || !ok {
		t.Errorf("Blank = %d, %v, want 2554, true", n, ok)
	}
	if got := AppendBlank(nil, 2554); !bytes.Equal(got, wire[:BlankSize]) {
		t.Errorf("AppendBlank(2554) = %x, want %x", got, wire[:BlankSize])
	}
}

// TestCapturedKeys compares with the first entries of the index file of the
// broker that wrote the log.
func TestCapturedKeys(t *testing.T) {
	type entry struct {
		KeyHash   uint32
		PhyOffset int64
	}
	var index struct{ Entries []entry }
	readJSON(t, "index-4.9.7.json", &index)
	want := index.Entries[1:] // entry 0 is never used
	var got []entry
	for _, c := range readCapture(t, "commitlog-4.9.7-mixed") {
		v, err := Parse(c.wire, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		_, hashes := v.Hashes(nil)
		for _, hash := range hashes {
			got = append(got, entry{hash, v.PhyOffset()})
		}
	}
	if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Errorf("keys of the log are\n%d, its broker's index starts\n%d", got, want)
	}
}

// TestCapturedTags compares with the consume queue of the same broker.
func TestCapturedTags(t *testing.T) {
	var units []struct{ CommitLogOffset, TagsCode int64 }
	readJSON(t, "consumequeue-4.9.7-PeerTopic-0.json", &units)
	want := map[int64]int64{}
	for _, u := range units {
		want[u.CommitLogOffset] = u.TagsCode
	}
	compared := 0
	for _, c := range readCapture(t, "commitlog-4.9.7-mixed") {
		v, err := Parse(c.wire, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		code, ok := want[c.PhysicalOffset]
		if !ok {
			continue
		}
		compared++
		if got, _ := v.Hashes(nil); got != code {
			t.Errorf("%s has tags code %d, its broker's consume queue has %d", c.Kind, got, code)
		}
	}
	if compared < 8 {
		t.Errorf("compared %d records, the vectors have more in common", compared)
	}
}
