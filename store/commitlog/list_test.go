package commitlog

import (
	"errors"
	"strings"
	"testing"

	"pairmq/hal/disk/diskfault"
)

// addFile makes a file of size bytes, durably.
func addFile(t testing.TB, d *diskfault.FS, name string, size int64) {
	t.Helper()
	f, err := d.Create(name)
	if err == nil {
		err = d.SyncDir("commitlog")
	}
	if err == nil && size > 0 {
		err = f.Allocate(size)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestOpenChecksTheFolder(t *testing.T) {
	seg := func(base int64) string { return "commitlog/" + segmentName(base) }
	type file struct {
		name string
		size int64
	}
	tests := []struct {
		name       string
		files      []file
		want       []string // of the error; nil: none
		start, end int64    // of the segments there are
	}{
		{"empty", nil, nil, 0, 0},
		{"from zero", []file{{seg(0), 1024}, {seg(1024), 1024}}, nil, 0, 2048},
		{"from later on", []file{{seg(3072), 1024}}, nil, 3072, 4096},
		{"hole", []file{{seg(0), 1024}, {seg(2048), 1024}}, []string{segmentName(1024), segmentName(2048), "1024"}, 0, 0},
		{"other size", []file{{seg(0), 1024}, {seg(1024), 1000}}, []string{segmentName(1024), "1000"}, 0, 0},
		{"empty file", []file{{seg(0), 0}}, []string{segmentName(0), "0 bytes"}, 0, 0},
		{"no multiple", []file{{seg(512), 1024}}, []string{segmentName(512), "1024"}, 0, 0},
		{"other files", []file{{seg(0), 1024}, {"commitlog/note.txt", 3}, {"commitlog/0001", 5}, {seg(1024) + ".tmp", 7}, {"commitlog/-0000000000000001024", 1}}, nil, 0, 1024},
		{"negative", []file{{"commitlog/-0000000000000001024"[:30], 1024}}, nil, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := diskfault.New(diskfault.Plan{})
			if err := d.MkdirAll("commitlog"); err != nil {
				t.Fatal(err)
			}
			for _, f := range test.files {
				addFile(t, d, f.name, f.size)
			}
			before := d.Stats()
			l, err := Open(Options{FS: d, SegmentSize: 1024})
			if d.Stats().Ops != before.Ops {
				t.Error("Open changed something")
			}
			if test.want == nil {
				if err != nil || l.Start() != test.start || l.ready != test.end {
					t.Errorf("Open: %v, want segments from %d to %d", err, test.start, test.end)
				}
				return
			}
			if !errors.Is(err, ErrLayout) {
				t.Fatalf("Open: %v, want ErrLayout", err)
			}
			for _, w := range test.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q does not say %q", err, w)
				}
			}
		})
	}
}

func TestOptionsAreChecked(t *testing.T) {
	d := diskfault.New(diskfault.Plan{})
	bad := []Options{
		{}, {FS: d, SegmentSize: 15}, {FS: d, SegmentSize: 2 << 30}, {FS: d, BatchBytes: -1}, {FS: d, FlushLinger: -1},
		{FS: d, UnsyncedBytes: -1}, {FS: d, FlushBytes: -1}, {FS: d, FlushInterval: -1}, {FS: d, MaxWait: -1}, {FS: d, OpenFiles: -1},
	}
	for _, o := range bad {
		if _, err := Open(o); err == nil {
			t.Errorf("Open(%+v) works", o)
		}
	}
}

func TestRecoverTidiesUp(t *testing.T) {
	d := written(t, 5)
	addFile(t, d, "commitlog/"+segmentName(3*tSeg)+".tmp", 70)
	addFile(t, d, "commitlog/mine.tmp", 7)
	h := mustStart(t, d, tOptions(), RecoverOptions{})
	mustStop(t, h)
	d = d.Restart()
	entries, err := d.ReadDir("commitlog")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name, segmentName(3*tSeg)) {
			t.Errorf("%s is still there", e.Name)
		}
	}
	if _, err := d.Open("commitlog/mine.tmp"); err != nil {
		t.Errorf("a foreign file is gone: %v", err)
	}
}
