package pop

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

func TestNotesAreReadAsWritten(t *testing.T) {
	for _, n := range []note{
		{next: 0},
		{next: 100, version: 3, deleted: 1 << 40, kept: 1795404871952, flights: []noted{{0, 1, 2, 3}, {1, 0, 0, 0}, {99, 1795404871952, 60000, 59000}}},
		{next: 10, flights: []noted{{7, 1, 2, 3}}},
		{next: 10, version: 3, kept: 1795404871952, round: &round{attempt: "", popTime: 1, to: 11, took: []took{{offset: 10}}}},
		{next: 5, deleted: 1 << 40, round: &round{attempt: "an attempt", popTime: 1795404871952, to: 100, took: []took{{offset: 5, count: 1<<31 - 1, due: 59000}, {offset: 6, acked: true}, {offset: 99, count: 2, acked: true, due: 7}}}},
	} {
		if got, err := decodeNote(n.append(nil)); err != nil || !reflect.DeepEqual(got, n) {
			t.Errorf("%+v becomes %+v, %v", n, got, err)
		}
	}
	for _, bad := range []note{
		{next: 5, flights: []noted{{5, 1, 2, 3}}}, {next: 5, flights: []noted{{1, 1, 2, 3}, {1, 1, 2, 3}}},
		{next: 5, round: &round{to: 6}},
		{next: 5, round: &round{to: 7, took: []took{{offset: 6}}}},
		{next: 5, round: &round{to: 7, took: []took{{offset: 5, acked: true}, {offset: 6}}}},
		{next: 5, round: &round{to: 6, took: []took{{offset: 5}, {offset: 6}}}},
		{next: 5, round: &round{to: 7, took: []took{{offset: 5}, {offset: 5}}}},
		{next: 5, round: &round{to: 7, attempt: strings.Repeat("a", MaxAttempt+1), took: []took{{offset: 5}}}},
		{next: 0, round: &round{to: 100, took: rounds(MaxMessages + 1)}},
	} {
		if got, err := decodeNote(bad.append(nil)); err == nil {
			t.Errorf("%+v is read as %+v", bad, got)
		}
	}
}

// rounds are n messages from 0 on.
func rounds(n int64) (all []took) {
	for at := range n {
		all = append(all, took{offset: at})
	}
	return all
}

func TestKeysAreReadAsWritten(t *testing.T) {
	for _, k := range []queueKey{{"g", "T", 0}, {"group", "%RETRY%group_T", 1<<31 - 1}, {"g", "T", 256}} {
		if got, ok := parseKey(noteKey(k)); !ok || got != k {
			t.Errorf("%+v becomes %+v, %v", k, got, ok)
		}
	}
}

func FuzzDecodeNote(f *testing.F) {
	n := note{next: 100, version: 3, kept: 5, flights: []noted{{0, 1, 2, 3}, {99, 1, 2, 3}}}
	f.Add(n.append(nil))
	n = note{next: 5, round: &round{attempt: "a", popTime: 1, to: 100, took: []took{{offset: 5, due: 59000}, {offset: 99, count: 2, acked: true}}}}
	f.Add(n.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := decodeNote(b)
		if err != nil {
			return
		}
		again, err := decodeNote(n.append(nil))
		if err != nil || !reflect.DeepEqual(again, n) || len(n.append(nil)) > len(b) && bytes.Equal(n.append(nil), b) {
			t.Errorf("%x is %+v, which is %+v, %v", b, n, again, err)
		}
	})
}

func FuzzParseKey(f *testing.F) {
	f.Add(noteKey(queueKey{"g", "T", 1}))
	f.Fuzz(func(t *testing.T, key string) {
		if k, ok := parseKey(key); ok && noteKey(k) != key {
			t.Errorf("%q is %+v, which is %q", key, k, noteKey(k))
		}
	})
}
