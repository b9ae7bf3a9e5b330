package reset

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"pairmq/hal/disk"
	"pairmq/hal/disk/diskfault"
	"pairmq/store/index"
	"pairmq/store/table"
)

// backupOf is the backup of an index that knows a topic, a group and two values.
func backupOf(t *testing.T) []byte {
	t.Helper()
	fsys, err := disk.OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	x, err := index.Open(index.Options{FS: fsys})
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(x.PutTopic(table.Topic{Name: "Orders", ReadQueueNums: 3, WriteQueueNums: 3, Perm: 6}), x.PutGroup(table.Group{Name: "Shop"}),
		x.SetValue("pair", []byte("role and epochs")), x.SetValue("other", []byte("x")), x.Close())
	if err != nil {
		t.Fatal(err)
	}
	return contents(t, fsys, backupFile)
}

func contents(t *testing.T, fsys disk.FS, name string) []byte {
	t.Helper()
	f, err := fsys.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, n)
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return b
}

// folder makes what a store and a name server leave, and a stranger's file.
func folder(t *testing.T, backup []byte) *diskfault.FS {
	t.Helper()
	fsys := diskfault.New(diskfault.Plan{})
	for _, dir := range []string{"commitlog/recycle", "quarantine", "lost+found"} {
		if err := fsys.MkdirAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"LOCK", "commitlog/00000000000000000000", "commitlog/recycle/1", "commitlog/1.tmp", "quarantine/1", "meta.db", "meta.db.new", "offsets.wal", "namesrv.state",
		"namesrv.state.damaged", "namesrv.state.tmp", "ballast", "failures", "lost+found/precious", "notes.txt"} {
		if err := disk.Replace(fsys, name, []byte(name)); err != nil {
			t.Fatal(err)
		}
		if dir, _, found := strings.Cut(name, "/"); found {
			if err := errors.Join(fsys.SyncDir(dir), fsys.SyncDir("commitlog/recycle")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := disk.Replace(fsys, backupFile, backup); err != nil {
		t.Fatal(err)
	}
	return fsys
}

// names lists all files.
func names(t *testing.T, fsys disk.FS, dir string) (all []string) {
	t.Helper()
	list, err := fsys.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		name := strings.TrimPrefix(dir+"/"+e.Name, "./")
		if !e.Dir {
			all = append(all, name)
			continue
		}
		all = append(append(all, name+"/"), names(t, fsys, name)...)
	}
	return slices.DeleteFunc(all, func(name string) bool { return name == Marker+tmpSuffix }) // one that was being written
}

// identity keeps a part of one value.
func identity(key string, old []byte) []byte {
	if key == "pair" {
		return bytes.TrimSuffix(old, []byte(" and epochs"))
	}
	return nil
}

// knows opens an index on the backup that was kept.
func knows(t *testing.T, backup []byte) (topics []string, pair string) {
	t.Helper()
	fsys, err := disk.OS(t.TempDir())
	if err == nil && backup != nil {
		err = disk.Replace(fsys, backupFile, backup)
	}
	if err != nil {
		t.Fatal(err)
	}
	x, err := index.Open(index.Options{FS: fsys})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	all, _ := x.Topics()
	for _, topic := range all {
		topics = append(topics, topic.Name)
	}
	if x.Value("other") != nil {
		t.Error("another value is kept")
	}
	return topics, string(x.Value("pair"))
}

var keeps = []struct {
	name   string
	keep   Keep
	topics []string
	pair   string
	left   []string
}{
	{"nothing", Keep{}, nil, "", []string{"LOCK", "lost+found/", "lost+found/precious", "notes.txt"}},
	{"identity", Keep{Value: identity}, nil, "role", []string{"LOCK", "lost+found/", "lost+found/precious", "meta.bak", "notes.txt"}},
	{"tables", Keep{Tables: true, Value: identity}, []string{"Orders"}, "role", []string{"LOCK", "lost+found/", "lost+found/precious", "meta.bak", "notes.txt"}},
}

// isDone says what is wrong with a folder that was emptied.
func isDone(t *testing.T, fsys disk.FS, kept []byte, left []string) string {
	t.Helper()
	if got := names(t, fsys, "."); !slices.Equal(got, left) {
		return fmt.Sprintf("left is %v, want %v", got, left)
	}
	if slices.Contains(left, backupFile) && !bytes.Equal(contents(t, fsys, backupFile), kept) {
		return "kept is something else"
	}
	return ""
}

// keptBy is what an undisturbed reset keeps; nil for nothing.
func keptBy(t *testing.T, backup []byte, keep Keep) []byte {
	t.Helper()
	fsys := folder(t, backup)
	err := Begin(fsys, keep)
	if err == nil {
		_, err = Finish(fsys)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fsys.Open(backupFile); err != nil {
		return nil
	}
	return contents(t, fsys, backupFile)
}

// TestAReset without faults.
func TestAReset(t *testing.T) {
	backup := backupOf(t)
	for _, tt := range keeps {
		fsys := folder(t, backup)
		if done, err := Finish(fsys); done || err != nil {
			t.Errorf("%s: nothing has begun, and Finish says %v, %v", tt.name, done, err)
		}
		if err := Begin(fsys, tt.keep); err != nil {
			t.Fatal(err)
		}
		if done, err := Finish(fsys); !done || err != nil {
			t.Errorf("%s: Finish says %v, %v", tt.name, done, err)
		}
		kept := keptBy(t, backup, tt.keep)
		if wrong := isDone(t, fsys, kept, tt.left); wrong != "" {
			t.Errorf("%s: %s", tt.name, wrong)
		}
		if topics, pair := knows(t, kept); !slices.Equal(topics, tt.topics) || pair != tt.pair {
			t.Errorf("%s: kept are topics %v and %q, want %v and %q", tt.name, topics, pair, tt.topics, tt.pair)
		}
		if others, err := Others(fsys); err != nil || !slices.Equal(others, []string{"lost+found", "notes.txt"}) {
			t.Errorf("%s: others are %v, %v", tt.name, others, err)
		}
	}
}

// TestPowerCuts cuts the power at each operation of a reset, and at each of the start
// that finishes it. Either nothing has happened, or everything does.
func TestPowerCuts(t *testing.T) {
	backup := backupOf(t)
	for _, tt := range keeps {
		whole, finished, untouched := names(t, folder(t, backup), "."), 0, 0
		kept := keptBy(t, backup, tt.keep)
		for cut := 1; ; cut++ {
			first := folder(t, backup)
			first.Arm(diskfault.Plan{CutAt: cut, Seed: uint64(cut)})
			if Begin(first, tt.keep) == nil { // the power goes in one of the two
				_, _ = Finish(first)
			}
			if !first.Struck() {
				break
			}
			for again := 1; ; again++ {
				fsys := first.RestartWith(uint64(cut))
				fsys.Arm(diskfault.Plan{CutAt: again, Seed: uint64(cut*1000 + again)})
				_, err := Finish(fsys)
				struck := fsys.Struck()
				if struck {
					fsys = fsys.Restart()
					_, err = Finish(fsys)
				}
				if err != nil {
					t.Fatalf("%s: cut %d and %d: %v", tt.name, cut, again, err)
				}
				got := names(t, fsys, ".")
				switch wrong := isDone(t, fsys, kept, tt.left); {
				case wrong == "":
					finished++
				case slices.Equal(got, whole) && bytes.Equal(contents(t, fsys, backupFile), backup):
					untouched++
					if cut > 6 {
						t.Errorf("%s: cut %d and %d: nothing was done", tt.name, cut, again)
					}
				default:
					t.Fatalf("%s: cut %d and %d: %s; %v", tt.name, cut, again, wrong, first)
				}
				if !struck {
					break
				}
			}
		}
		if finished < 100 || untouched == 0 {
			t.Errorf("%s: %d resets finished and %d never began: this test sees too little", tt.name, finished, untouched)
		}
	}
}

// TestFailures has each operation fail once: trying again does it.
func TestFailures(t *testing.T) {
	backup := backupOf(t)
	for _, tt := range keeps {
		kept := keptBy(t, backup, tt.keep)
		for n := 1; ; n++ {
			fsys := folder(t, backup)
			fsys.Arm(diskfault.Plan{FailAt: n})
			err := Begin(fsys, tt.keep)
			if err == nil {
				_, err = Finish(fsys)
			}
			if !fsys.Struck() {
				break
			}
			if err == nil {
				t.Errorf("%s: operation %d fails and nobody says so: %v", tt.name, n, fsys)
			}
			if err := Begin(fsys, tt.keep); err != nil {
				t.Fatal(err)
			}
			if _, err := Finish(fsys); err != nil {
				t.Fatal(err)
			}
			if wrong := isDone(t, fsys, kept, tt.left); wrong != "" {
				t.Errorf("%s: operation %d: %s", tt.name, n, wrong)
			}
		}
	}
}

// TestAFullDisk has no room for the marker but that of the ballast.
func TestAFullDisk(t *testing.T) {
	fsys := folder(t, backupOf(t))
	f, err := fsys.Open("ballast")
	if err == nil {
		err = errors.Join(f.Truncate(4096), f.Close())
	}
	sp, err2 := fsys.Space()
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	fsys.SetQuota(sp.Total - sp.Free)
	if err := Begin(fsys, Keep{Tables: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := fsys.Open("ballast"); err == nil {
		t.Error("there was room without the ballast: this test sees nothing")
	}
	if done, err := Finish(fsys); !done || err != nil {
		t.Errorf("%v, %v", done, err)
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	fsys := folder(t, []byte("PMBK and nothing"))
	if err := Begin(fsys, Keep{Tables: true}); !errors.Is(err, index.ErrDamaged) {
		t.Errorf("of a damaged backup: %v, want ErrDamaged", err)
	}
	if _, err := fsys.Open(Marker); err == nil {
		t.Error("it has begun nevertheless")
	}
	if err := disk.Replace(fsys, Marker, []byte("PMRS")); err != nil {
		t.Fatal(err)
	}
	if _, err := Finish(fsys); !errors.Is(err, ErrDamaged) {
		t.Errorf("of a damaged marker: %v, want ErrDamaged", err)
	}
	if err := Begin(fsys, Keep{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("Begin on a damaged marker: %v, want ErrDamaged", err)
	}
	if _, err := fsys.Open("meta.db"); err != nil {
		t.Error("something was removed")
	}
	locked, err := Lock(fsys)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(fsys); !errors.Is(err, disk.ErrLocked) {
		t.Errorf("a second lock: %v", err)
	}
	if err := locked.Close(); err != nil {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("PMRS"))
	f.Add([]byte("PMRS\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		kept, err := decode(b)
		if err == nil && len(kept) != len(b)-headerSize || err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("%x: %x, %v", b, kept, err)
		}
	})
}
