package pop

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/hal/disk"
	"pairmq/hal/disk/diskfault"
	"pairmq/store"
	"pairmq/store/record"
	"pairmq/store/table"
)

// The store is what a broker hands to a Service.
var _ Store = (*store.Store)(nil)

// A rig is a store with a Service, both running; for a synctest bubble.
type rig struct {
	t     testing.TB
	fs    disk.FS
	async bool         // ASYNC_FLUSH
	step  atomic.Int64 // by which the wall clock is wrong, ms
	log   *bytes.Buffer

	st   *store.Store
	s    *Service
	stop func() error // stops both and closes the store
}

func bubble(t *testing.T, f func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, fs: diskfault.New(diskfault.Plan{Real: t.TempDir()}), log: new(bytes.Buffer), stop: func() error { return nil }}
		defer func() { _ = r.stop() }() // where the test has failed
		f(t, r)
	})
}

// start opens the store and runs both. It fails as the store does.
func (r *rig) start() error {
	st, err := store.Open(store.Options{
		FS: r.fs, SegmentSize: 64 << 10, SyncFlush: !r.async, ChunkBytes: 8 << 10, JournalBytes: 64 << 10, RecordCRC: true,
	})
	if err != nil {
		return err
	}
	r.st = st
	ctx, cancel := context.WithCancel(context.Background())
	behind, stopStore := context.WithCancel(context.Background())
	var front, back sync.WaitGroup
	var failed, storeErr error
	back.Go(func() { storeErr = st.Run(behind) })
	end := sync.OnceValue(func() error {
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
	r.stop = end
	r.s, err = New(Options{
		Store: st, QueueFlights: 50, Log: slog.New(slog.NewTextHandler(r.log, nil)),
		Wall:  func() int64 { return time.Now().UnixMilli() + r.step.Load() },
		Young: func(string, int32) bool { return true },
		Make: func(topic string) error {
			if _, ok := st.Topic(topic); ok {
				return nil
			}
			return st.PutTopic(table.Topic{Name: topic, ReadQueueNums: 1, WriteQueueNums: 1, Perm: 6})
		},
	})
	if err != nil {
		return err
	}
	front.Go(func() { failed = r.s.Run(ctx) })
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

// put stores message n in queue n%2 of T, and waits for its OK.
func (r *rig) put(n int) error {
	m := record.Message{Topic: "T", QueueID: int32(n % 2), BornTimestamp: 1795404333612, BornHost: netip.MustParseAddrPort("10.0.0.1:4711"), Body: fmt.Append(nil, n)}
	done := make(chan error, 1)
	if err := r.st.Put([]record.Message{m}, func(err error) { done <- err }); err != nil {
		return err
	}
	return <-done
}

// A taken is a message as a consumer has it.
type taken struct {
	body, topic string
	queueID     int32
	offset      int64
	again       int32
	handle      Handle
}

// pop pops up to most messages of T for ten seconds.
func (r *rig) pop(most int) (all []taken, err error) {
	p, err := r.s.Pop(&Request{Group: "G", Topic: "T", Queues: 2, QueueID: AnyQueue, Max: most, Invisible: 10_000})
	if err != nil || p.Topic == "" {
		return nil, err
	}
	defer p.Result.Release()
	for body := p.Result.Body; len(body) > 0; {
		v, err := record.Parse(body, record.Limits{})
		if err != nil {
			return nil, err
		}
		all = append(all, taken{string(v.Body()), p.Topic, p.QueueID, v.QueueOffset(), v.ReconsumeTimes(), Handle{PopTime: p.PopTime, Invisible: p.Invisible}})
		body = body[v.Size():]
	}
	return all, nil
}

func (r *rig) ack(m taken) Outcome { return r.s.Ack("G", m.topic, m.queueID, m.offset, m.handle) }
