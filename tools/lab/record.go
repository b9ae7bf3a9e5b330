package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// The table of results stands between these lines of a page; the rest of the page is left alone.
const (
	tableBegins = "<!-- results of make lab-full begin -->\n"
	tableEnds   = "<!-- results of make lab-full end -->\n"
)

// tableHead is above the rows. A row's first cell is its key.
const tableHead = "| case | result | seconds | messages | figures | day |\n| --- | --- | --- | --- | --- | --- |\n"

// recordResults writes into a page what came of the cases that ran. Rows of others stay.
func recordResults(file string, all []*trial, day time.Time) error {
	page, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	rows := map[string]string{}
	for _, t := range all {
		if t.ran {
			rows[t.name] = t.row(day)
		}
	}
	page, err = mergeTable(page, rows)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, page, 0o644)
}

// row is the line of one case.
func (t *trial) row(day time.Time) string {
	verdict := "passed"
	if t.failed {
		verdict = "FAILED"
	}
	var figures []string
	for _, f := range t.figures {
		figures = append(figures, fmt.Sprintf("%s %d", f.name, f.value))
	}
	return fmt.Sprintf("| %s | %s | %.0f | %s | %s | %s |\n", t.name, verdict, t.took.Seconds(), t.tally, strings.Join(figures, ", "), day.Format(time.DateOnly))
}

// mergeTable replaces the rows of a page's table that have the same keys, adds
// those that are new, and sorts all.
func mergeTable(page []byte, rows map[string]string) ([]byte, error) {
	before, rest, begins := bytes.Cut(page, []byte(tableBegins))
	table, after, ends := bytes.Cut(rest, []byte(tableEnds))
	if !begins || !ends {
		return nil, errors.New("it has no place for the results: the two comments are missing")
	}
	all := map[string]string{}
	for line := range strings.Lines(strings.TrimPrefix(string(table), tableHead)) {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			all[strings.TrimSpace(cells[1])] = line
		}
	}
	maps.Copy(all, rows)
	var b bytes.Buffer
	b.Write(before)
	b.WriteString(tableBegins + tableHead)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b.WriteString(all[name])
	}
	b.WriteString(tableEnds)
	b.Write(after)
	return b.Bytes(), nil
}
