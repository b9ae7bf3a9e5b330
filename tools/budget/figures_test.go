package main

import (
	"io"
	"strings"
	"testing"
)

func TestFiguresAreHeldToTheirBudgets(t *testing.T) {
	limits := map[string]int64{"idle-rss-kib": 19531, "ready-ms": 100}
	tests := []struct{ name, text, want string }{
		{"within", "figure: arm64 idle-rss-kib 19531\nfigure: arm64 ready-ms 7 of 100\n", ""},
		{"among other lines", "[  ok  ] booted\r\nfigure: armhf ready-ms 100\r\nbye", ""},
		{"over", "figure: armhf idle-rss-kib 19532", "idle-rss-kib of armhf is 19532, 1 over its budget"},
		{"both over", "figure: a ready-ms 101\nfigure: b ready-ms 200\n", "ready-ms of b is 200, 100 over its budget"},
		{"unknown", "figure: arm64 idle-rss 3", "no budget called idle-rss"},
		{"no value", "figure: arm64 ready-ms", "line 1"},
		{"not a number", "\nfigure: arm64 ready-ms 3.5", "line 2"},
		{"negative", "figure: arm64 ready-ms -1", "no value"},
		{"nothing", "it did not boot\n", "no figure"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			all, err := readFigures(strings.NewReader(tt.text))
			if err == nil {
				err = checkFigures(io.Discard, limits, all)
			}
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// What is measured here can be checked again where it is written to.
func TestFiguresAreReadAsTheyArePrinted(t *testing.T) {
	limits := map[string]int64{"idle-rss-kib": 19531}
	var b strings.Builder
	if err := checkFigures(&b, limits, []figure{{"386", "idle-rss-kib", 9000}}); err != nil {
		t.Fatal(err)
	}
	all, err := readFigures(strings.NewReader(b.String()))
	if err != nil || len(all) != 1 || all[0] != (figure{"386", "idle-rss-kib", 9000}) {
		t.Errorf("%q is read as %+v, %v", b.String(), all, err)
	}
}

// FuzzReadFigures: it may refuse, it may not panic, and what it reads is read so again.
func FuzzReadFigures(f *testing.F) {
	f.Add("figure: arm64 idle-rss-kib 12345 of 19531\n")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := readFigures(strings.NewReader(text))
		if err != nil {
			return
		}
		var b strings.Builder
		for _, g := range all {
			b.WriteString(g.String() + "\n")
		}
		again, err := readFigures(strings.NewReader(b.String()))
		if err != nil || len(again) != len(all) {
			t.Errorf("%q has %d figures, read again %d, %v", text, len(all), len(again), err)
		}
	})
}
