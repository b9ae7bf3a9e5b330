package store_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pairmq/hal/disk"
	"pairmq/store"
	"pairmq/store/record"
)

// A propertyFilter passes the records with this piece in their properties text,
// and counts those it is shown.
type propertyFilter struct {
	piece string
	shown *int
}

func (propertyFilter) Match(int64) bool { return true }

func (f propertyFilter) MatchProperties(properties []byte) bool {
	*f.shown++
	return bytes.Contains(properties, []byte(f.piece))
}

// consumeBy reads queue 0 of topic T to its end and returns the flags of what it was
// given, and in how many pulls.
func consumeBy(t *testing.T, s *store.Store, f store.Filter) (flags []int32, pulls int) {
	t.Helper()
	for offset := int64(0); ; pulls++ {
		r, err := s.Get("T", 0, offset, 32, 1<<20, f)
		if err != nil {
			t.Fatal(err)
		}
		if r.Status == store.OffsetOverflowOne {
			return flags, pulls
		}
		if r.Status != store.Found && r.Status != store.NoMatchedMessage || r.NextBeginOffset <= offset {
			t.Fatalf("at %d: %v, next is %d", offset, r.Status, r.NextBeginOffset)
		}
		for b := r.Body; len(b) > 0; {
			v, err := record.Parse(b, record.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			flags, b = append(flags, v.Flag()), b[v.Size():]
		}
		offset = r.NextBeginOffset
		r.Release()
	}
}

// TestGetByProperties: a filter that looks into records is shown all of them,
// between those of other queues and across segments, large ones too, and gets all it
// wants; also after a restart, when every record is checked before it is believed.
func TestGetByProperties(t *testing.T) {
	fs, err := disk.OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	opts := options(fs, true)
	opts.SegmentSize = 1 << 20
	r := mustStart(t, opts)
	const n = 1000
	var want []int32
	for i := range n {
		m := message(i, 1)
		m.Topic, m.QueueID, m.Properties = "T", 0, fmt.Sprintf("n\x01%d\x02m\x01%d", i, i%50)
		if i%100 == 57 {
			m.Body = bytes.Repeat([]byte{'x'}, 80_000+i)
		}
		if i%50 == 7 {
			want = append(want, int32(i))
		}
		other := message(i, 1)
		other.Topic, other.Body = "U", other.Body[:min(len(other.Body), 100*(i%3)+1)]
		for _, m := range []record.Message{m, other} {
			if err := r.Put(sliceOf(m), func(error) {}); err != nil {
				t.Fatal(err)
			}
		}
	}
	put(t, r.Store, message(0, 1)) // all before it is there then
	for _, when := range []string{"as stored", "after a restart"} {
		shown := 0
		flags, pulls := consumeBy(t, r.Store, propertyFilter{"\x02m\x017\x02", &shown})
		if !slices.Equal(flags, want) || shown < n || shown > n+pulls || pulls > 4 {
			t.Errorf("%s: given %v in %d pulls, shown %d; want %v in a few, and each of %d once, but for those at the end of a pull", when, flags, pulls, shown, want, n)
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		r = mustStart(t, opts)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}

// TestGetByPropertiesIsBounded: one pull reads about 4 MiB to look for what a filter
// wants, and then says where to go on.
func TestGetByPropertiesIsBounded(t *testing.T) {
	fs, err := disk.OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	opts := options(fs, false)
	opts.SegmentSize = 1 << 20
	r := mustStart(t, opts)
	defer r.stop()
	m := message(0, 1)
	m.Topic, m.QueueID, m.Body = "T", 0, []byte(strings.Repeat("x", 500_000))
	for range 20 {
		put(t, r.Store, m)
	}
	shown := 0
	g, err := r.Get("T", 0, 0, 32, 1<<20, propertyFilter{"never", &shown})
	if err != nil || g.Status != store.NoMatchedMessage || g.NextBeginOffset != 9 || shown != 9 {
		t.Errorf("%v, next is %d, %d records shown, %v; want 9 of the 20", g.Status, g.NextBeginOffset, shown, err)
	}
	if flags, pulls := consumeBy(t, r.Store, propertyFilter{"never", &shown}); len(flags) > 0 || pulls != 3 {
		t.Errorf("given %v in %d pulls; want nothing in 3", flags, pulls)
	}
}
