package index

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"pairmq/store/table"
)

// TestConcurrent does at once what a busy store does: readers must see whole
// units of the right queue, whatever is sealed or taken meanwhile.
func TestConcurrent(t *testing.T) {
	x := openOS(t, t.TempDir(), func(o *Options) { o.ChunkRecords = 200 })
	const queues, records, size = 5, 6000, 100
	var applied atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range int64(records) {
			x.Apply(Record{PhyOffset: i * size, Size: size, Topic: "T", QueueID: int32(i % queues), QueueOffset: i / queues,
				TagsCode: i, StoreTimestamp: i, Keys: []uint32{uint32(i % 100)}})
			applied.Store((i + 1) * size)
		}
	})
	done := func() bool { return applied.Load() == records*size }
	fail := make(chan error, 16)
	report := func(err error) {
		select {
		case fail <- err:
		default:
		}
	}
	loop := func(step func(rng *rand.Rand) error) {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(applied.Load())))
			for !done() {
				if err := step(rng); err != nil {
					report(err)
					return
				}
			}
		})
	}
	loop(func(*rand.Rand) error { return x.Seal(applied.Load()) })
	loop(func(rng *rand.Rand) error { return x.DropBefore(rng.Int64N(applied.Load()/size+1) / 3 * size) })
	loop(func(rng *rand.Rand) error {
		x.CommitOffset("G", "T", int32(rng.IntN(queues)), applied.Load()/size/queues)
		x.Offsets("G")
		return x.FlushOffsets()
	})
	loop(func(rng *rand.Rand) error {
		x.Topics()
		return x.PutTopic(table.Topic{Name: "T", Perm: int32(rng.IntN(8))})
	})
	for range 3 {
		loop(func(rng *rand.Rand) error { return readRandom(x, rng, queues, size) })
	}
	wg.Wait()
	select {
	case err := <-fail:
		t.Error(err)
	default:
	}
	closeIndex(t, x)
}

// readRandom reads somewhere and checks that each unit is what its queue offset
// says.
func readRandom(x *Index, rng *rand.Rand, queues, size int64) error {
	queue := rng.Int64N(queues)
	first, end, ok := x.Bounds("T", int32(queue))
	if !ok || first == end {
		return nil
	}
	from := first + rng.Int64N(end-first)
	units := make([]Unit, 1+rng.IntN(300))
	n, ok := x.Range("T", int32(queue), from, units)
	if now, _, _ := x.Bounds("T", int32(queue)); !ok || n == 0 && now <= from {
		return fmt.Errorf("Range(%d, %d) = %d, %v within [%d, %d)", queue, from, n, ok, first, end)
	}
	for i, u := range units[:n] {
		number := (from+int64(i))*queues + queue
		if want := (Unit{number * size, int32(size), number}); u != want {
			return fmt.Errorf("queue %d has %+v at %d, want %+v", queue, u, from+int64(i), want)
		}
	}
	for _, at := range x.FindKeys(uint32(queue), 0, 1<<40, 10) {
		if at/size%100 != queue {
			return fmt.Errorf("key %d is found at %d", queue, at)
		}
	}
	return nil
}
