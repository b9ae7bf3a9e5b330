package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

var anything = regexp.MustCompile("")

func TestNames(t *testing.T) {
	t.Parallel()
	got := names([]byte("package p\n\nfunc FuzzOne(f *testing.F) {\n\t// func FuzzNot(\n}\n\nfunc helpFuzz() {}\n\nfunc FuzzTwo(f *testing.F) {}\n"))
	if want := []string{"FuzzOne", "FuzzTwo"}; !reflect.DeepEqual(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// TestEveryInputHasATarget holds what is committed against the targets that are there.
func TestEveryInputHasATarget(t *testing.T) {
	t.Chdir("../..")
	targets, err := list(".", anything)
	if err != nil {
		t.Fatal(err)
	}
	c := corpora{t.TempDir()}
	if err := c.unpack(corporaFile); err != nil {
		t.Fatal(err)
	}
	known := make(map[string]bool)
	for _, one := range targets {
		known[filepath.Join(c.of(one), one.name)] = true
	}
	count := 0
	err = filepath.WalkDir(c.dir, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		count++
		content, err := os.ReadFile(name)
		if !known[filepath.Dir(name)] || !bytes.HasPrefix(content, []byte("go test fuzz v1\n")) {
			t.Errorf("%s is no input of a target", name)
		}
		return err
	})
	if err != nil || count < len(targets) {
		t.Errorf("%d inputs for %d targets: %v", count, len(targets), err)
	}
}

func TestCorporaComeBack(t *testing.T) {
	t.Parallel()
	archive := filepath.Join(t.TempDir(), "a.tgz")
	c := corpora{t.TempDir()}
	one := target{"store/record", "FuzzDecode"}
	dir := filepath.Join(c.of(one), one.name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int{"small": 10, "long": fileBytes + 1} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.pack(archive); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	back := corpora{t.TempDir()}
	if err := back.unpack(archive); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(back.of(one), one.name))
	if err != nil || len(entries) != 1 || entries[0].Name() != "small" {
		t.Errorf("came back: %v %v", entries, err)
	}
	if err := back.pack(archive); err != nil {
		t.Fatal(err)
	}
	if second, err := os.ReadFile(archive); err != nil || !bytes.Equal(first, second) {
		t.Errorf("the same inputs make another archive: %v", err)
	}
}

func TestAnArchiveThatLeavesItsFolder(t *testing.T) {
	t.Parallel()
	archive := filepath.Join(t.TempDir(), "a.tgz")
	out, err := os.Create(archive)
	if err != nil {
		t.Fatal(err)
	}
	packed := gzip.NewWriter(out)
	files := tar.NewWriter(packed)
	if err := files.WriteHeader(&tar.Header{Name: "../out", Mode: 0o644, Typeflag: tar.TypeReg}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []interface{ Close() error }{files, packed, out} {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(t.TempDir(), "in")
	if err := (corpora{dir}).unpack(archive); err == nil {
		t.Error("it was unpacked")
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(dir), "out")); err == nil {
		t.Error("a file has appeared beside the folder")
	}
}

func TestSaid(t *testing.T) {
	t.Parallel()
	one := target{"p", "FuzzX"}
	got, err := said(one, "fuzz: elapsed: 3s, execs: 5 (1/sec), new interesting: 0 (total: 2)\nfuzz: elapsed: 10m1s, execs: 1234567 (123/sec), new interesting: 3 (total: 40)\nPASS\n")
	if want := (result{one, 601, 1234567, 40}); err != nil || got != want {
		t.Errorf("%v %v, want %v", got, err, want)
	}
	if _, err := said(one, "PASS\n"); err == nil {
		t.Error("a run that tried nothing has passed")
	}
}

func TestRowsStay(t *testing.T) {
	t.Parallel()
	a, b := target{"p", "FuzzA"}, target{"p", "FuzzB"}
	row := "| p | FuzzB | 600 | 12 | 3 | abc | 2026-01-02, 2 processors, 8 targets at once |"
	page := text([]target{b, a}, map[target]string{b: row, {"gone", "FuzzC"}: row})
	if !strings.HasSuffix(page, "| p | FuzzA | not yet | | | | |\n"+row+"\n") {
		t.Errorf("the page ends with\n%s", page)
	}
	rows := rowsOf(page)
	delete(rows, a)
	if want := map[target]string{b: row}; !reflect.DeepEqual(rows, want) {
		t.Errorf("read %q", rows)
	}
}
