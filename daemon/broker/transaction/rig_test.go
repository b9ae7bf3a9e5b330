package transaction

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

// The store is what a broker hands to a Coordinator.
var _ Store = (*store.Store)(nil)

// A rig is a store with a Coordinator, both running; for a synctest bubble.
type rig struct {
	t      testing.TB
	fs     disk.FS
	change func(*store.Options)
	wrap   func(*store.Store) Store // what the Coordinator is handed, if not the store
	asked  []Check
	mu     sync.Mutex
	c      *Coordinator
	opts   Options
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
	opts := store.Options{
		FS: r.fs, SegmentSize: segment, SyncFlush: true, ChunkBytes: 8 << 10, JournalBytes: 64 << 10, RecordCRC: true, IndexNoSync: true,
	}
	if r.change != nil {
		r.change(&opts)
	}
	st, err := store.Open(opts)
	if err != nil {
		return err
	}
	r.st = st
	wall := func() int64 { return time.Now().UnixMilli() + r.step.Load() }
	o := r.opts
	o.Store, o.Wall, o.Log, o.Host = st, wall, slog.New(slog.NewTextHandler(r.log, nil)), netip.MustParseAddrPort("10.0.0.9:10911")
	if r.wrap != nil {
		o.Store = r.wrap(st)
	}
	o.Ask = func(c Check) {
		r.mu.Lock()
		defer r.mu.Unlock()
		c.Half.Body = bytes.Clone(c.Half.Body)
		r.asked = append(r.asked, c)
	}
	c, err := New(o)
	if err != nil {
		return err
	}
	r.c = c
	ctx, cancel := context.WithCancel(context.Background())
	behind, stopStore := context.WithCancel(context.Background())
	var front, back sync.WaitGroup
	var failed error
	front.Go(func() { failed = c.Run(ctx) })
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

// newHalf makes the half n of a transaction for topic T.
func newHalf(n int, more string) record.Message {
	m := record.Message{
		Topic: "T", QueueID: int32(n % 2), BornTimestamp: 1795404333612, BornHost: netip.MustParseAddrPort("10.0.0.1:4711"), SysFlag: record.SysPrepared,
		Flag: 7, Body: fmt.Appendf(nil, "message %d", n), Properties: fmt.Sprintf("UNIQ_KEY\x01K%d\x02TRAN_MSG\x01true\x02PGROUP\x01PG%s", n, more),
	}
	Prepare(&m)
	return m
}

// end decides a half that is stored as m, and waits for the answer.
func (r *rig) end(m *record.Message, commit bool) error {
	done := make(chan error, 1)
	if err := r.c.End(Decision{Group: "PG", QueueOffset: m.QueueOffset, PhyOffset: m.PhyOffset, Commit: commit}, func(err error) { done <- err }); err != nil {
		return err
	}
	return <-done
}

// take returns what was asked since the last time.
func (r *rig) take() []Check {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.asked
	r.asked = nil
	return all
}

// put stores a message, waits for its OK and returns it as it is stored.
func (r *rig) put(m record.Message) (*record.Message, error) {
	done := make(chan error, 1)
	ms := []record.Message{m}
	if err := r.st.Put(ms, func(err error) { done <- err }); err != nil {
		return nil, err
	}
	return &ms[0], <-done
}

func (r *rig) mustPut(m record.Message) *record.Message {
	r.t.Helper()
	stored, err := r.put(m)
	if err != nil {
		r.t.Fatal(err)
	}
	return stored
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
