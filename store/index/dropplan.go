package index

import (
	"sort"

	"go.etcd.io/bbolt"
)

// A dropPlan says where a queue begins once the log before an offset is gone.
type dropPlan struct {
	queue  *Queue
	runs   []run   // in chunks that begin before that offset
	starts []int64 // of their chunks
	first  int64   // queue offset of the first unit left in runs
	found  bool    // there is one
	behind int64   // behind the last unit that goes; 0 if none does
}

// planDrops lists the queues with units in chunks that begin before phyOffset.
func (x *Index) planDrops(phyOffset int64) (plans []*dropPlan) {
	for _, t := range x.topics {
		for _, q := range t.byID {
			p := &dropPlan{queue: q}
			for _, r := range q.sealed {
				c := x.chunk(r.chunk)
				if c.start >= phyOffset {
					break
				}
				p.runs, p.starts = append(p.runs, r), append(p.starts, c.start)
			}
			if len(p.runs) > 0 || len(q.mem) > 0 && q.mem[0].chunk.start < phyOffset {
				plans = append(plans, p)
			}
		}
	}
	return plans
}

// seek finds the first unit that is left.
func (p *dropPlan) seek(tx *bbolt.Tx, phyOffset int64, damaged func(start int64, err error)) {
	for i, r := range p.runs {
		first, found, err := seekRun(tx, blockID{p.starts[i], p.queue.ref, r.first}, r, phyOffset)
		if err != nil {
			damaged(p.starts[i], err)
			first, found = r.first, true // too early rather than too late
		}
		if found {
			p.first, p.found = first, true
			if first > r.first {
				p.behind = first
			}
			return
		}
		p.behind = r.end()
	}
}

// seekRun returns the queue offset of the first unit of r whose record is at or
// behind phyOffset.
func seekRun(tx *bbolt.Tx, id blockID, r run, phyOffset int64) (first int64, found bool, err error) {
	block, err := getBlock(tx, id, r)
	if err != nil {
		return 0, false, err
	}
	var u [1]Unit
	i := sort.Search(int(r.count), func(i int) bool {
		if err == nil {
			_, err = readBlock(block, id, i, u[:])
		}
		return err == nil && u[0].PhyOffset >= phyOffset
	})
	return r.first + int64(i), i < int(r.count), err
}

// firstInMemory returns the queue offset of the first unit at or behind
// phyOffset.
func firstInMemory(runs []*memRun, phyOffset int64) (int64, bool) {
	for _, r := range runs {
		if n := r.before(phyOffset); n < r.shown {
			return r.first + int64(n), true
		}
	}
	return 0, false
}

// before returns how many of the run's units lie before phyOffset.
func (r *memRun) before(phyOffset int64) int {
	return sort.Search(r.shown, func(i int) bool {
		return decodeUnit(r.block[unitAt(i, r.width):], r.width, r.chunk.start).PhyOffset >= phyOffset
	})
}

// behindInMemory returns the queue offset behind the last unit before
// phyOffset, 0 if there is none.
func behindInMemory(runs []*memRun, phyOffset int64) (behind int64) {
	for _, r := range runs {
		if n := r.before(phyOffset); n > 0 {
			behind = r.first + int64(n)
		}
	}
	return behind
}

// finish takes the runs before ordinal from the queue, and those in which
// nothing is left, and raises its minimum.
func (p *dropPlan) finish(ordinal uint32, phyOffset int64) {
	q := p.queue
	n := 0
	for n < len(q.sealed) && (q.sealed[n].chunk < ordinal || n < len(p.runs) && !p.found) {
		n++
	}
	q.sealed = append([]run(nil), q.sealed[n:]...)
	switch first, ok := firstInMemory(q.mem, phyOffset); {
	case len(q.sealed) > 0:
		q.min = max(q.min, q.sealed[0].first)
		if p.found {
			q.min = max(q.min, min(p.first, q.max))
		}
	case ok:
		q.min = max(q.min, first)
	default:
		if q.floor < q.max {
			q.cut(q.floor)
		}
		q.min, q.max = q.floor, q.floor
	}
}
