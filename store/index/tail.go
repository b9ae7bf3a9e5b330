package index

import (
	"math"
	"slices"
	"strings"
)

// Record is what the index needs to know of one record.
type Record struct {
	PhyOffset      int64 // bytes
	Size           int32 // bytes
	Topic          string
	QueueID        int32
	QueueOffset    int64 // below 0: in no consume queue, as prepared messages are
	TagsCode       int64
	StoreTimestamp int64    // ms
	Keys           []uint32 // hashes; copied
}

// queued says whether the record is in a consume queue. The greatest offset is
// none: the one behind it could not be told.
func (r *Record) queued() bool { return r.QueueOffset >= 0 && r.QueueOffset < math.MaxInt64 }

// A memChunk indexes a run of log in memory until it is in the file.
type memChunk struct {
	start, end     int64
	oldest, newest int64 // ms
	records        int
	runs           []*memRun
	keys           []uint64 // hash << 32 | offset in the chunk
	open           bool     // records are still added
	warned         bool     // of offsets that are not consecutive
}

// Apply indexes a record, in memory; Range sees it at once. Records come in
// log order: those below Checkpoint, or applied before, are ignored.
func (x *Index) Apply(r Record) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.take(&r)
}

// ApplyAll is Apply for some records at once, which costs less. Readers wait for it.
func (x *Index) ApplyAll(rs []Record) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := range rs {
		x.take(&rs[i])
	}
}

// take is Apply; the caller holds mu.
func (x *Index) take(r *Record) {
	if r.PhyOffset < x.end {
		return
	}
	var q *Queue
	if r.queued() && !x.isDeleted(r) {
		q = x.queue(r.Topic, r.QueueID)
	}
	x.apply(q, r)
}

// Queue returns the handle of a consume queue, for ApplyTo. There is a queue
// from then on, without units.
func (x *Index) Queue(topic string, queueID int32) *Queue {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.queue(topic, queueID)
}

// ApplyTo is Apply for a record of the queue q; the record's own Topic and
// QueueID do not count.
func (x *Index) ApplyTo(q *Queue, r Record) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if r.PhyOffset < x.end {
		return
	}
	r.Topic, r.QueueID = q.topic, q.id
	switch {
	case !r.queued() || x.isDeleted(&r):
		q = nil
	case q.gone:
		q = x.queue(q.topic, q.id)
	}
	x.apply(q, &r)
}

// queue finds a queue or makes it. Its topic is a copy: no message's memory
// hangs on it.
func (x *Index) queue(topic string, id int32) *Queue {
	t := x.topics[topic]
	if t == nil {
		t = &topicQueues{name: strings.Clone(topic), byID: map[int32]*Queue{}}
		x.topics[t.name] = t
	}
	q := t.byID[id]
	if q == nil {
		q = &Queue{topic: t.name, id: id}
		t.byID[id] = q
	}
	return q
}

// isDeleted says whether the record belongs to a topic that was deleted after
// it was stored.
func (x *Index) isDeleted(r *Record) bool {
	return r.PhyOffset < x.deletedBelow && r.PhyOffset < x.deleted[r.Topic]
}

// apply adds a record to the open chunk, and its unit to q unless that is nil.
func (x *Index) apply(q *Queue, r *Record) {
	c := x.open
	if c != nil && r.PhyOffset-c.start >= 2*x.opts.ChunkBytes {
		x.closeChunk() // the log goes on far behind: a unit's offset would not fit
		c = nil
	}
	if c == nil {
		c = &memChunk{start: r.PhyOffset, open: true}
		x.open = c
	}
	if q != nil && r.QueueOffset != q.max {
		x.jump(c, q, r)
	}
	c.add(q, r)
	x.end = c.end
	if c.end-c.start >= x.opts.ChunkBytes || c.records >= x.opts.ChunkRecords || len(c.keys) >= 2*x.opts.ChunkRecords {
		x.closeChunk()
	}
}

// jump handles a queue offset that is not the next one. The log hears of the
// first in a chunk: a broken master must not fill it.
func (x *Index) jump(c *memChunk, q *Queue, r *Record) {
	if q.max > 0 && !c.warned {
		c.warned = true
		x.log.Warn("queue offsets are not consecutive", "topic", q.topic, "queueId", q.id,
			"phyOffset", r.PhyOffset, "queueOffset", r.QueueOffset, "want", q.max)
	}
	q.accept(r.QueueOffset)
}

// add adds a record, and its unit to q unless that is nil.
func (c *memChunk) add(q *Queue, r *Record) {
	c.end = r.PhyOffset + int64(r.Size)
	if c.records == 0 {
		c.oldest, c.newest = r.StoreTimestamp, r.StoreTimestamp
	}
	c.oldest, c.newest = min(c.oldest, r.StoreTimestamp), max(c.newest, r.StoreTimestamp)
	c.records++
	if q != nil {
		c.addUnit(q, r)
	}
	if q == nil && r.queued() {
		return // of a deleted topic
	}
	if len(c.keys)+len(r.Keys) > cap(c.keys) { // append would copy a large one several times as often
		c.keys = slices.Grow(c.keys, max(64, len(c.keys), len(r.Keys)))
	}
	for _, hash := range r.Keys {
		c.keys = append(c.keys, uint64(hash)<<32|uint64(r.PhyOffset-c.start))
	}
}

// addUnit appends the record's unit to q's run in the chunk.
func (c *memChunk) addUnit(q *Queue, r *Record) {
	width := unitWidth(r.TagsCode)
	var last *memRun
	if n := len(q.mem); n > 0 {
		last = q.mem[n-1]
	}
	if last == nil || last.chunk != c || last.end() != r.QueueOffset || last.width < width {
		last = c.newRun(q, r.QueueOffset, width)
	}
	last.block = appendUnit(last.block, last.n, last.width, c.start, Unit{r.PhyOffset, r.Size, r.TagsCode})
	last.n++
	last.shown++
	q.max = r.QueueOffset + 1
}

func (c *memChunk) newRun(q *Queue, first int64, width int) *memRun {
	r := &memRun{queue: q, chunk: c, first: first, width: width}
	r.block = make([]byte, blockHeader, max(q.hint, blockSize(8, width)))
	q.hint = 0 // a second run in the chunk has to find its own size
	q.mem = append(q.mem, r)
	c.runs = append(c.runs, r)
	return r
}

// closeChunk ends the open chunk. Each queue's next block starts as large as
// this one: a busy queue stays busy.
func (x *Index) closeChunk() {
	c := x.open
	if c == nil {
		return
	}
	c.open = false
	for _, r := range c.runs {
		r.queue.hint = min(len(r.block), maxHint)
	}
	x.closed = append(x.closed, c)
	x.open = nil
}

const maxHint = 256 << 10 // bytes
