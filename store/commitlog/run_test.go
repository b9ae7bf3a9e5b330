package commitlog

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/hal/disk/diskfault"
)

// startBubble runs a log inside a synctest bubble on a new disk, with its first
// segment made.
func startBubble(t *testing.T, opts Options) (*harness, *diskfault.FS) {
	t.Helper()
	d := diskfault.New(diskfault.Plan{})
	h := mustStart(t, d, opts, RecoverOptions{})
	synctest.Wait()
	return h, d
}

func TestLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := tOptions()
		opts.FlushLinger = 5 * time.Millisecond
		h, _ := startBubble(t, opts)
		begin := time.Now()
		took := func(want time.Duration, batches int64) {
			t.Helper()
			if err := h.await(h.End()); err != nil {
				t.Fatal(err)
			}
			if got := time.Since(begin); got != want || h.Stats().Batches != batches {
				t.Errorf("confirmed after %v in %d batches, want %v and %d", got, h.Stats().Batches, want, batches)
			}
			begin = time.Now()
		}
		h.put(1, tRec, 1)
		time.Sleep(2 * time.Millisecond)
		h.put(2, tRec, 1)
		took(5*time.Millisecond, 1)
		h.put(3, tRec, 10) // a full batch does not wait
		took(0, 2)
		h.put(4, tRec, 9)
		h.put(5, tRec, 2) // what does not fit any more sends the first off
		took(5*time.Millisecond, 4)
		h.put(6, tRec, 1)
		h.cancel() // nor does the last one
		took(0, 5)
		<-h.ended
	})
}

func TestFlushInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := tOptions()
		opts.SyncFlush, opts.FlushInterval, opts.FlushBytes = false, 300*time.Millisecond, 5*tRec
		h, d := startBubble(t, opts)
		syncs := d.Stats().Syncs
		begin := time.Now()
		mustPut(t, h, 1, tRec) // confirmed at once
		time.Sleep(100 * time.Millisecond)
		mustPut(t, h, 2, tRec)
		if h.Durable() != 0 || time.Since(begin) != 100*time.Millisecond {
			t.Errorf("durable to %d after %v, want 0", h.Durable(), time.Since(begin))
		}
		h.awaitDurable(2 * tRec)
		if got := time.Since(begin); got != 300*time.Millisecond || d.Stats().Syncs != syncs+1 {
			t.Errorf("durable after %v and %d syncs, want 300ms and one", got, d.Stats().Syncs-syncs)
		}
		begin = time.Now()
		for id := range uint64(5) {
			mustPut(t, h, 3+id, tRec)
		}
		h.awaitDurable(7 * tRec)
		if got := time.Since(begin); got != 0 {
			t.Errorf("FlushBytes were durable after %v, want at once", got)
		}
		syncs = d.Stats().Syncs
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := d.Stats().Syncs; got != syncs {
			t.Errorf("%d syncs with nothing to sync", got-syncs)
		}
		mustPut(t, h, 9, tRec)
		mustStop(t, h)
		if h.Durable() != h.End() || h.durable != h.End() {
			t.Errorf("after Run %d of %d is durable, told %d", h.Durable(), h.End(), h.durable)
		}
	})
}

// hold blocks each operation of a kind until the channel gives or is closed.
func hold(d *diskfault.FS, k diskfault.Kind) chan struct{} {
	gate := make(chan struct{})
	d.Arm(diskfault.Plan{Hook: func(op diskfault.Op) {
		if op.Kind == k {
			<-gate
		}
	}})
	return gate
}

// Who waits for the writer to do something is answered when the log fails, though who makes
// the next segment has still to wait: for room, which he who waits for the writer may keep
// from being made.
func TestATaskEndsWithTheWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answered := make(chan struct{})
		opts := tOptions()
		opts.BatchBytes = tSeg
		opts.MayGrow = func(files int) bool { return files < 1 }
		opts.MakeRoom = func() {
			select {
			case <-answered:
			case <-time.After(time.Hour):
				t.Error("the task has no answer after an hour")
			}
		}
		h, d := startBubble(t, opts)
		gate := hold(d, diskfault.Write)
		for id := uint64(0); h.End() < opts.SegmentSize*7/8; id++ {
			if _, err := h.put(id, tRec, 1); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait() // the writer is held, and no segment is made
		go func() {
			defer close(answered)
			if err := h.Flush(); !errors.Is(err, ErrFailed) {
				t.Errorf("Flush: %v, want %v", err, ErrFailed)
			}
		}()
		synctest.Wait()
		_ = h.fail(errors.New("a replaced page cannot be synced"))
		close(gate)
		if err := <-h.ended; !errors.Is(err, ErrFailed) {
			t.Errorf("Run: %v, want %v", err, ErrFailed)
		}
	})
}

