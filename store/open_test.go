package store_test

import (
	"context"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"

	"pairmq/hal/disk"
	"pairmq/store"
	"pairmq/store/record"
)

// segment is the segment size of these tests: small, so that logs roll.
const segment = 32 << 10

// options are those of a store on fs with small segments and chunks.
func options(fs disk.FS, syncFlush bool) store.Options {
	return store.Options{FS: fs, SegmentSize: segment, SyncFlush: syncFlush, ChunkBytes: 8 << 10, JournalBytes: 64 << 10, RecordCRC: true, IndexNoSync: true}
}

// A running is a store with its Run.
type running struct {
	*store.Store
	cancel context.CancelFunc
	ended  chan error
}

func start(opts store.Options) (*running, error) {
	s, err := store.Open(opts)
	if err != nil {
		return nil, err
	}
	return run(s), nil
}

// run runs a store that was opened.
func run(s *store.Store) *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Store: s, cancel: cancel, ended: make(chan error, 1)}
	go func() { r.ended <- s.Run(ctx) }()
	return r
}

// stop ends Run and closes the store.
func (r *running) stop() error {
	r.cancel()
	err := <-r.ended
	if cerr := r.Close(); err == nil {
		err = cerr
	}
	return err
}

func mustStart(t *testing.T, opts store.Options) *running {
	t.Helper()
	r, err := start(opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// message makes the n-th message of a test: what it holds follows from n.
func message(n int, queues int32) record.Message {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	body := make([]byte, 1+rng.IntN(600))
	for i := range body {
		body[i] = byte(rng.Uint32())
	}
	return record.Message{
		Topic: fmt.Sprintf("Topic%d", n%3), QueueID: int32(n/3) % queues, Flag: int32(n), BornTimestamp: int64(n),
		BornHost: netip.MustParseAddrPort("10.0.0.9:4242"), Body: body,
		Properties: fmt.Sprintf("UNIQ_KEY\x01%08d\x02TAGS\x01Tag%d\x02KEYS\x01k%d k%d", n, n%4, n, n+1),
	}
}

// An ack is what a sender was told of message n.
type ack struct {
	n           int
	phy, offset int64
}

// putAll stores the messages from n on, window in flight, until count were
// acknowledged or one was refused, and returns the acknowledged ones.
func putAll(s *store.Store, from, count, window int, queues int32) (acks []ack, err error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	var failed error
	slots := make(chan struct{}, window)
	for n := from; n < from+count; n++ {
		slots <- struct{}{}
		mu.Lock()
		stop := failed != nil
		mu.Unlock()
		if stop {
			break
		}
		m := []record.Message{message(n, queues)}
		wg.Add(1)
		err := s.Put(m, func(err error) {
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				acks = append(acks, ack{n, m[0].PhyOffset, m[0].QueueOffset})
			} else if failed == nil {
				failed = err
			}
			<-slots
			wg.Done()
		})
		if err != nil {
			wg.Done()
			mu.Lock()
			failed = err
			mu.Unlock()
			break
		}
	}
	wg.Wait()
	mu.Lock()
	defer mu.Unlock()
	return acks, failed
}

// checkAcked says what is wrong with the message that a was told of.
func checkAcked(s *store.Store, a ack, queues int32) error {
	want := message(a.n, queues)
	r, err := s.Get(want.Topic, want.QueueID, a.offset, 1, 1<<20, nil)
	if err != nil {
		return err
	}
	defer r.Release()
	if r.Status != store.Found {
		return fmt.Errorf("message %d, acknowledged at queue offset %d of %s/%d, is gone: %v, offsets %d to %d", a.n, a.offset, want.Topic, want.QueueID, r.Status, r.MinOffset, r.MaxOffset)
	}
	v, err := record.Parse(r.Body, record.Limits{})
	if err != nil {
		return fmt.Errorf("message %d: %w", a.n, err)
	}
	if err := v.CheckCRC(); err != nil {
		return fmt.Errorf("message %d: %w", a.n, err)
	}
	if v.PhyOffset() != a.phy || v.QueueOffset() != a.offset || crc32.ChecksumIEEE(v.Body()) != crc32.ChecksumIEEE(want.Body) {
		return fmt.Errorf("message %d was acknowledged at %d; there is another one there, of offset %d", a.n, a.phy, v.PhyOffset())
	}
	return nil
}

// snapshot lists every record that consumers can see, by queue, as text.
func snapshot(t *testing.T, s *store.Store, queues int32) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for topic := range 3 {
		for q := range queues {
			name := fmt.Sprintf("Topic%d", topic)
			key := fmt.Sprintf("%s/%d", name, q)
			for at := s.MinOffset(name, q); at < s.MaxOffset(name, q); {
				r, err := s.Get(name, q, at, 32, 1<<20, nil)
				if err != nil || r.Status != store.Found {
					t.Fatalf("%s offset %d: %v, %v", key, at, r.Status, err)
				}
				for b := r.Body; len(b) > 0; {
					v, err := record.Parse(b, record.Limits{})
					if err != nil {
						t.Fatalf("%s offset %d: %v", key, at, err)
					}
					all[key] = append(all[key], fmt.Sprintf("%d@%d flag %d", v.QueueOffset(), v.PhyOffset(), v.Flag()))
					b = b[v.Size():]
				}
				at = r.NextBeginOffset
				r.Release()
			}
		}
	}
	return all
}
