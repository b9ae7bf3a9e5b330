package index

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"pairmq/hal/disk/diskfault"
	"pairmq/store/table"
)

// replaceJournal puts an empty journal of another size in place.
func replaceJournal(t *testing.T, dir string, size int) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "offsets.wal"), make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// fill puts something into every table.
func fill(t *testing.T, x *Index) {
	t.Helper()
	must(t,
		x.PutTopic(table.Topic{Name: "b", ReadQueueNums: 4, Attributes: map[string]string{"k": "v"}}),
		x.PutTopic(table.Topic{Name: "a", Order: true}),
		x.PutGroup(table.DefaultGroup("g")),
		x.PutGroup(table.Group{Name: "f", Attributes: map[string]string{"k": "v"}}),
		x.SetValue("storeId", []byte("s1")),
		x.SetMark([]byte("clean")))
}

func checkTables(t *testing.T, x *Index, wantMark string) {
	t.Helper()
	topics, version := x.Topics()
	want := []table.Topic{{Name: "a", Order: true}, {Name: "b", ReadQueueNums: 4, Attributes: map[string]string{"k": "v"}}}
	if !reflect.DeepEqual(topics, want) || version.Counter != 2 {
		t.Errorf("Topics = %+v, %+v, want %+v, counter 2", topics, version, want)
	}
	groups, version := x.Groups()
	if len(groups) != 2 || groups[0].Attributes["k"] != "v" || !reflect.DeepEqual(groups[1], table.DefaultGroup("g")) || version.Counter != 2 {
		t.Errorf("Groups = %+v, %+v", groups, version)
	}
	if got := x.Value("storeId"); string(got) != "s1" {
		t.Errorf("Value = %q, want s1", got)
	}
	if got := x.Mark(); string(got) != wantMark {
		t.Errorf("Mark = %q, want %q", got, wantMark)
	}
}

func TestTables(t *testing.T) {
	dir := t.TempDir()
	x := openOS(t, dir, nil)
	fill(t, x)
	fill(t, x) // the same again changes no version
	checkTables(t, x, "clean")
	crash(t, x) // durable on return
	x = openOS(t, dir, nil)
	checkTables(t, x, "clean")
	got, _ := x.Topic("b")
	got.Attributes["k"] = "changed by the caller"
	checkTables(t, x, "clean")
	must(t, x.DeleteGroup("f"), x.DeleteGroup("unknown"), x.DeleteTopic("a", 0), x.DeleteTopic("unknown", 0),
		x.SetValue("storeId", nil), x.SetValue("unknown", nil), x.SetMark(nil))
	closeIndex(t, x)
	x = openOS(t, dir, nil)
	defer closeIndex(t, x)
	topics, tv := x.Topics()
	groups, gv := x.Groups()
	if len(topics) != 1 || len(groups) != 1 || tv.Counter != 3 || gv.Counter != 3 || x.Value("storeId") != nil || x.Mark() != nil {
		t.Errorf("after deletion: %+v %+v %+v %+v, value %q, mark %q", topics, tv, groups, gv, x.Value("storeId"), x.Mark())
	}
	if _, ok := x.Group("f"); ok {
		t.Error("the group f is still there")
	}
}

// TestManyTopicsAndGroupsAreOneCommit: a slave takes over its master's tables
// at once, and nothing where they are the same.
func TestManyTopicsAndGroupsAreOneCommit(t *testing.T) {
	fs := diskfault.New(diskfault.Plan{Real: t.TempDir()})
	x := openFS(t, fs, nil)
	defer closeIndex(t, x)
	must(t, x.PutTopic(table.Topic{Name: "b", Perm: 4}), x.PutGroup(table.DefaultGroup("g")))
	topics := []table.Topic{{Name: "a", Attributes: map[string]string{"k": "v"}}, {Name: "b", Perm: 6}, {Name: "c"}}
	groups := []table.Group{table.DefaultGroup("g"), {Name: "h", RetryMaxTimes: 3}}
	must(t, x.PutTopics(topics), x.PutGroups(groups))
	topics[0].Attributes["k"] = "changed by the caller"
	gotT, tv := x.Topics()
	gotG, gv := x.Groups()
	topics[0].Attributes["k"] = "v"
	if !reflect.DeepEqual(gotT, topics) || tv.Counter != 2 {
		t.Errorf("Topics = %+v, %+v, want %+v, counter 2", gotT, tv, topics)
	}
	if !reflect.DeepEqual(gotG, groups) || gv.Counter != 2 {
		t.Errorf("Groups = %+v, %+v, want %+v, counter 2", gotG, gv, groups)
	}
	before := fs.Stats().Writes
	must(t, x.PutTopics(topics), x.PutGroups(groups), x.PutTopics(nil), x.PutGroups(nil))
	if _, again := x.Topics(); again != tv || fs.Stats().Writes != before {
		t.Errorf("the same again: version %+v after %+v, %d writes", again, tv, fs.Stats().Writes-before)
	}
}