func TestBatchesCollectDuringASync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, d := startBubble(t, tOptions())
		gate := hold(d, diskfault.Datasync)
		h.put(1, tRec, 1)
		synctest.Wait() // the first is written, its sync is held
		for id := range uint64(9) {
			if _, err := h.put(2+id, tRec, 1); err != nil {
				t.Fatal(err)
			}
		}
		if h.Written() != tRec || h.End() != 10*tRec || h.Durable() != 0 {
			t.Errorf("end %d, written %d, durable %d", h.End(), h.Written(), h.Durable())
		}
		close(gate)
		if err := h.await(10 * tRec); err != nil {
			t.Fatal(err)
		}
		if s := h.Stats(); s.Batches != 2 || s.Writes != 2 || s.Syncs != 2 || s.Bytes != 10*tRec {
			t.Errorf("%+v, want two batches with a write and a sync each", s)
		}
		mustStop(t, h)
	})
}

func TestAsyncWritesDoNotWaitForASync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := tOptions()
		opts.SyncFlush, opts.FlushBytes, opts.UnsyncedBytes = false, 1, 20*tRec
		h, d := startBubble(t, opts)
		gate := hold(d, diskfault.Datasync)
		for id := range uint64(20) {
			mustPut(t, h, id, tRec) // up to UnsyncedBytes
		}
		h.put(20, tRec, 1)
		synctest.Wait()
		if h.Written() != 20*tRec || h.Durable() != 0 {
			t.Errorf("written %d, durable %d, want %d and 0: no more can be lost than UnsyncedBytes", h.Written(), h.Durable(), 20*tRec)
		}
		close(gate)
		if err := h.await(21 * tRec); err != nil {
			t.Fatal(err)
		}
		mustStop(t, h)
	})
}

func TestBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := tOptions()
		opts.MaxWait = 3 * time.Second
		h, d := startBubble(t, opts)
		gate := hold(d, diskfault.Write)
		h.put(1, tRec, 1)
		synctest.Wait()
		h.put(2, tRec, 10) // fills the next batch
		begin := time.Now()
		end := h.End()
		if _, err := h.put(3, tRec, 1); !errors.Is(err, ErrBusy) || h.End() != end || time.Since(begin) != 3*time.Second {
			t.Errorf("append: %v after %v, end %d; want ErrBusy after 3s, and %d", err, time.Since(begin), h.End(), end)
		}
		if n, err := h.AppendRaw(end, []byte("raw")); n != 0 || !errors.Is(err, ErrBusy) {
			t.Errorf("AppendRaw = %d, %v, want ErrBusy", n, err)
		}
		begin = time.Now()
		for range 100 { // of one connection, perhaps, with a heartbeat behind
			if _, err := h.put(3, tRec, 1); !errors.Is(err, ErrBusy) {
				t.Fatalf("a later append: %v, want ErrBusy", err)
			}
		}
		if got := time.Since(begin); got > 0 {
			t.Errorf("a hundred later appends were held up for %v", got)
		}
		close(gate)
		synctest.Wait()
		if _, err := h.put(4, tRec, 1); err != nil || h.End() != end+tRec {
			t.Errorf("append when the disk goes on: %v, end %d", err, h.End())
		}
		gate = hold(d, diskfault.Write)
		h.put(5, tRec, 1)
		synctest.Wait()
		h.put(6, tRec, 10) // fills the next batch
		end = h.End()
		done := make(chan error)
		go func() {
			_, err := h.put(7, tRec, 1)
			done <- err
		}()
		time.Sleep(2 * time.Second)
		close(gate)
		if err := <-done; err != nil || h.End() != end+tRec {
			t.Errorf("append after 2 s: %v, end %d", err, h.End())
		}
		if err := h.await(end + tRec); err != nil {
			t.Fatal(err)
		}
		wantRecord(t, h.Log, end, 7, tRec)
		mustStop(t, h)
	})
}

