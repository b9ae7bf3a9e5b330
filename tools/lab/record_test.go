package main

import (
	"testing"
	"time"
)

func TestMergeTable(t *testing.T) {
	const page = "before\n" + tableBegins + tableHead + "| B | passed | 2 |  | 2026-01-01 |\n| C | passed | 3 |  | 2026-01-01 |\n" + tableEnds + "after\n"
	failed := trial{name: "B", failed: true, took: 4 * time.Second}
	added := trial{name: "A", took: 1499 * time.Millisecond, figures: []figure{{"amd64", "idle-rss-kib", 7}, {"amd64", "x", 8}}}
	day := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	const want = "before\n" + tableBegins + tableHead + "| A | passed | 1 | idle-rss-kib 7, x 8 | 2026-02-03 |\n| B | FAILED | 4 |  | 2026-02-03 |\n| C | passed | 3 |  | 2026-01-01 |\n" + tableEnds + "after\n"
	got, err := mergeTable([]byte(page), map[string]string{"A": added.row(day), "B": failed.row(day)})
	if err != nil || string(got) != want {
		t.Errorf("mergeTable: %v\n%s\nwant\n%s", err, got, want)
	}
	if _, err := mergeTable([]byte("a page without a table\n"), nil); err == nil {
		t.Error("mergeTable writes into a page that has no place for it")
	}
}