// TestBackup loses the file, or only its last commits.
func TestBackup(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "meta.db")
	x := openOS(t, dir, nil)
	closeIndex(t, x)
	old, err := os.ReadFile(file)
	must(t, err)
	x = openOS(t, dir, nil)
	fill(t, x)
	closeIndex(t, x)

	must(t, os.WriteFile(file, old, 0o600))
	x = openOS(t, dir, nil)
	checkTables(t, x, "") // a mark is in no backup
	if x.Rebuilt() {
		t.Error("Rebuilt, but the file was only older")
	}
	closeIndex(t, x)

	must(t, os.Remove(file))
	x = openOS(t, dir, nil)
	checkTables(t, x, "")
	if !x.Rebuilt() {
		t.Error("not Rebuilt, but the file was lost")
	}
	closeIndex(t, x)

	backup, err := os.ReadFile(filepath.Join(dir, "meta.bak"))
	must(t, err)
	for i := range backup {
		bad := append([]byte(nil), backup...)
		bad[i] ^= 1
		must(t, os.WriteFile(filepath.Join(dir, "meta.bak"), bad, 0o600))
		x := &Index{opts: x.opts, log: x.log}
		if b, err := x.readBackup(); b != nil || err != nil {
			t.Fatalf("a backup with byte %d wrong reads as %+v, %v", i, b, err)
		}
	}
}

func TestDeletedTopicStaysDeleted(t *testing.T) {
	dir := t.TempDir()
	x := openOS(t, dir, small)
	log := make([]Record, 100)
	for i := range log {
		log[i] = Record{PhyOffset: int64(i) * 100, Size: 100, Topic: "T", QueueOffset: int64(i)}
		if i >= 70 { // made anew
			log[i].QueueOffset = int64(i - 70)
		}
	}
	for _, r := range log[:60] {
		x.Apply(r)
	}
	must(t, x.PutTopic(table.Topic{Name: "T"}), x.Seal(4000))
	x.CommitOffset("G", "T", 0, 30)
	q := x.Queue("T", 0)
	must(t, x.DeleteTopic("T", 7000)) // ten records more are in the log
	if _, _, ok := x.Bounds("T", 0); ok {
		t.Error("the queue is still there")
	}
	if _, ok := x.Offset("G", "T", 0); ok {
		t.Error("the group's offset is still there")
	}
	for _, r := range log[60:] {
		x.ApplyTo(q, r) // a handle from before
	}
	check := func(when string) {
		t.Helper()
		if first, end, ok := x.Bounds("T", 0); first != 0 || end != 30 || !ok {
			t.Errorf("%s: Bounds = %d, %d, %v, want 0, 30", when, first, end, ok)
		}
		var u [1]Unit
		if n, ok := x.Range("T", 0, 0, u[:]); n != 1 || !ok || u[0].PhyOffset != 7000 {
			t.Errorf("%s: Range = %d, %v, %v, want the record at 7000", when, n, ok, u)
		}
	}
	check("at once")
	must(t, x.SealAll(10000))
	closeIndex(t, x)
	x = openOS(t, dir, small)
	check("reopened")
	closeIndex(t, x)
	must(t, os.Remove(filepath.Join(dir, "meta.db")))
	x = openOS(t, dir, small)
	for _, r := range log {
		x.Apply(r)
	}
	check("made anew")
	must(t, x.DropBefore(7000))
	if len(x.deleted) != 0 {
		t.Errorf("the mark outlives the records: %v", x.deleted)
	}
	check("without the old records")
	closeIndex(t, x)
}

func TestOpenRefuses(t *testing.T) {
	if _, err := Open(Options{}); err == nil {
		t.Error("Open without an FS succeeds")
	}
	dir := t.TempDir()
	x := openOS(t, dir, nil)
	opts := x.opts
	opts.LockTimeout = time.Millisecond
	if _, err := Open(opts); !errors.Is(err, bolterrors.ErrTimeout) {
		t.Errorf("Open of a file in use = %v, want bbolt's ErrTimeout", err)
	}
	must(t, x.update(func(tx *bbolt.Tx) error { return putNumber(tx, stateFormat, 99) }))
	closeIndex(t, x)
	if _, err := Open(opts); !errors.Is(err, ErrFormat) {
		t.Errorf("Open of a later format = %v, want ErrFormat", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "quarantine")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a later format is put in quarantine")
	}
}
