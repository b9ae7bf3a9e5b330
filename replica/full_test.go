package replica_test

import (
	"testing"
	"testing/synctest"
	"time"

	"pairmq/store"
	"pairmq/store/record"
)

// TestASlaveWithoutSpace has the disk of a slave fill up (R11). With the original, senders
// then hang or are told the wrong thing. Here each is answered within the time
// of slaveTimeout, and not OK; consumers of the slave go on; and when there is
// space again the pair is as before, by itself.
func TestASlaveWithoutSpace(t *testing.T) {
	dirs := [2]string{t.TempDir(), t.TempDir()}
	synctest.Test(t, func(t *testing.T) {
		const bothSync = 8 // a seed of SYNC_FLUSH and SYNC_MASTER, over a link that costs nothing
		w := newWorld(t, bothSync, dirs)
		defer func() {
			if t.Failed() {
				t.Log(w.notes.buf.String())
			}
		}()
		w.startMaster()
		w.startSlave()
		defer w.stop(w.master, "clean")
		defer w.stop(w.slave, "clean")
		time.Sleep(time.Second) // it joins
		if err := w.sendOne(); err != nil {
			t.Fatalf("with a slave that has space: %v", err)
		}
		space, err := w.slave.fs.Space()
		if err != nil {
			t.Fatal(err)
		}
		w.slave.fs.SetQuota(space.Total - space.Free + 3*simSegment)
		refused := 0
		for n := range 1000 {
			begin := time.Now()
			err := w.sendOne()
			if took := time.Since(begin); took > 3*time.Second {
				t.Errorf("message %d was answered after %v", n, took)
			}
			if err == nil {
				if refused > 0 {
					t.Errorf("message %d was answered OK while the slave is full", n)
				}
				continue
			}
			if refused++; refused == 20 {
				break
			}
		}
		if refused == 0 {
			t.Fatal("the slave's disk never filled up")
		}
		if r, err := w.slave.st.Get("T", 0, 0, 1, 1<<20, nil); err != nil || r.Status != store.Found {
			t.Errorf("a consumer of the full slave gets %v, %v", r.Status, err)
		}
		w.slave.fs.SetQuota(0)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if err := w.sendOne(); err != nil {
			t.Errorf("with space again: %v", err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got, want := w.slave.copy.End(), w.master.st.Confirmed(); got != want {
			t.Errorf("the slave's log ends at %d, the master's at %d", got, want)
		}
	})
}

// sendOne sends the next message and waits for its answer.
func (w *world) sendOne() error {
	ms, done := []record.Message{message(w.next)}, make(chan error, 1)
	w.next++
	if err := w.master.st.Put(ms, func(err error) { done <- err }); err != nil {
		return err
	}
	return <-done
}
