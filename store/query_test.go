package store_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pairmq/hal/disk"
	"pairmq/store"
	"pairmq/store/index"
	"pairmq/store/record"
)

// bodies returns the bodies of records that lie back to back.
func bodies(t *testing.T, b []byte) (all []string) {
	t.Helper()
	for len(b) > 0 {
		v, err := record.Parse(b, record.Limits{Record: len(b)})
		if err != nil {
			t.Fatalf("record %d: %v", len(all), err)
		}
		all, b = append(all, string(v.Body())), b[v.Size():]
	}
	return all
}

// TestQueryFindsByKey: "Aa" and "BB" are of one hash, as are the topics T and T with them.
func TestQueryFindsByKey(t *testing.T) {
	r, opts := openOnDisk(t, true)
	defer func() { r.stop() }()
	stamps := map[string]int64{}
	keep := func(body, topic, properties string) {
		m := message(1, 1)
		m.Topic, m.QueueID, m.Body, m.Properties = topic, 0, []byte(body), properties
		stamps[body] = put(t, r.Store, m).StoreTimestamp
	}
	keep("one", "T", "UNIQ_KEY\x01u1\x02KEYS\x01Aa order")
	keep("collides", "T", "UNIQ_KEY\x01u2\x02KEYS\x01BB")
	keep("other topic", "T2", "UNIQ_KEY\x01u3\x02KEYS\x01Aa")
	keep("as its id", "T", "UNIQ_KEY\x01Aa")
	keep("none", "T", "TAGS\x01Aa")
	for i := range 70 {
		keep(fmt.Sprint("many", i), "T", "KEYS\x01many  twice twice")
	}
	all := func(q store.KeyQuery) store.KeyQuery {
		q.Topic, q.End = "T", math.MaxInt64
		if q.Max == 0 {
			q.Max = 32
		}
		return q
	}
	var newest []string
	for i := 6; i < 70; i++ {
		newest = append(newest, fmt.Sprint("many", i))
	}
	tests := []struct {
		name string
		q    store.KeyQuery
		want []string
	}{
		{"a word", all(store.KeyQuery{Key: "order"}), []string{"one"}},
		{"a word and an id", all(store.KeyQuery{Key: "Aa"}), []string{"one", "as its id"}},
		{"an id alone", all(store.KeyQuery{Key: "Aa", Uniq: true}), []string{"as its id"}},
		{"of another's hash", all(store.KeyQuery{Key: "BB"}), []string{"collides"}},
		{"the newest", all(store.KeyQuery{Key: "many", Max: 2}), []string{"many68", "many69"}},
		{"64 at most", all(store.KeyQuery{Key: "many", Max: 1000}), newest},
		{"none wanted", all(store.KeyQuery{Key: "many", Max: -1}), nil},
		{"nothing", all(store.KeyQuery{Key: "no such key"}), nil},
		{"no key", all(store.KeyQuery{}), nil},
		{"no word between two spaces", all(store.KeyQuery{Key: ""}), nil},
		{"until then", store.KeyQuery{Topic: "T", Key: "Aa", End: stamps["one"] - 1, Max: 32}, nil},
		{"since then", store.KeyQuery{Topic: "T", Key: "Aa", Begin: stamps["as its id"] + 1, End: math.MaxInt64, Max: 32}, nil},
		{"at that time", store.KeyQuery{Topic: "T", Key: "order", Begin: stamps["one"], End: stamps["one"], Max: 32}, []string{"one"}},
		{"backwards", store.KeyQuery{Topic: "T", Key: "order", Begin: 2, End: 1, Max: 32}, nil},
	}
	look := func(when string) {
		for _, tt := range tests {
			b, err := r.Query(tt.q, nil)
			if err != nil {
				t.Fatalf("%s: %s: Query(%+v): %v", when, tt.name, tt.q, err)
			}
			if got := bodies(t, b); !slices.Equal(got, tt.want) {
				t.Errorf("%s: %s: Query(%+v) = %q, want %q", when, tt.name, tt.q, got, tt.want)
			}
		}
	}
	look("in memory")
	units := make([]index.Unit, 3)
	if n := r.Units("T", 0, 1, units); n != 3 || units[0].TagsCode != 0 || units[2].TagsCode != record.TagsCode("Aa") {
		t.Errorf("Units from 1 on = %d, %+v", n, units)
	}
	if n := r.Units("T", 0, 72, units); n != 2 {
		t.Errorf("Units from 72 on = %d, want 2 of 74", n)
	}
	if n := r.Units("None", 0, 0, units); n != 0 {
		t.Errorf("Units of no queue = %d", n)
	}
	if stamp, end := r.QueriedTo(); stamp < stamps["many69"] || end != r.Stats().MaxPhyOffset {
		t.Errorf("QueriedTo = %d, %d, want at least %d, and %d", stamp, end, stamps["many69"], r.Stats().MaxPhyOffset)
	}
	r.stop()
	r = mustStart(t, opts)
	look("from the file")
}

// A tight room has so many bytes.
type tight int

var errTight = errors.New("no room")

func (r tight) Reserve(n int) error {
	if n > int(r) {
		return fmt.Errorf("%w for %d bytes", errTight, n)
	}
	return nil
}

func TestQueryKeepsItsBounds(t *testing.T) {
	r, _ := openOnDisk(t, true)
	defer r.stop()
	var one int
	body := []byte(strings.Repeat("x", segment/4))
	for range 12 {
		m := message(1, 1)
		m.Topic, m.Body, m.Properties = "T", body, "KEYS\x01k"
		size, err := record.SizeCRC(&m)
		if err != nil {
			t.Fatal(err)
		}
		one = size
		put(t, r.Store, m)
	}
	q := store.KeyQuery{Topic: "T", Key: "k", End: math.MaxInt64, Max: 3}
	if _, err := r.Query(q, tight(3*one-1)); !errors.Is(err, errTight) {
		t.Errorf("Query without room: %v, want %v", err, errTight)
	}
	if b, err := r.Query(q, tight(3*one)); err != nil || len(b) != 3*one {
		t.Errorf("Query = %d bytes, %v, want %d", len(b), err, 3*one)
	}
}

// TestQueryEndsBeforeMemoryDoes: more than 2 MiB are not handed out together.
func TestQueryEndsBeforeMemoryDoes(t *testing.T) {
	fs, err := disk.OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	opts := options(fs, false)
	opts.SegmentSize = 16 << 20
	r := mustStart(t, opts)
	defer r.stop()
	for i := range 5 {
		m := message(1, 1)
		m.Topic, m.Body, m.Properties = "T", make([]byte, 900<<10), "KEYS\x01k"
		if i == 0 {
			m.Body, m.Properties = make([]byte, 3<<20), "KEYS\x01one"
		}
		put(t, r.Store, m)
	}
	for key, want := range map[string]int{"k": 2, "one": 1} {
		b, err := r.Query(store.KeyQuery{Topic: "T", Key: key, End: math.MaxInt64, Max: 32}, nil)
		if got := len(bodies(t, b)); err != nil || got != want {
			t.Errorf("Query of %s = %d messages, %v, want %d", key, got, err, want)
		}
	}
}
