package loadgen

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
	"testing"
	"time"

	"pairmq/internal/remoting"
)

// decodeAll reads a stream of requests.
func decodeAll(t *testing.T, b []byte) []remoting.Command {
	t.Helper()
	var all []remoting.Command
	for len(b) > 0 {
		c, err := remoting.DecodeCommand(b, remoting.Limits{})
		if err != nil {
			t.Fatalf("request %d: %v", len(all), err)
		}
		all = append(all, c)
		b = b[4+binary.BigEndian.Uint32(b):]
	}
	return all
}

func uniqueKey(properties string) string {
	_, after, _ := strings.Cut(properties, "UNIQ_KEY\x01")
	key, _, _ := strings.Cut(after, "\x02")
	return key
}

func TestSendRequests(t *testing.T) {
	for _, serialize := range []remoting.SerializeType{remoting.JSON, remoting.Binary} {
		o := SendOptions{Topic: "T", Queues: 3, Size: 100, Serialize: serialize}
		if err := o.check(); err != nil {
			t.Fatal(err)
		}
		req, err := newSendRequest(o)
		if err != nil {
			t.Fatal(err)
		}
		start := time.UnixMilli(1_795_404_792_787)
		var stream []byte
		var born clockText
		second := req.from(1)
		for slot := range 7 {
			stream = second.appendTo(stream, slot, born.at(time.Duration(slot)*time.Second, start))
		}
		keys := make(map[string]bool)
		for slot, c := range decodeAll(t, stream) {
			if c.Code != remoting.ReqSendMessageV2 || c.Opaque != int32(opaqueBase+slot) || c.Serialize != serialize || c.IsOneway() {
				t.Errorf("slot %d: code %d, opaque %d, serialize type %d", slot, c.Code, c.Opaque, c.Serialize)
			}
			for key, want := range map[string]string{
				"a": "LoadProducer", "b": "T", "c": "TBW102", "d": "4", "e": strconv.Itoa((slot + 1) % 3), "f": "0",
				"g": strconv.FormatInt(1_795_404_792_787+1000*int64(slot), 10), "h": "0", "j": "0", "k": "false", "m": "false",
			} {
				if got := c.Fields.Get(key); got != want {
					t.Errorf("slot %d: field %s is %q, want %q", slot, key, got, want)
				}
			}
			key := uniqueKey(c.Fields.Get("i"))
			if len(key) != 32 || keys[key] {
				t.Errorf("slot %d: unique key %q is new: %v", slot, key, !keys[key])
			}
			keys[key] = true
			if !bytes.Equal(c.Body, req.body) || len(c.Body) != 100 {
				t.Errorf("slot %d: %d bytes of body, want the 100 of all", slot, len(c.Body))
			}
		}
	}
}

func TestSendRequestOfABatch(t *testing.T) {
	o := SendOptions{Topic: "T", Size: 10, Batch: 3}
	if err := o.check(); err != nil {
		t.Fatal(err)
	}
	req, err := newSendRequest(o)
	if err != nil {
		t.Fatal(err)
	}
	stream := req.appendTo(nil, 0, []byte("1795404792787"))
	stream = req.appendTo(stream, 1, []byte("1795404792787"))
	keys := make(map[string]bool)
	for _, c := range decodeAll(t, stream) {
		if c.Code != remoting.ReqSendBatchMessage || c.Fields.Get("m") != "true" || len(c.Body) != batchSize(3, 10) {
			t.Errorf("code %d, m %q, %d bytes of body; want 320, true, %d", c.Code, c.Fields.Get("m"), len(c.Body), batchSize(3, 10))
		}
		for _, entry := range entries(t, c.Body) {
			keys[uniqueKey(entry)] = true
		}
	}
	if len(keys) != 6 || keys[""] {
		t.Errorf("two batches of three have the unique keys %v, want six", keys)
	}
}

// TestShortKeys: alone or in a batch, each message has a KEYS of its own and
// nothing else.
func TestShortKeys(t *testing.T) {
	for _, batch := range []int{1, 3} {
		o := SendOptions{Topic: "T", Size: 4, Batch: batch, ShortKey: true}
		if err := o.check(); err != nil {
			t.Fatal(err)
		}
		req, err := newSendRequest(o)
		if err != nil {
			t.Fatal(err)
		}
		var stream []byte
		for i := range 4 { // two connections, two requests each
			stream = req.from(i%2).appendTo(stream, i, []byte("1795404792787"))
		}
		keys := make(map[string]int)
		for _, c := range decodeAll(t, stream) {
			all := []string{c.Fields.Get("i")}
			if batch > 1 {
				all = entries(t, c.Body)
			}
			for _, p := range all {
				if len(p) != len(shortProperty) || !strings.HasPrefix(p, "KEYS\x01") || strings.Contains(p, shortMark) {
					t.Errorf("batch of %d: properties %q", batch, p)
				}
				keys[p]++
			}
		}
		if len(keys) != 2*batch { // the same two connections begin anew
			t.Errorf("batch of %d: keys %v, want %d", batch, keys, 2*batch)
		}
	}
}

// entries returns the properties of each message in a batch, whose layout is
// that of the batch a 4.9.7 client sent.
func entries(t *testing.T, b []byte) []string {
	t.Helper()
	var all []string
	for len(b) > 0 {
		size, body := int(binary.BigEndian.Uint32(b)), int(binary.BigEndian.Uint32(b[16:]))
		properties := int(binary.BigEndian.Uint16(b[20+body:]))
		if size != batchEntry+body+properties || size > len(b) {
			t.Fatalf("entry %d: %d bytes, %d of body, %d of properties, %d left", len(all), size, body, properties, len(b))
		}
		all = append(all, string(b[size-properties:size]))
		b = b[size:]
	}
	return all
}

func TestBatchLayoutIsThatOfClients(t *testing.T) {
	if got := entries(t, goldenFrame(t, "v4-send-batch-request").body); len(got) != 3 || len(uniqueKey(got[2])) == 0 {
		t.Errorf("a client's batch has entries with the properties %q, want three", got)
	}
}

func TestTemplateRefusesNamesThatLookLikeAMark(t *testing.T) {
	o := SendOptions{Topic: "T" + bornMark}
	if err := o.check(); err != nil {
		t.Fatal(err)
	}
	if _, err := newSendRequest(o); err == nil {
		t.Errorf("a topic %q is accepted, in which the born timestamp would be replaced", o.Topic)
	}
}

func BenchmarkSendRequest(b *testing.B) {
	for _, serialize := range []remoting.SerializeType{remoting.JSON, remoting.Binary} {
		o := SendOptions{Topic: "BenchmarkTopic", Size: 128, Serialize: serialize}
		if err := o.check(); err != nil {
			b.Fatal(err)
		}
		req, err := newSendRequest(o)
		if err != nil {
			b.Fatal(err)
		}
		b.Run([]string{"json", "binary"}[serialize], func(b *testing.B) {
			b.ReportAllocs()
			var buf []byte
			born := []byte(bornMark)
			for b.Loop() {
				buf = req.appendTo(buf[:0], 7, born)
			}
		})
	}
}
