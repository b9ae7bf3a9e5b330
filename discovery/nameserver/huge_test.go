package nameserver

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"pairmq/discovery"
	"pairmq/internal/remoting"
)

// bomb is a compressed table that unfolds to 100 MiB and says that it has so many topics.
func bomb(t *testing.T, topics uint32, topic string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	version := `{"counter":1,"timestamp":1}`
	head := binary.BigEndian.AppendUint32(nil, uint32(len(version)))
	head = append(head, version...)
	head = binary.BigEndian.AppendUint32(head, topics)
	entry := append(binary.BigEndian.AppendUint32(nil, uint32(len(topic))), topic...)
	for _, b := range [][]byte{head, bytes.Repeat(entry, (100<<20)/len(entry))} {
		if _, err := z.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestHugeTablesAreRefused: tables of a hundred megabytes, as they are and
// folded up small, cost neither memory nor what was registered before.
func TestHugeTablesAreRefused(t *testing.T) {
	few := bomb(t, 1<<20, "Topic 8 8 6 SINGLE_TAG")
	large := bomb(t, 19_000, strings.Repeat("T", 60_000)+" 8 8 6 SINGLE_TAG")
	for _, tt := range []struct {
		name       string
		compressed string
		body       []byte
	}{
		{"a bomb", "true", few},
		{"a bomb that says that it is none", "false", few},
		{"a bomb of few topics", "true", large},
		{"many topics", "false", []byte(`{"topicConfigSerializeWrapper":{"topicConfigTable":{` + strings.TrimSuffix(strings.Repeat(`"T":{"topicName":"T"},`, 1<<19), ",") + `}}}`)},
		{"a deep one", "false", []byte(`{"topicConfigSerializeWrapper":` + strings.Repeat(`{"x":`, 1<<20))},
		{"a long name", "false", []byte(`{"topicConfigSerializeWrapper":{"topicConfigTable":{"` + strings.Repeat("T", 15<<20) + `":{}}}}`)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, Options{})
			b := newBroker(s, "b", "h1:10911")
			b.mustRegister(t)
			f := append(b.fields(), remoting.Field{Key: "compressed", Value: tt.compressed}, remoting.Field{Key: "bodyCrc32", Value: fmt.Sprint(discovery.BodyCRC32(tt.body))})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			resp := s.handle(b.conn, &remoting.Command{Code: remoting.ReqRegisterBroker, Fields: f, Body: tt.body})
			runtime.ReadMemStats(&after)
			took := (after.TotalAlloc - before.TotalAlloc) >> 20
			if resp.Code != remoting.RespSystemError && tt.name != "a long name" {
				t.Errorf("answered %d %q", resp.Code, resp.Remark)
			}
			if most := uint64(3*len(tt.body))>>20 + 24; took > most {
				t.Errorf("%d bytes cost %d MiB of memory, at most %d are allowed", len(tt.body), took, most)
			}
			mustRoute(t, s, "T")
			checkCounts(t, s)
			t.Logf("%d bytes: %d MiB, %d %.120q", len(tt.body), took, resp.Code, resp.Remark)
		})
	}
}
