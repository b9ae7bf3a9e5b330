package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/hal/disk"
	"pairmq/hal/disk/diskfault"
	"pairmq/store"
	"pairmq/store/table"
)

// onDisk is how many bytes the files below root have.
func onDisk(t *testing.T, root string) (total int64) {
	t.Helper()
	err := filepath.Walk(root, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
		if errors.Is(err, os.ErrNotExist) { // given back meanwhile
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return total
}

// TestTheStoreKeepsToItsBudget goes round a small store many times: nobody is
// refused, all files together stay within MaxBytes, and the index's file stops
// growing.
func TestTheStoreKeepsToItsBudget(t *testing.T) {
	root := t.TempDir()
	fsys, err := disk.OS(root)
	if err != nil {
		t.Fatal(err)
	}
	opts := options(fsys, true)
	opts.SegmentSize, opts.ChunkBytes = 256<<10, 64<<10
	opts.MaxBytes = 4 << 20
	r := mustStart(t, opts)
	defer r.stop()
	var most, index int64
	const rounds = 90
	for round := range rounds {
		if _, err := putAll(r.Store, round*500, 500, 64, queues); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		now := onDisk(t, root)
		for range 5 { // a file that is renamed meanwhile may have been counted twice
			now = min(now, onDisk(t, root))
		}
		most = max(most, now)
		if round == rounds/3 {
			index = size(t, fsys, "meta.db")
		}
	}
	st := r.Stats()
	if most > opts.MaxBytes || st.StoreBytes > opts.MaxBytes {
		t.Errorf("the store took %d bytes (now %d by its own account), %d are allowed", most, st.StoreBytes, opts.MaxBytes)
	}
	if now := size(t, fsys, "meta.db"); now > index {
		t.Errorf("meta.db has grown from %d to %d bytes while segments came and went", index, now)
	}
	if st.MaxPhyOffset < 3*opts.MaxBytes {
		t.Errorf("%d bytes went through, too few to mean anything", st.MaxPhyOffset)
	}
	t.Logf("%d bytes of log went through %d bytes of disk; meta.db has %d", st.MaxPhyOffset, most, index)
}

func size(t *testing.T, fsys disk.FS, name string) int64 {
	t.Helper()
	entries, err := fsys.ReadDir("")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name == name {
			return e.Size
		}
	}
	t.Fatalf("there is no %s", name)
	return 0
}

// TestTheDiskFillsUpInSteps lets something else fill the file system and give it
// back: each level takes away what it says and no more, and all comes back.
func TestTheDiskFillsUpInSteps(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		const quota = 80 << 20
		fs := diskfault.New(diskfault.Plan{Quota: quota, Real: dir})
		opts := options(fs, true)
		opts.Watermarks = store.Watermarks{Filling: 80, Tight: 85, Full: 90, Critical: 95}
		r := mustStart(t, opts)
		defer r.cancel() // a bubble waits for all that was begun in it
		acks, err := putAll(r.Store, 0, 1000, 8, queues)
		if err != nil {
			t.Fatal(err)
		}
		other, err := fs.Create("somebody-else")
		if err != nil {
			t.Fatal(err)
		}
		topic := 0
		// until lets the store look, and says what works.
		until := func(percent int, want store.Level) (works string) {
			t.Helper()
			sp, err := fs.Space()
			if err != nil {
				t.Fatal(err)
			}
			own, _ := other.Size()
			if err := errors.Join(other.Truncate(0), other.Allocate(max(0, own+sp.Free-quota*int64(100-percent)/100))); err != nil {
				t.Fatal(err)
			}
			<-time.After(11 * time.Second)
			if got := r.Level(); got != want {
				t.Fatalf("at %d %% the level is %v, want %v", percent, got, want)
			}
			if _, err := putAll(r.Store, 5000+topic*10, 1, 1, queues); err == nil {
				works += "send "
			} else if !errors.Is(err, store.ErrDiskFull) {
				t.Fatalf("at %d %%: %v", percent, err)
			}
			topic++
			err = r.PutTopic(table.Topic{Name: fmt.Sprintf("New%d", topic), ReadQueueNums: 1, WriteQueueNums: 1, Perm: 6})
			if err == nil {
				works += "topic "
			} else if !errors.Is(err, store.ErrDiskFull) {
				t.Fatalf("at %d %%: %v", percent, err)
			}
			g, err := r.Get("Topic0", 0, r.MinOffset("Topic0", 0), 1, 1<<20, nil)
			if err == nil && g.Status == store.Found {
				works += "read "
			}
			r.CommitOffset("group", "Topic0", 0, r.MinOffset("Topic0", 0)+int64(topic))
			if _, err := fs.Open("ballast"); err == nil {
				works += "ballast"
			}
			return works
		}
		steps := []struct {
			percent int
			level   store.Level
			works   string
		}{
			{70, store.Roomy, "send topic read ballast"},
			{82, store.Filling, "send topic read ballast"},
			{91, store.Full, "topic read ballast"},
			{96, store.Critical, "read "},
			{93, store.Critical, "read "},
			{91, store.Full, "topic read "},
			{88, store.Full, "topic read "},
			{70, store.Roomy, "send topic read ballast"},
		}
		for _, s := range steps {
			if got := until(s.percent, s.level); got != s.works {
				t.Errorf("at %d %%, %v: %q works, want %q", s.percent, s.level, got, s.works)
			}
		}
		if r.Stats().MinPhyOffset == 0 {
			t.Error("no old segment was given back while the file system was full")
		}
		for _, a := range acks { // what is still there is whole
			if a.phy >= r.Stats().MinPhyOffset {
				if err := checkAcked(r.Store, a, queues); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := errors.Join(other.Close(), r.stop()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestTheBallastLetsTheStoreOpen fills the file system to the brim while the store
// is away: it opens, and is read-write again when there is room.
func TestTheBallastLetsTheStoreOpen(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		const quota = 200 << 20
		fs := diskfault.New(diskfault.Plan{Quota: quota, Real: dir})
		opts := options(fs, true)
		opts.Watermarks = store.Watermarks{Filling: 80, Tight: 85, Full: 90, Critical: 95}
		r := mustStart(t, opts)
		acks, err := putAll(r.Store, 0, 300, 8, queues)
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(11 * time.Second)
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		sp, err := fs.Space()
		if err != nil {
			t.Fatal(err)
		}
		other, err := fs.Create("somebody-else")
		if err == nil {
			err = errors.Join(other.Allocate(sp.Free), other.Close()) // not a byte is left
		}
		if err != nil {
			t.Fatal(err)
		}
		r = mustStart(t, opts)
		if _, err := putAll(r.Store, 1000, 1, 1, queues); !errors.Is(err, store.ErrDiskFull) || !strings.Contains(err.Error(), "CRITICAL") && !strings.Contains(err.Error(), "FULL") {
			t.Errorf("a send says %v", err)
		}
		for _, a := range acks {
			if err := checkAcked(r.Store, a, queues); err != nil {
				t.Fatal(err)
			}
		}
		fs.SetQuota(2 * quota)
		<-time.After(11 * time.Second)
		if _, err := putAll(r.Store, 2000, 10, 2, queues); err != nil {
			t.Errorf("when there is room again: %v", err)
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestWhatIsSetAsideIsBounded: the newest stay.
func TestWhatIsSetAsideIsBounded(t *testing.T) {
	r, opts := openOnDisk(t, true)
	if err := errors.Join(r.stop(), opts.FS.MkdirAll("quarantine")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"commitlog-00000000000000000100-1", "commitlog-00000000000000000100-2", "commitlog-00000000000000090000-1", "meta.db-000001"} {
		f, err := opts.FS.Create("quarantine/" + name)
		if err == nil {
			err = errors.Join(f.Truncate(1000), f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		most int64
		left int
	}{{3000, 4}, {2999, 3}, {1, 2}} {
		opts.SetAsideBytes = tt.most
		r = mustStart(t, opts)
		if err := errors.Join(r.Clean(time.Now()), r.stop()); err != nil {
			t.Fatal(err)
		}
		left, err := opts.FS.ReadDir("quarantine")
		if err != nil || len(left) != tt.left || left[len(left)-2].Name != "commitlog-00000000000000090000-1" {
			t.Errorf("of at most %d bytes %v is left, %v; want %d files", tt.most, left, err, tt.left)
		}
	}
}
