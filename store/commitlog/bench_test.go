package commitlog

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pairmq/hal/disk"
)

// benchLog is a log on a real disk whose callers wait for their bytes.
type benchLog struct {
	*Log
	mu      sync.Mutex
	waiting []waiter // in the order of the log
	stop    func()
}

type waiter struct {
	end  int64
	done chan struct{}
}

func realDisk(b *testing.B) disk.FS {
	b.Helper()
	d, err := disk.OS(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	return d
}

func newBenchLog(b *testing.B, d disk.FS, sync bool) *benchLog {
	b.Helper()
	// A store that has been running for a while: all blocks were written once.
	const spares = 6
	for i := range spares {
		writeOnce(b, d, "commitlog/"+recycleDir, segmentName(int64(i)*benchSegment))
	}
	bl := &benchLog{}
	l, err := Open(Options{FS: d, SyncFlush: sync, SegmentSize: benchSegment, Recycle: spares, Confirmed: bl.confirmed})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := l.Recover(RecoverOptions{Check: checkRecord}); err != nil {
		b.Fatal(err)
	}
	if err := l.Reset(spares * benchSegment); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- l.Run(ctx) }()
	bl.Log, bl.stop = l, func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
		l.Close()
	}
	return bl
}

// benchSegment is the segment size here: small, so that they are soon written once.
const benchSegment = 16 << 20

