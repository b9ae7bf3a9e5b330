package store_test

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/hal/disk"
	"pairmq/hal/disk/diskfault"
	"pairmq/store"
	"pairmq/store/index"
	"pairmq/store/table"
)

// hasFailed stops a store that must have stopped by itself.
func hasFailed(t *testing.T, r *running) {
	t.Helper()
	if err := <-r.ended; err == nil {
		t.Fatal("Run has not failed")
	}
	r.ended <- nil
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}

// TestADiskThatFailsTwiceIsNotWrittenAgain: a failed sync is final, the next start
// recovers; after a second one the store can be read and nothing more, until it
// has been for ten minutes.
func TestADiskThatFailsTwiceIsNotWrittenAgain(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		fs := diskfault.New(diskfault.Plan{Real: dir})
		var acks []ack
		for life := range 2 {
			r := mustStart(t, options(fs, true))
			more, err := putAll(r.Store, life*100, 50, 4, queues)
			if err != nil {
				t.Fatal(err)
			}
			acks = append(acks, more...)
			fs.Arm(diskfault.Plan{Only: diskfault.Datasync, FailAt: 1, Real: dir}) // once, and lies afterwards
			lost, err := putAll(r.Store, life*100+50, 10, 1, queues)
			if !errors.Is(err, store.ErrFailed) || len(lost) > 0 {
				t.Fatalf("after a failed sync %d were acknowledged, %v", len(lost), err)
			}
			if _, err := putAll(r.Store, life*100+70, 1, 1, queues); !errors.Is(err, store.ErrFailed) {
				t.Fatalf("a later send says %v", err)
			}
			hasFailed(t, r)
		}
		r := mustStart(t, options(fs, true))
		before := fs.Stats()
		if st := r.Stats(); !st.ReadOnly {
			t.Fatal("after two failures the store is not read-only")
		}
		if _, err := putAll(r.Store, 500, 1, 1, queues); !errors.Is(err, store.ErrReadOnly) {
			t.Errorf("a send says %v, want ErrReadOnly", err)
		}
		for _, a := range acks {
			if err := checkAcked(r.Store, a, queues); err != nil {
				t.Fatal(err)
			}
		}
		if now := fs.Stats(); now.BytesWritten != before.BytesWritten {
			t.Errorf("the read-only store has written %d bytes", now.BytesWritten-before.BytesWritten)
		}
		<-time.After(11 * time.Minute)
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		r = mustStart(t, options(fs, true))
		more, err := putAll(r.Store, 600, 20, 4, queues)
		if err != nil {
			t.Fatalf("after ten minutes without a failure: %v", err)
		}
		for _, a := range append(acks, more...) {
			if err := checkAcked(r.Store, a, queues); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestAFileSystemThatTurnsReadOnly, as ext4 does after an error: no OK is given
// any more and the store stops. Opened again it serves what was stored, and the
// consumer offsets of before, writes nothing, and takes offsets in memory; nothing
// is lost when it is writable again.
func TestAFileSystemThatTurnsReadOnly(t *testing.T) {
	const topic = "Topic0"
	dir := t.TempDir()
	fs := diskfault.New(diskfault.Plan{Real: dir})
	r := mustStart(t, options(fs, true))
	acks, err := putAll(r.Store, 0, 100, 4, queues)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.ResetOffsets([]table.Offset{{Group: "group", Topic: topic, Offset: 1}}); err != nil { // in the journal alone
		t.Fatal(err)
	}
	fs.Arm(diskfault.Plan{FailAt: 1, Sticky: true, Err: syscall.EROFS, Real: dir})
	if lost, err := putAll(r.Store, 200, 20, 4, queues); !errors.Is(err, store.ErrFailed) && !errors.Is(err, store.ErrReadOnly) || len(lost) > 0 { // the index may have found out first
		t.Fatalf("%d were acknowledged, %v", len(lost), err)
	}
	check := func(s *store.Store) {
		t.Helper()
		for _, a := range acks {
			if err := checkAcked(s, a, queues); err != nil {
				t.Fatal(err)
			}
		}
		if offset, ok := s.Offset("group", topic, 0); !ok || offset != 1 {
			t.Errorf("the offset is %d, %t, want 1", offset, ok)
		}
	}
	check(r.Store)
	if err := <-r.ended; !errors.Is(err, syscall.EROFS) {
		t.Fatalf("Run ended with %v, want EROFS", err)
	}
	r.ended <- nil
	if err := r.stop(); err != nil && !errors.Is(err, syscall.EROFS) { // the offsets may not be in the index yet
		t.Fatal(err)
	}
	for range 2 { // what it commits is in memory only
		r = mustStart(t, options(fs, true))
		before := fs.Stats()
		check(r.Store)
		if st := r.Stats(); !r.Frozen() || !st.ReadOnly || st.ReadOnlyWhy != "its file system is read-only" || st.Damaged {
			t.Errorf("on a read-only file system the store says %+v", st)
		}
		if _, err := putAll(r.Store, 300, 1, 1, queues); !errors.Is(err, store.ErrReadOnly) {
			t.Errorf("a send says %v, want ErrReadOnly", err)
		}
		if err := r.PutTopic(table.Topic{Name: "New"}); !errors.Is(err, index.ErrFailed) {
			t.Errorf("a new topic: %v, want ErrFailed", err)
		}
		r.CommitOffset("group", topic, 0, 2)
		r.CommitOffset("other", topic, 0, 1)
		if offset, _ := r.Offset("group", topic, 0); offset != 2 || len(r.Offsets("other")) != 1 {
			t.Errorf("committed offsets are %d and %v", offset, r.Offsets("other"))
		}
		if err := r.Clean(time.Now().Add(1000 * time.Hour)); err != nil {
			t.Error(err)
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		if now := fs.Stats(); now.Ops != before.Ops {
			t.Errorf("the read-only store tried %d changes of the disk", now.Ops-before.Ops)
		}
	}
	fs.Arm(diskfault.Plan{Real: dir})
	r = mustStart(t, options(fs, true))
	check(r.Store)
	more, err := putAll(r.Store, 600, 20, 4, queues)
	if err != nil {
		t.Fatal(err)
	}
	acks = append(acks, more...)
	check(r.Store)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}

// TestAReadOnlyFileSystemWithoutAnIndex: the consume queues would have to be made
// anew, for which there is no place. The error says what can be done.
func TestAReadOnlyFileSystemWithoutAnIndex(t *testing.T) {
	dir := t.TempDir()
	fs := diskfault.New(diskfault.Plan{Real: dir})
	r := mustStart(t, options(fs, true))
	if _, err := putAll(r.Store, 0, 10, 4, queues); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.stop(), fs.Remove("meta.db")); err != nil {
		t.Fatal(err)
	}
	fs.Arm(diskfault.Plan{FailAt: 1, Sticky: true, Err: syscall.EROFS, Real: dir})
	if _, err := store.Open(options(fs, true)); err == nil || !strings.Contains(err.Error(), "pairmq log export") {
		t.Errorf("opened without an index: %v", err)
	}
}

// TestAFolderThatMayNotBeWritten is no read-only file system: whoever runs the
// daemon as the wrong user is told so.
func TestAFolderThatMayNotBeWritten(t *testing.T) {
	_, err := store.Open(options(forbidden{diskfault.New(diskfault.Plan{Real: t.TempDir()})}, true))
	if !errors.Is(err, syscall.EACCES) || !strings.Contains(err.Error(), "must belong to the user") {
		t.Errorf("opened: %v", err)
	}
}

// forbidden is another user's folder.
type forbidden struct{ disk.FS }

func (forbidden) Lock(name string) (io.Closer, error) {
	return nil, &os.PathError{Op: "open", Path: name, Err: syscall.EACCES}
}
