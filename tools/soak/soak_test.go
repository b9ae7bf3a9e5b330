package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pairmq/internal/remoting"
)

func TestTheLedgerKnowsWhatIsLost(t *testing.T) {
	l := newLedger([]byte("the rest"))
	body := func(pieces [][]byte) []byte { return bytes.Join(pieces, nil) }
	_, begun := l.begin()
	lost, _ := l.begin()
	early, earlyBody := l.begin()
	late, lateBody := l.begin()
	if err := l.take(body(earlyBody)); err != nil { // before its sender has the answer
		t.Error(err)
	}
	for _, id := range []uint64{lost, early, late} {
		l.acknowledged(id)
	}
	if got := l.outstanding(); got != 2 {
		t.Errorf("%d are outstanding, want 2", got)
	}
	for range 2 {
		if err := l.take(body(lateBody)); err != nil {
			t.Error(err)
		}
	}
	if err := l.take(body(begun)); err != nil {
		t.Errorf("one that was not acknowledged may be there: %v", err)
	}
	for name, bad := range map[string][]byte{
		"nobody sent it": []byte("\x00\x00\x00\x00\x00\x00\x00\x09the rest"), "another body": []byte("\x00\x00\x00\x00\x00\x00\x00\x01the best"), "short": []byte("\x00"),
	} {
		if err := l.take(bad); !errors.Is(err, errBody) {
			t.Errorf("%s: %v, want errBody", name, err)
		}
	}
	s := l.sum()
	if s.acknowledged != 3 || s.consumed != 3 || s.again != 1 || len(s.lost) != 1 || s.lost[0] != lost {
		t.Errorf("sum is %+v", s)
	}
	if got := l.outstanding(); got != 1 {
		t.Errorf("%d are outstanding, want 1", got)
	}
}

// write makes a file of a made-up cgroup.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestCgroupsOfBothVersions(t *testing.T) {
	none, v2, v1 := t.TempDir(), t.TempDir(), t.TempDir()
	if _, err := newCgroup([]string{none}, "x", 1); !errors.Is(err, errNoCgroup) {
		t.Errorf("a folder that is none: %v", err)
	}
	write(t, filepath.Join(v2, "cgroup.controllers"), "cpuset cpu memory pids\n")
	write(t, filepath.Join(v2, "cgroup.subtree_control"), "")
	write(t, filepath.Join(v1, "memory.limit_in_bytes"), "9223372036854771712\n")
	tests := []struct {
		root, limit, swap, want, peak, events, counts string
		version                                       int
	}{
		{v2, "memory.max", "memory.swap.max", "0", "memory.peak", "memory.events", "low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\n", 2},
		{v1, "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "1048576", "memory.max_usage_in_bytes", "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", 1},
	}
	for _, tt := range tests {
		g, err := newCgroup([]string{none, tt.root}, "x", 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, filepath.Join(g.dir, tt.limit)); got != "1048576" || g.version != tt.version {
			t.Errorf("version %d: the limit is %q", g.version, got)
		}
		if got := read(t, filepath.Join(g.dir, tt.swap)); got != tt.want {
			t.Errorf("version %d: with swap it is %q, want %q", g.version, got, tt.want)
		}
		write(t, filepath.Join(g.dir, tt.events), tt.counts)
		if u, err := g.usage(); err != nil || u != (usage{peak: -1, kills: 1}) {
			t.Errorf("version %d, a kernel without a peak: %+v, %v", g.version, u, err)
		}
		write(t, filepath.Join(g.dir, tt.peak), "1044480\n")
		if u, err := g.usage(); err != nil || u != (usage{peak: 1044480, kills: 1}) {
			t.Errorf("version %d: %+v, %v", g.version, u, err)
		}
		write(t, filepath.Join(g.dir, tt.events), "low 0\n")
		if _, err := g.usage(); err == nil {
			t.Errorf("version %d: a kernel that does not count kills is believed", g.version)
		}
	}
	if got := read(t, filepath.Join(v2, "cgroup.subtree_control")); got != "+memory" {
		t.Errorf("version 2 was told %q", got)
	}
}

func TestArguments(t *testing.T) {
	if a, err := parse([]string{"-connections", "2000", "--", "--logLevel=warn"}, io.Discard); err != nil || a.connections != 2000 || len(a.more) != 1 {
		t.Errorf("%+v, %v", a, err)
	}
	for _, bad := range []string{"-connections=88", "-size=8", "-size=99999999", "-limit=8", "-duration=0", "-nothing"} {
		if _, err := parse([]string{bad}, io.Discard); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

func TestFramesAreRead(t *testing.T) {
	frame := remoting.AppendCommand(nil, &remoting.Command{Code: 7, Opaque: 3, Flag: 1, Body: []byte("body")})
	cmd, err := readCommand(bytes.NewReader(frame))
	if err != nil || cmd.Opaque != 3 || string(cmd.Body) != "body" {
		t.Errorf("%+v, %v", cmd, err)
	}
	for cut := range frame {
		if _, err := readCommand(bytes.NewReader(frame[:cut])); err == nil {
			t.Fatalf("%d of %d bytes are taken for a frame", cut, len(frame))
		}
	}
	if _, err := readCommand(strings.NewReader("\x7f\xff\xff\xff")); !errors.Is(err, remoting.ErrBadFrame) {
		t.Errorf("2 GiB: %v", err)
	}
}

// FuzzReadCommand: it may refuse what a broker sends, it may not panic.
func FuzzReadCommand(f *testing.F) {
	f.Add(remoting.AppendCommand(nil, &remoting.Command{Code: 7, Opaque: 3, Flag: 1, Body: []byte("body")}))
	f.Fuzz(func(t *testing.T, in []byte) {
		cmd, err := readCommand(bytes.NewReader(in))
		if err == nil && len(cmd.Body) > len(in) {
			t.Errorf("%d bytes have a body of %d", len(in), len(cmd.Body))
		}
	})
}