// writeOnce makes a file of one segment that is written and synced.
func writeOnce(b *testing.B, d disk.FS, dir, name string) disk.File {
	b.Helper()
	err := d.MkdirAll(dir)
	var f disk.File
	if err == nil {
		f, err = d.Create(dir + "/" + name)
	}
	if err == nil {
		_, err = f.WriteAt(make([]byte, benchSegment), 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		b.Fatal(err)
	}
	return f
}

func (l *benchLog) confirmed(end int64, err error) {
	l.mu.Lock()
	n := 0
	for n < len(l.waiting) && (l.waiting[n].end <= end || err != nil) {
		n++
	}
	ready := l.waiting[:n:n]
	l.waiting = l.waiting[n:]
	l.mu.Unlock()
	for _, w := range ready {
		w.done <- struct{}{}
	}
}

// A benchFiller copies a body and notes who waits for it.
type benchFiller struct {
	l    *benchLog
	body []byte
	done chan struct{}
}

func (f *benchFiller) Fill(dst []byte, phyOffset int64) {
	copy(dst, f.body)
	f.l.mu.Lock()
	f.l.waiting = append(f.l.waiting, waiter{phyOffset + int64(len(dst)), f.done})
	f.l.mu.Unlock()
}

// benchAppend has producers that append size bytes and wait until they are
// confirmed, over and over.
func benchAppend(b *testing.B, sync bool) {
	for _, size := range []int{128, 1 << 10, 16 << 10} {
		for _, producers := range []int{1, 64, 256} {
			b.Run(fmt.Sprintf("%dB/%d", size, producers), func(b *testing.B) {
				l := newBenchLog(b, realDisk(b), sync)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				b.ResetTimer()
				l.produce(b, size, producers)
				b.StopTimer()
				s := l.Stats()
				b.ReportMetric(float64(b.N)/float64(s.Batches), "records/batch")
				b.ReportMetric(float64(b.N)/float64(max(1, s.Syncs)), "records/sync")
				l.stop()
			})
		}
	}
}

func (l *benchLog) produce(b *testing.B, size, producers int) {
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	for range producers {
		wg.Go(func() {
			f := &benchFiller{l, make([]byte, size), make(chan struct{}, 1)}
			for left.Add(-1) >= 0 {
				off, err := l.Append(size, f)
				if err != nil {
					b.Error(err)
					return
				}
				<-f.done
				if off/keepBytes != (off+int64(size))/keepBytes { // once in a while, by one of them
					l.Retire(off - keepBytes)
				}
			}
		})
	}
	wg.Wait()
}

// keepBytes is how much log a benchmark keeps before segments are used again.
const keepBytes = 2 * benchSegment

func BenchmarkAppendSync(b *testing.B)  { benchAppend(b, true) }
func BenchmarkAppendAsync(b *testing.B) { benchAppend(b, false) }

// BenchmarkBareLoop is what the disk gives: one write and one fdatasync for so
// many bytes, over and over, in a file of one segment.
func BenchmarkBareLoop(b *testing.B) {
	for _, size := range []int{128, 1 << 10, 16 << 10} {
		for _, records := range []int{1, 32, 64, 128, 256} {
			b.Run(fmt.Sprintf("%dB/%d", size, records), func(b *testing.B) {
				f := writeOnce(b, realDisk(b), "", "segment")
				p := make([]byte, size*records)
				b.SetBytes(int64(size))
				b.ResetTimer()
				at := int64(0)
				for n := 0; n < b.N; n += records {
					if at+int64(len(p)) > benchSegment {
						at = 0
					}
					if _, err := f.WriteAt(p, at); err != nil {
						b.Fatal(err)
					}
					if err := f.Datasync(); err != nil {
						b.Fatal(err)
					}
					at += int64(len(p))
				}
				b.StopTimer()
				f.Close()
			})
		}
	}
}

// BenchmarkShareOfBareLoop appends to a disk whose sync takes two milliseconds,
// as flash does, and then does nothing but write and sync batches of the size that
// came about: the metric says how much of that the log reaches.
func BenchmarkShareOfBareLoop(b *testing.B) {
	for _, producers := range []int{64, 256} {
		b.Run(fmt.Sprint(producers), func(b *testing.B) {
			d := slowDisk{realDisk(b), 2 * time.Millisecond}
			l := newBenchLog(b, d, true)
			b.ResetTimer()
			l.produce(b, 1<<10, producers)
			b.StopTimer()
			s := l.Stats()
			l.stop()
			f, err := d.Open(segmentPath(l.opts.Dir, l.End()))
			if err != nil {
				b.Fatal(err)
			}
			p := make([]byte, s.Bytes/s.Batches)
			begin := time.Now()
			for i := range s.Batches {
				if _, err := f.WriteAt(p, i*int64(len(p))%(benchSegment-int64(len(p)))); err != nil {
					b.Fatal(err)
				}
				if err := f.Datasync(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(100*float64(time.Since(begin))/float64(b.Elapsed()), "%-of-bare")
			b.ReportMetric(float64(b.N)/float64(s.Batches), "records/batch")
			f.Close()
		})
	}
}

func segmentPath(dir string, off int64) string {
	return dir + "/" + segmentName(off/benchSegment*benchSegment)
}

// A slowDisk takes its time to sync, always the same, and syncs nothing.
type slowDisk struct {
	disk.FS
	takes time.Duration
}

func (d slowDisk) Open(name string) (disk.File, error) {
	f, err := d.FS.Open(name)
	return slowFile{f, d.takes}, err
}

type slowFile struct {
	disk.File
	takes time.Duration
}

func (f slowFile) Datasync() error {
	time.Sleep(f.takes)
	return nil
}

// BenchmarkAppend is what one append costs its caller when nobody waits for the
// disk: the lock, the copy, the batch.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{128, 1 << 10} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			l := &Log{filling: &batch{}, phase: running, limit: defaultSegmentSize, ready: defaultSegmentSize}
			l.opts, _ = Options{FS: nullFS{}}.withDefaults()
			l.kicks, l.prepare = make(chan struct{}, 1), make(chan struct{}, 1)
			f := &copyFiller{make([]byte, size)}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := l.Append(size, f); err != nil {
					b.Fatal(err)
				}
				if len(l.filling.buf)+size > l.opts.BatchBytes {
					l.filling.reset()
					l.end.Store(0)
				}
			}
		})
	}
}

type nullFS struct{ disk.FS }

type copyFiller struct{ body []byte }

func (f *copyFiller) Fill(dst []byte, _ int64) { copy(dst, f.body) }
