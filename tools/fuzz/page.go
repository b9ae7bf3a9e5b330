package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"sort"
	"strings"
	"time"
)

// head begins the page; a target's row follows for each.
const head = `# Fuzzing

This page is made by ` + "`make fuzz-long`" + `: it runs every fuzz target of the module for ten minutes, from the corpora in
` + "`tools/fuzz/corpora.tgz`" + ` on, which it keeps again. None of them failed: what one fails on ends the run, and is kept in the
package's ` + "`testdata`" + ` for every later test. The gate runs each for ten seconds from the same corpora.

`

const columns = "| package | target | seconds | inputs tried | inputs kept | at | on |\n| --- | --- | --- | --- | --- | --- | --- |\n"

// writePage has the rows of results in the page, beside those of targets that did not run
// this time but are still there.
func writePage(ctx context.Context, page string, a args, results []result) error {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--exclude", "*").Output()
	if err != nil {
		return fmt.Errorf("git describe: %w", err)
	}
	at := strings.TrimSpace(string(out))
	before, err := os.ReadFile(page)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	there, err := list(".", regexp.MustCompile(""))
	if err != nil {
		return err
	}
	rows := rowsOf(string(before))
	for _, one := range results {
		rows[one.target] = fmt.Sprintf("| %s | %s | %d | %d | %d | %s | %s, %d processors, %d targets at once |", one.pkg, one.name,
			one.seconds, one.inputs, one.corpus, at, time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), a.jobs)
	}
	return os.WriteFile(page, []byte(text(there, rows)), 0o644)
}

// rowsOf reads the rows of a page as text wrote it.
func rowsOf(page string) map[target]string {
	rows := make(map[target]string)
	for line := range strings.Lines(page) {
		cells := strings.Split(line, "|")
		if len(cells) == 9 && strings.HasPrefix(cells[2], " Fuzz") {
			rows[target{strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2])}] = strings.TrimSpace(line)
		}
	}
	return rows
}

func text(targets []target, rows map[target]string) string {
	sort.Slice(targets, func(i, j int) bool { return targets[i].String() < targets[j].String() })
	var b strings.Builder
	b.WriteString(head + columns)
	for _, t := range targets {
		row := rows[t]
		if row == "" {
			row = fmt.Sprintf("| %s | %s | not yet | | | | |", t.pkg, t.name)
		}
		b.WriteString(row + "\n")
	}
	return b.String()
}