// TestFilesAreCountedWhileOneIsMade: what status asks for waits for no disk.
func TestFilesAreCountedWhileOneIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, d := startBubble(t, tOptions())
		gate := hold(d, diskfault.Sync)
		for id := range uint64(9) {
			h.put(id, tRec, 10) // up to where the next segment is wanted
		}
		synctest.Wait()
		begin := time.Now()
		if segments, spares := h.Files(); segments != 1 || spares != 0 || time.Since(begin) > 0 {
			t.Errorf("%d segments and %d spares after %v, want 1 and 0 at once", segments, spares, time.Since(begin))
		}
		close(gate)
		synctest.Wait()
		if segments, _ := h.Files(); segments != 2 {
			t.Errorf("%d segments when the next is made, want 2", segments)
		}
		mustStop(t, h)
	})
}

func TestASlowCallbackDelaysNoWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := diskfault.New(diskfault.Plan{})
		gate := make(chan struct{})
		opts := tOptions()
		opts.FS = d
		var told []int64
		opts.Confirmed = func(end int64, err error) {
			<-gate
			told = append(told, end)
		}
		l, err := Open(opts)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Recover(RecoverOptions{Check: checkRecord}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- l.Run(ctx) }()
		for id := range uint64(5) {
			if _, err := l.Append(tRec, &recordFiller{id: id, size: tRec}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if l.Durable() != int64(id+1)*tRec {
				t.Errorf("durable to %d while a callback is held, want %d", l.Durable(), (id+1)*tRec)
			}
		}
		close(gate)
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if want := []int64{tRec, 5 * tRec}; !slices.Equal(told, want) {
			t.Errorf("Confirmed was told %v, want %v", told, want)
		}
	})
}

func TestBuffersShrinkWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, d := startBubble(t, Options{SegmentSize: 8 << 20, SyncFlush: true})
		gate := hold(d, diskfault.Datasync)
		h.put(1, 1000, 500)
		synctest.Wait()
		h.put(2, 1000, 500)
		close(gate)
		if err := h.await(h.End()); err != nil {
			t.Fatal(err)
		}
		buffers := func() int {
			h.Log.mu.Lock()
			defer h.Log.mu.Unlock()
			return cap(h.filling.buf) + cap(h.spare.buf)
		}
		synctest.Wait()
		if n := buffers(); n < 1000_000 {
			t.Errorf("%d bytes of buffers in use, want a million", n)
		}
		time.Sleep(idleTime + time.Millisecond)
		synctest.Wait()
		if n := buffers(); n > 2*smallBatch {
			t.Errorf("%d bytes of buffers after a second of silence, want at most %d", n, 2*smallBatch)
		}
		mustPut(t, h, 3, 1000)
		mustStop(t, h)
	})
}

// The order of operations is what recovery relies on.
func TestOrderOfOperations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, d := startBubble(t, tOptions()) // batches of 1000, segments of 4096
		var mu sync.Mutex                  // the writer and who makes segments are two goroutines
		var trace []string
		d.Arm(diskfault.Plan{Hook: func(op diskfault.Op) {
			mu.Lock()
			defer mu.Unlock()
			if op.Kind == diskfault.Write && op.Len > 10*tRec {
				t.Errorf("%v: more than the window", op)
			}
			trace = append(trace, op.Kind.String()+" "+strings.TrimPrefix(op.Name, "commitlog/"))
		}})
		h.put(1, tRec, 25) // a unit of two and a half batches
		if err := h.await(25 * tRec); err != nil {
			t.Fatal(err)
		}
		a, b := segmentName(0), segmentName(tSeg)
		write, datasync := "write "+a, "datasync "+a
		if want := []string{write, datasync, write, datasync, write, datasync}; !slices.Equal(trace, want) {
			t.Errorf("a large unit: %q, want %q", trace, want)
		}
		trace = nil
		h.put(2, tRec, 8) // 3300: the next segment is made
		synctest.Wait()
		trace = slices.DeleteFunc(trace, func(s string) bool { return s == write || s == datasync })
		if want := []string{"create " + b + ".tmp", "allocate " + b + ".tmp", "sync " + b + ".tmp", "rename " + b + ".tmp", "syncdir commitlog"}; !slices.Equal(trace, want) {
			t.Errorf("a new segment: %q, want %q", trace, want)
		}
		trace = nil
		h.put(3, tRec, 9) // rolls
		if err := h.await(tSeg + 9*tRec); err != nil {
			t.Fatal(err)
		}
		if want := []string{write, datasync, "write " + b, "datasync " + b}; !slices.Equal(trace, want) {
			t.Errorf("the roll: %q, want %q", trace, want)
		}
		if _, err := h.Retire(tSeg); err != nil {
			t.Fatal(err)
		}
		trace = nil
		h.put(4, tRec, 10)
		h.put(5, tRec, 10)
		h.put(6, tRec, 5) // 3400 of the second segment: the first one is used again
		synctest.Wait()
		trace = slices.DeleteFunc(trace, func(s string) bool { return strings.HasSuffix(s, " "+b) })
		a = "recycle/" + a
		if want := []string{"write " + a, "datasync " + a, "rename " + a, "syncdir commitlog", "syncdir recycle"}; !slices.Equal(trace, want) {
			t.Errorf("a segment used again: %q, want %q", trace, want)
		}
		mustStop(t, h)
	})
}

