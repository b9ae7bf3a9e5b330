package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

func TestMergeTable(t *testing.T) {
	const page = "before\n" + tableBegins + tableHead + "| B | passed | 2 |  |  | 2026-01-01 |\n| C | passed | 3 |  |  | 2026-01-01 |\n" + tableEnds + "after\n"
	failed := trial{name: "B", failed: true, took: 4 * time.Second}
	added := trial{name: "A", took: 1499 * time.Millisecond, tally: "9 promised, 9 kept", figures: []figure{{"amd64", "idle-rss-kib", 7, true}, {"amd64", "x", 8, false}}}
	day := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	const want = "before\n" + tableBegins + tableHead + "| A | passed | 1 | 9 promised, 9 kept | idle-rss-kib 7, x 8 | 2026-02-03 |\n| B | FAILED | 4 |  |  | 2026-02-03 |\n| C | passed | 3 |  |  | 2026-01-01 |\n" + tableEnds + "after\n"
	got, err := mergeTable([]byte(page), map[string]string{"A": added.row(day), "B": failed.row(day)})
	if err != nil || string(got) != want {
		t.Errorf("mergeTable: %v\n%s\nwant\n%s", err, got, want)
	}
	if _, err := mergeTable([]byte("a page without a table\n"), nil); err == nil {
		t.Error("mergeTable writes into a page that has no place for it")
	}
}

// An interrupted run says nothing of its cases, and leaves the rows of earlier ones.
func TestInterruptedCasesAreNotRecorded(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	all := []*trial{
		{name: "passed", do: func(context.Context, *trial) error { return nil }},
		{name: "failed", do: func(context.Context, *trial) error { return errors.New("it lost a message") }},
		{name: "interrupted", do: func(ctx context.Context, _ *trial) error { stop(); return ctx.Err() }},
		{name: "not begun", do: func(context.Context, *trial) error {
			t.Error("a case was begun after the run was interrupted")
			return nil
		}},
	}
	l := &lab{args: args{jobs: 1, dir: t.TempDir()}}
	if passed, failed := l.runCases(ctx, io.Discard, all, regexp.MustCompile("")); passed != 1 || failed != 3 {
		t.Errorf("%d passed, %d failed, want 1 and 3", passed, failed)
	}
	for _, c := range all {
		if want := c.name == "passed" || c.name == "failed"; c.ran != want {
			t.Errorf("%s: has a result: %v, want %v", c.name, c.ran, want)
		}
	}
}

func TestWriteFigures(t *testing.T) {
	file := filepath.Join(t.TempDir(), "figures")
	var measured trial
	measured.figure("arm64", "idle-rss-kib", 7)
	measured.remark("arm64", "kernel-to-ready-ms", 8)
	if err := writeFigures(file, []*trial{{}, &measured}); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "figure: arm64 idle-rss-kib 7\n" {
		t.Errorf("%q, %v", got, err)
	}
}
