package index

// Unit is one entry of a consume queue: where a record is and what its tag is.
type Unit struct {
	PhyOffset int64 // bytes
	Size      int32 // bytes
	TagsCode  int64
}

// topicQueues are the consume queues of one topic.
type topicQueues struct {
	name string
	byID map[int32]*Queue
}

// A Queue is one consume queue, a handle that spares Apply a look-up. It stays
// valid after its topic was deleted; records then go to the new queue.
type Queue struct {
	topic string
	id    int32

	// Guarded by Index.mu.
	ref      uint32 // names it in chunks; 0 before the first
	listed   bool   // ref is in the file
	gone     bool   // the topic was deleted
	min, max int64  // queue offsets: of the first unit, behind the last
	floor    int64  // behind the last unit that retention took
	sealed   []run
	mem      []*memRun
	hint     int // bytes of its block in the chunk before
}

// A run is a sequence of units with consecutive queue offsets in one chunk of
// the file.
type run struct {
	first int64
	chunk uint32 // ordinal
	count uint32 // units that count; the block may have more, hidden ones
	piece uint32 // of the chunk's blocks
	at    uint32 // where in it the block begins
}

func (r run) end() int64 { return r.first + int64(r.count) }

// A memRun is a run that is not in the file yet; its block has no checksums.
type memRun struct {
	queue *Queue
	chunk *memChunk
	first int64
	n     int // units in block
	shown int // units that count
	width int
	block []byte
}

func (r *memRun) end() int64 { return r.first + int64(r.shown) }

// accept prepares the queue for a unit at offset. Offsets are consecutive, with
// three exceptions. A queue may begin anywhere: on a slave that came late. A gap
// stays a gap. And a record that takes an offset anew hides what the queue had
// from there on: on a master of another kind its topic was deleted and made
// again, and the newer record is what the log says.
func (q *Queue) accept(offset int64) {
	empty := q.min == q.max
	if offset < q.max {
		q.cut(offset)
	}
	q.max = offset
	if empty {
		q.min = offset
	}
}

// cut hides the units from offset on.
func (q *Queue) cut(offset int64) {
	for len(q.mem) > 0 {
		last := q.mem[len(q.mem)-1]
		last.hide(max(0, offset-last.first))
		if last.shown > 0 {
			break
		}
		q.mem[len(q.mem)-1] = nil
		q.mem = q.mem[:len(q.mem)-1]
	}
	if len(q.mem) == 0 {
		q.cutSealed(offset)
	}
	q.max = offset
	q.min = min(q.min, offset)
}

func (q *Queue) cutSealed(offset int64) {
	for len(q.sealed) > 0 {
		last := &q.sealed[len(q.sealed)-1]
		if last.first < offset {
			last.count = uint32(min(int64(last.count), offset-last.first))
			return
		}
		q.sealed = q.sealed[:len(q.sealed)-1]
	}
}

// hide makes only the first n units count. In the open chunk the others are
// taken back, since a unit may follow. A closed chunk keeps them: it is being
// written perhaps, and if the log is cut behind it they count again.
func (r *memRun) hide(n int64) {
	r.shown = int(min(int64(r.shown), n))
	if r.chunk.open {
		r.n = r.shown
		r.block = r.block[:blockSize(r.n, r.width)]
	}
}

// find returns the position of the run in q.sealed, or of that in q.mem, that
// holds offset.
func (q *Queue) find(offset int64) (sealed, mem int) {
	if i := lastAtOrBelow(len(q.sealed), offset, func(i int) int64 { return q.sealed[i].first }); i >= 0 && offset < q.sealed[i].end() {
		return i, -1
	}
	if i := lastAtOrBelow(len(q.mem), offset, func(i int) int64 { return q.mem[i].first }); i >= 0 && offset < q.mem[i].end() {
		return -1, i
	}
	return -1, -1
}

// lastAtOrBelow returns the last i in [0, n) with first(i) <= offset, or -1.
func lastAtOrBelow(n int, offset int64, first func(int) int64) int {
	low, high := 0, n
	for low < high {
		mid := int(uint(low+high) / 2)
		if first(mid) <= offset {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low - 1
}

// next returns the least offset at or behind from that has a unit.
func (q *Queue) next(from int64) (int64, bool) {
	from = max(from, q.min)
	if s, m := q.find(from); s >= 0 || m >= 0 {
		return from, true
	}
	if i := 1 + lastAtOrBelow(len(q.sealed), from, func(i int) int64 { return q.sealed[i].first }); i < len(q.sealed) {
		return q.sealed[i].first, true
	}
	if i := 1 + lastAtOrBelow(len(q.mem), from, func(i int) int64 { return q.mem[i].first }); i < len(q.mem) {
		return q.mem[i].first, true
	}
	return 0, false
}
