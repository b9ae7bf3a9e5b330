package main

import (
	"errors"
	"strings"
	"testing"
)

func TestParseBlockStat(t *testing.T) {
	got, err := parseBlockStat([]byte("     196        0    10546       10     1046     8342   330768     4030        0     3450     4040        5        0  8388608        0      521        9\n"))
	if want := (blockStat{writes: 1046, bytes: 330768 * 512, flushes: 521}); got != want || err != nil {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	if d := got.since(blockStat{writes: 1000, bytes: 512, flushes: 500}); d != (blockStat{writes: 46, bytes: 330767 * 512, flushes: 21}) {
		t.Errorf("since: %+v", d)
	}
	for _, text := range []string{"", "1 2 3 4 5 6 7 8 9 10 11", strings.Repeat("x ", 17), strings.Repeat("-1 ", 17), strings.Repeat("99999999999999999999 ", 17)} {
		if _, err := parseBlockStat([]byte(text)); !errors.Is(err, errProc) {
			t.Errorf("%q: %v, want errProc", text, err)
		}
	}
}

func TestParseProcIO(t *testing.T) {
	const text = "rchar: 1\nwchar: 323934931\nsyscr: 2\nsyscw: 3\nread_bytes: 4\nwrite_bytes: 323932160\ncancelled_write_bytes: 7\n"
	got, err := parseProcIO([]byte(text))
	if want := (procIO{calls: 323934931, pages: 323932160}); got != want || err != nil {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	for _, bad := range []string{"", "wchar: 1\n", "wchar: 1\nwrite_bytes: 2", "wchar: x\nwrite_bytes: 2\n", "wchar: -1\nwrite_bytes: 2\n"} {
		if _, err := parseProcIO([]byte(bad)); !errors.Is(err, errProc) {
			t.Errorf("%q: %v, want errProc", bad, err)
		}
	}
}