// After the first failure nobody is told anything good any more.
func TestFailureIsFinal(t *testing.T) {
	for _, k := range []diskfault.Kind{diskfault.Write, diskfault.Datasync} {
		synctest.Test(t, func(t *testing.T) {
			h, d := startBubble(t, tOptions())
			mustPut(t, h, 1, tRec)
			d.Arm(diskfault.Plan{Only: k, FailAt: 1}) // later ones would work
			if _, err := h.put(2, tRec, 1); err != nil {
				t.Fatal(err)
			}
			if err := h.await(2 * tRec); !errors.Is(err, ErrFailed) {
				t.Errorf("a failed %v: Confirmed says %v, want ErrFailed", k, err)
			}
			if err := <-h.ended; !errors.Is(err, ErrFailed) {
				t.Errorf("a failed %v: Run says %v, want ErrFailed", k, err)
			}
			_, appendErr := h.put(3, tRec, 1)
			_, rawErr := h.AppendRaw(h.End(), make([]byte, 1))
			_, retireErr := h.Retire(1)
			_, cutErr := h.Truncate(0)
			for _, err := range []error{appendErr, rawErr, retireErr, cutErr, h.Failed()} {
				if !errors.Is(err, ErrFailed) {
					t.Errorf("after a failed %v: %v, want ErrFailed", k, err)
				}
			}
			if h.confirmed != tRec || h.Durable() != tRec {
				t.Errorf("after a failed %v: confirmed %d, durable %d, want %d", k, h.confirmed, h.Durable(), tRec)
			}
			wantRecord(t, h.Log, 0, 1, tRec)
			h.cancel()
		})
	}
}

// The kernel tells one of two who sync that a page is lost. The other one's sync
// works, and proves nothing.
func TestNoSyncCountsAfterAFailedOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := tOptions()
		opts.SyncFlush, opts.FlushBytes, opts.UnsyncedBytes = false, 1, 10*tRec
		h, d := startBubble(t, opts)
		gate := make(chan struct{})
		d.Arm(diskfault.Plan{Only: diskfault.Datasync, FailAt: 1, Hook: func(op diskfault.Op) {
			if op.Kind == diskfault.Datasync {
				<-gate
			}
		}})
		for id := range uint64(11) { // the last one makes the writer sync, too
			if _, err := h.put(id, tRec, 1); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		close(gate)
		if err := <-h.ended; !errors.Is(err, ErrFailed) || h.Durable() != 0 || h.durable != 0 {
			t.Errorf("Run: %v, durable to %d, told %d; want a failure and nothing durable", err, h.Durable(), h.durable)
		}
		h.cancel()
	})
}

func TestRunComesOnceAfterRecover(t *testing.T) {
	d := diskfault.New(diskfault.Plan{})
	l, err := Open(Options{FS: d, SegmentSize: tSeg})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Run(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Run before Recover: %v, want ErrClosed", err)
	}
	h := mustStart(t, d, tOptions(), RecoverOptions{})
	mustPut(t, h, 1, tRec)
	if err := h.Run(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Run while it runs: %v, want ErrClosed", err)
	}
	mustStop(t, h)
	if err := h.Run(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Run after Close: %v, want ErrClosed", err)
	}
}
