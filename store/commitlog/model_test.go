package commitlog

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"pairmq/hal/disk/diskfault"
)

// A model knows what was appended where, and what was promised about it. It
// outlives the logs that are opened one after the other on its disk.
type model struct {
	opts Options

	mu      sync.Mutex
	id      uint64             // last one given to a record
	records map[int64]appended // by physical offset
	acked   int64              // end of what was confirmed
	durable int64              // end of what was called durable
	start   int64              // before it, segments may have been retired
	strict  []int64            // ends of units that are confirmed when they are durable, with Options.Classes
	safe    int64              // end of the last of them that was confirmed
}

type appended struct {
	id   uint64
	size int
}

func newModel(opts Options) *model {
	return &model{opts: opts, records: make(map[int64]appended)}
}

// A modelFiller appends records of the given sizes and tells the model.
type modelFiller struct {
	m     *model
	sizes []int
}

func (f modelFiller) Fill(dst []byte, phyOffset int64) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	for _, n := range f.sizes {
		f.m.id++
		putRecord(dst[:n], phyOffset, f.m.id)
		f.m.records[phyOffset] = appended{f.m.id, n}
		dst, phyOffset = dst[n:], phyOffset+int64(n)
	}
}

// put appends records of these sizes as one unit and returns their end.
func (m *model) put(l *Log, sizes ...int) (int64, error) {
	total := 0
	for _, n := range sizes {
		total += n
	}
	if !m.opts.Classes {
		off, err := l.Append(total, modelFiller{m, sizes})
		return off + int64(total), err
	}
	within := []time.Duration{0, time.Millisecond, time.Hour}[total%3]
	off, err := l.AppendWithin(total, within, modelFiller{m, sizes})
	end := off + int64(total)
	if err == nil && within == 0 {
		m.mu.Lock()
		m.strict = append(m.strict, end)
		m.mu.Unlock()
	}
	return end, err
}

// promise notes what h has confirmed.
func (m *model) promise(h *harness) {
	h.mu.Lock()
	acked, durable := h.confirmed, h.durable
	h.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.acked, m.durable = max(m.acked, acked), max(m.durable, durable)
	for _, end := range m.strict {
		if end <= m.acked {
			m.safe = max(m.safe, end)
		}
	}
	m.strict = slices.DeleteFunc(m.strict, func(end int64) bool { return end <= m.acked })
}

// reopen opens the log on d and checks what it finds: every promise is kept (a
// power cut excuses what was written and not synced, a killed process does
// not), and nothing is there that was not appended, or that was lost before.
func (m *model) reopen(d *diskfault.FS, powerCut bool) (*harness, error) {
	h, err := openLog(d, m.opts, RecoverOptions{})
	if err != nil {
		return h, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	kept := m.durable
	if m.opts.SyncFlush && !m.opts.Classes || !powerCut {
		kept = max(kept, m.acked)
	}
	kept = max(kept, m.safe)
	if h.End() < kept {
		return h, fmt.Errorf("the log ends at %d, %d was promised", h.End(), kept)
	}
	if h.Start() > m.start {
		return h, fmt.Errorf("the log starts at %d, it was retired to %d", h.Start(), m.start)
	}
	for off, id := range h.found {
		if was, ok := m.records[off]; !ok || was.id != id {
			return h, fmt.Errorf("record %d at %d: appended was %+v", id, off, was)
		}
	}
	for off, was := range m.records {
		if _, ok := h.found[off]; !ok && off >= h.Start() && off+int64(was.size) <= h.End() {
			return h, fmt.Errorf("record %d at %d is gone", was.id, off)
		}
		if off >= h.End() {
			delete(m.records, off) // lost, and must stay so
		}
	}
	m.acked, m.durable, m.strict = h.End(), h.End(), nil
	return h, nil
}

// A workload appends, in up to four units at once, and retires now and then. It
// goes on until it has done steps, or the log fails.
type workload struct {
	seed  uint64
	steps int
	keep  int64 // bytes behind the end that are not retired
}

func (w workload) run(m *model, h *harness) error {
	h.run()
	rng := rand.New(rand.NewPCG(w.seed, 2))
	var ends []int64
	var err error
	for step := 0; step < w.steps && err == nil; step++ {
		sizes := make([]int, 1+rng.IntN(3))
		for i := range sizes {
			sizes[i] = recHeader + rng.IntN(300)
			if rng.IntN(3) == 0 {
				sizes[i] = 128 // equal sizes let old records meet new places
			}
		}
		var end int64
		if end, err = m.put(h.Log, sizes...); err != nil {
			break
		}
		if ends = append(ends, end); len(ends) > rng.IntN(4) {
			err = h.await(ends[0])
			ends = nil
		}
		m.promise(h)
		if err == nil && rng.IntN(8) == 0 {
			err = m.retire(h.Log, h.Durable()-w.keep)
		}
	}
	if err == nil {
		err = h.await(h.End())
	}
	h.cancel()
	err = errors.Join(err, <-h.ended)
	m.promise(h)
	h.Close()
	return err
}

func (m *model) retire(l *Log, before int64) error {
	m.mu.Lock()
	m.start = max(m.start, before) // also if it fails half-way
	m.mu.Unlock()
	_, err := l.Retire(before)
	return err
}

// concurrently lets several goroutines append until ctx ends or the log refuses.
func (m *model) concurrently(ctx context.Context, h *harness, producers int, seed uint64) {
	var wg sync.WaitGroup
	for p := range producers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(p)))
			for ctx.Err() == nil {
				sizes := slices.Repeat([]int{recHeader + rng.IntN(200)}, 1+rng.IntN(2))
				end, err := m.put(h.Log, sizes...)
				if err != nil || h.await(end) != nil {
					return
				}
			}
		})
	}
	wg.Wait()
}
