package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pairmq/hal/disk"
)

func TestRebuildIndex(t *testing.T) {
	for _, what := range []string{"sound", "garbage in meta.db", "a damaged log"} {
		t.Run(what, func(t *testing.T) {
			dir := deadStore(t, 150)
			r := startBroker(t, dir)
			r.store.CommitOffset("G", "Orders", 1, 9)
			want := [][]string{r.content(t, "Orders", 0), r.content(t, "Alarms", 1)}
			r.stop()
			code, head, kept := exitOK, "made anew: messages 150 of records 150, from ", "kept of meta.db: topics 13, groups 0, consumer offsets 1, values 0, deleted topics 0, the mark of the last stop"
			switch what {
			case "garbage in meta.db":
				head = "meta.db could not be read: index: damaged: no valid meta page\nmade anew: messages 150 "
				kept = "kept of meta.bak and offsets.wal: topics 13, groups 0, consumer offsets 1, values 0, deleted topics 0, no mark of the last stop"
				if err := os.WriteFile(filepath.Join(dir, "meta.db"), []byte(strings.Repeat("garbage ", 5000)), 0o600); err != nil {
					t.Fatal(err)
				}
			case "a damaged log":
				code, head = exitPartly, "made anew: messages 149 of records 149, from "
				damageRecord(t, dir, 3)
			}
			o := runIn(t.Context(), "", "", "log", "rebuild-index", dir)
			if o.code != code || !strings.HasPrefix(o.out, head) || !strings.Contains(o.out, kept) || !regexp.MustCompile(` \d+\.\d MB/s\n`).MatchString(o.out) {
				t.Errorf("exits with %d and writes\n%s%s", o.code, o.out, o.err)
			}
			if code == exitOK {
				if o := runIn(t.Context(), "", "", "log", "verify", dir); o.code != exitOK || !strings.Contains(o.out, "index compared, nothing is wrong") {
					t.Errorf("verify says\n%s%s", o.out, o.err)
				}
				r = startBroker(t, dir)
				defer r.stop()
				for i, got := range [][]string{r.content(t, "Orders", 0), r.content(t, "Alarms", 1)} {
					if strings.Join(got, "\n") != strings.Join(want[i], "\n") {
						t.Errorf("a queue has %d messages, had %d", len(got), len(want[i]))
					}
				}
				if n, _ := r.store.Offset("G", "Orders", 1); n != 9 {
					t.Errorf("the group goes on at %d, want 9", n)
				}
			} else if !strings.Contains(o.err, "BAD_RECORD") {
				t.Errorf("it does not say what is damaged: %s", o.err)
			}
		})
	}
}

func TestRebuildIndexRefuses(t *testing.T) {
	dir := deadStore(t, 5)
	before, err := os.ReadFile(filepath.Join(dir, "meta.db"))
	if err != nil {
		t.Fatal(err)
	}
	fsys, err := disk.OS(dir)
	if err != nil {
		t.Fatal(err)
	}
	lock, err := fsys.Lock("LOCK")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"log", "rebuild-index", dir}
	runIn(t.Context(), "", "", args...).check(t, args, exitFailed, "", "stop it first")
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	empty := t.TempDir()
	args = []string{"log", "rebuild-index", empty}
	runIn(t.Context(), "", "", args...).check(t, args, exitUsage, "", "no store")
	if l, err := os.ReadDir(empty); err != nil || len(l) > 0 {
		t.Errorf("files were made: %v, %v", l, err)
	}
	args = []string{"log", "rebuild-index", filepath.Join(dir, "commitlog")}
	runIn(t.Context(), "", "", args...).check(t, args, exitUsage, "", "has segments alone")
	// Something stands where the new file would: the old one stays.
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "meta.db.new"), 0o700), os.WriteFile(filepath.Join(dir, "meta.db.new", "x"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	args[2] = dir
	if o := runIn(t.Context(), "", "", args...); o.code != exitFailed || !strings.Contains(o.err, "meta.db.new") {
		t.Errorf("exits with %d and writes %s%s", o.code, o.out, o.err)
	}
	if after, err := os.ReadFile(filepath.Join(dir, "meta.db")); err != nil || string(after) != string(before) {
		t.Errorf("meta.db has changed, %v", err)
	}
}
