package schedule

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/hal/disk"
	"pairmq/hal/disk/diskfault"
	"pairmq/store"
	"pairmq/store/record"
)

// The store is what a broker hands to a Scheduler.
var _ Store = (*store.Store)(nil)

// A rig is a store with a Scheduler, both running; for a synctest bubble.
type rig struct {
	t      testing.TB
	fs     disk.FS
	change func(*store.Options)
	levels []time.Duration
	step   atomic.Int64 // by which the wall clock is wrong, ms
	log    *bytes.Buffer

	st   *store.Store
	stop func() error // stops both and closes the store
}

const segment = 64 << 10

// bubble runs f with a rig in a bubble.
func bubble(t *testing.T, f func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, fs: diskfault.New(diskfault.Plan{Real: t.TempDir()}), stop: func() error { return nil }}
		defer func() { _ = r.stop() }() // where the test has failed
		f(t, r)
	})
}

// start opens the store and runs both. It fails as the store does.
func (r *rig) start() error {
	r.log = new(bytes.Buffer)
	var s *Scheduler
	var came atomic.Pointer[Scheduler]
	opts := store.Options{
		FS: r.fs, SegmentSize: segment, SyncFlush: true, ChunkBytes: 8 << 10, JournalBytes: 64 << 10, RecordCRC: true, IndexNoSync: true,
		Arrived: func(a []store.Arrival) {
			if s := came.Load(); s != nil {
				s.Arrived(a)
			}
		},
	}
	if r.change != nil {
		r.change(&opts)
	}
	st, err := store.Open(opts)
	if err != nil {
		return err
	}
	r.st = st
	if r.levels == nil {
		r.levels = DefaultLevels()
	}
	wall := func() int64 { return time.Now().UnixMilli() + r.step.Load() }
	if s, err = New(Options{Store: st, Levels: r.levels, Wall: wall, Log: slog.New(slog.NewTextHandler(r.log, nil))}); err != nil {
		return err
	}
	came.Store(s)
	ctx, cancel := context.WithCancel(context.Background())
	behind, stopStore := context.WithCancel(context.Background())
	var front, back sync.WaitGroup
	var failed error
	front.Go(func() { failed = s.Run(ctx) })
	var storeErr error
	back.Go(func() { storeErr = st.Run(behind) })
	r.stop = sync.OnceValue(func() error {
		cancel()
		front.Wait()
		stopStore()
		back.Wait()
		for _, err := range []error{failed, storeErr, st.Close()} {
			if err != nil {
				return err
			}
		}
		return nil
	})
	return nil
}

func (r *rig) mustStart() {
	r.t.Helper()
	if err := r.start(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) mustStop() {
	r.t.Helper()
	if err := r.stop(); err != nil {
		r.t.Fatal(err)
	}
}

// later makes the message n, which waits at a level for topic T.
func (r *rig) later(n int, level int32) record.Message {
	m := record.Message{
		Topic: "T", QueueID: int32(n % 2), BornTimestamp: 1795404333612, BornHost: netip.MustParseAddrPort("10.0.0.1:4711"),
		ReconsumeTimes: int32(n % 3), Flag: 7, Body: fmt.Appendf(nil, "message %d", n), Properties: fmt.Sprintf("UNIQ_KEY\x01K%d\x02TAGS\x01A", n),
	}
	Defer(&m, level, len(r.levels))
	return m
}

// put stores a message and waits for its OK.
func (r *rig) put(m record.Message) error {
	done := make(chan error, 1)
	if err := r.st.Put([]record.Message{m}, func(err error) { done <- err }); err != nil {
		return err
	}
	return <-done
}

func (r *rig) mustPut(ms ...record.Message) {
	r.t.Helper()
	for _, m := range ms {
		if err := r.put(m); err != nil {
			r.t.Fatal(err)
		}
	}
}

// queue returns the records of a queue.
func (r *rig) queue(topic string, id int32) (all []record.Message) {
	r.t.Helper()
	for at := r.st.MinOffset(topic, id); at < r.st.MaxOffset(topic, id); {
		res, err := r.st.Get(topic, id, at, 32, 1<<20, nil)
		if err != nil || res.Status != store.Found {
			r.t.Fatalf("queue %d of %s at %d: %v, %v", id, topic, at, res.Status, err)
		}
		for body := res.Body; len(body) > 0; {
			v, err := record.Parse(body, record.Limits{})
			if err != nil {
				r.t.Fatal(err)
			}
			all = append(all, v.Message())
			body = body[v.Size():]
		}
		at = res.NextBeginOffset
	}
	return all
}

// came returns the bodies of what was delivered to T, sorted.
func (r *rig) came() string {
	r.t.Helper()
	synctest.Wait()
	var all []string
	for _, m := range append(r.queue("T", 0), r.queue("T", 1)...) {
		all = append(all, strings.TrimPrefix(string(m.Body), "message "))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// want checks what was delivered by now.
func (r *rig) want(when, bodies string) {
	r.t.Helper()
	if got := r.came(); got != bodies {
		r.t.Errorf("%s: delivered %q, want %q", when, got, bodies)
	}
}

// noise is a message that is for nobody.
func noise() record.Message {
	return record.Message{Topic: "Noise", BornHost: netip.MustParseAddrPort("10.0.0.1:4711"), Body: []byte("noise")}
}
