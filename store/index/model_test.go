package index

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// A model is the plain truth: the whole log, and what follows from it.
type model struct {
	rng     *rand.Rand
	records []Record // all that is in the log, also what retention took
	end     int64
	floor   int64 // retention has decided on it
	start   int64 // of the log: the floor, once the index has dropped what is below
	deleted map[string]int64
	retaken int64 // behind the last record that took an offset anew
	fixed   int64 // the log is not cut before this

	maybeDeleted string // a topic whose deletion failed, so that nobody knows
	maybeAt      int64
}

type queueName struct {
	topic string
	id    int32
}

// A modelQueue is what a queue should hold.
type modelQueue struct {
	units    map[int64]Unit
	min, max int64
}

func newModel(seed uint64) *model {
	return &model{rng: rand.New(rand.NewPCG(seed, 1)), deleted: map[string]int64{}}
}

// queues works out what every queue should hold, from nothing but the log.
func (m *model) queues() map[queueName]*modelQueue {
	all := map[queueName]*modelQueue{}
	for _, r := range m.records {
		if r.QueueOffset < 0 || r.PhyOffset < m.deleted[r.Topic] {
			continue
		}
		name := queueName{r.Topic, r.QueueID}
		q := all[name]
		if q == nil {
			q = &modelQueue{units: map[int64]Unit{}}
			all[name] = q
		}
		maps.DeleteFunc(q.units, func(offset int64, _ Unit) bool { return offset >= r.QueueOffset })
		q.units[r.QueueOffset] = Unit{r.PhyOffset, r.Size, r.TagsCode}
		q.max = r.QueueOffset + 1
	}
	for _, q := range all {
		q.min = q.max
		for offset, u := range q.units {
			if u.PhyOffset < m.floor {
				delete(q.units, offset)
			} else {
				q.min = min(q.min, offset)
			}
		}
	}
	return all
}

// append makes the next record, mostly an ordinary one.
func (m *model) append() Record {
	name := queueName{fmt.Sprintf("topic%d", m.rng.IntN(4)), int32(m.rng.IntN(3))}
	r := Record{PhyOffset: m.end, Size: int32(91 + m.rng.IntN(400)), Topic: name.topic, QueueID: name.id,
		TagsCode: int64(int32(m.rng.Uint32())), StoreTimestamp: 1_700_000_000_000 + m.end}
	r.QueueOffset = m.nextOffset(name)
	switch chance := m.rng.IntN(200); {
	case chance == 0:
		r.QueueOffset += int64(m.rng.IntN(20)) // a gap
	case chance == 1:
		r.QueueOffset = int64(m.rng.IntN(int(r.QueueOffset) + 1)) // an offset taken anew
		m.retaken = m.end + int64(r.Size)
	case chance < 6:
		r.QueueOffset = -1 // prepared
	case chance < 20:
		r.TagsCode = int64(m.rng.Uint64()) // a delivery time
	}
	for range m.rng.IntN(3) {
		r.Keys = append(r.Keys, uint32(m.rng.IntN(500)))
	}
	m.records = append(m.records, r)
	m.end += int64(r.Size) + int64(m.rng.IntN(2)*m.rng.IntN(50)) // sometimes a filler
	return r
}

func (m *model) nextOffset(name queueName) int64 {
	for _, r := range slices.Backward(m.records) {
		if r.PhyOffset < m.deleted[name.topic] {
			return 0
		}
		if r.Topic == name.topic && r.QueueID == name.id && r.QueueOffset >= 0 {
			return r.QueueOffset + 1
		}
	}
	return 0
}

// boundary is an offset where a record begins, or the log's end.
func (m *model) boundary() int64 {
	if i := m.rng.IntN(len(m.records) + 1); i < len(m.records) {
		return m.records[i].PhyOffset
	}
	return m.end
}

// settle finds out how a deletion that failed has ended.
func (m *model) settle(x *Index) {
	if _, ok := x.Topic(m.maybeDeleted); m.maybeDeleted != "" && !ok {
		m.deleted[m.maybeDeleted] = m.maybeAt
	}
}

// drop moves the start of the log, in the index first. Units that are hidden at
// that time are not remembered, so what hides them stays.
func (m *model) drop(x *Index) error {
	m.floor = max(m.floor, m.boundary())
	m.fixed = max(m.floor, m.retaken)
	return m.dropAgain(x)
}

func (m *model) dropAgain(x *Index) error {
	err := x.DropBefore(m.floor)
	if err == nil {
		m.start = m.floor
	}
	return err
}

// truncate cuts the log.
func (m *model) truncate(phyOffset int64) {
	m.records = slices.DeleteFunc(m.records, func(r Record) bool { return r.PhyOffset+int64(r.Size) > phyOffset })
	m.end = phyOffset
	m.floor, m.start = min(m.floor, phyOffset), min(m.start, phyOffset)
	for topic, below := range m.deleted {
		m.deleted[topic] = min(below, phyOffset)
	}
}

// apply gives the index the records that it has to see after Open or Truncate.
func (m *model) apply(x *Index) {
	from := max(x.Checkpoint(), m.start)
	x.ApplyAll(slices.DeleteFunc(slices.Clone(m.records), func(r Record) bool { return r.PhyOffset < from }))
}

// check compares everything that the index says with the log.
func (m *model) check(t *testing.T, x *Index, when string) {
	t.Helper()
	want := m.queues()
	x.EachQueue(func(topic string, id int32, first, end int64) {
		if q := want[queueName{topic, id}]; q == nil && end > 0 {
			t.Fatalf("%s: there is a queue %s/%d with [%d, %d), want none", when, topic, id, first, end)
		}
	})
	for name, q := range want {
		first, end, ok := x.Bounds(name.topic, name.id)
		if !ok || first != q.min || end != q.max {
			t.Fatalf("%s: Bounds(%v) = %d, %d, %v, want %d, %d", when, name, first, end, ok, q.min, q.max)
		}
		if got := readAll(t, x, name, m.rng.IntN(70)+1); !maps.Equal(got, q.units) {
			t.Fatalf("%s: queue %v has\n%v, want\n%v", when, name, got, q.units)
		}
	}
	m.checkKeys(t, x, when)
	if d := x.Damaged(); d != nil {
		t.Fatalf("%s: damaged: %v", when, d)
	}
}

// readAll reads a queue in steps.
func readAll(t *testing.T, x *Index, name queueName, step int) map[int64]Unit {
	t.Helper()
	units := map[int64]Unit{}
	dst := make([]Unit, step)
	from, end, _ := x.Bounds(name.topic, name.id)
	for from < end {
		n, ok := x.Range(name.topic, name.id, from, dst)
		if !ok {
			t.Fatalf("Range(%v, %d) is not ok", name, from)
		}
		for i, u := range dst[:n] {
			units[from+int64(i)] = u
		}
		from += int64(n)
		if n == 0 {
			next, ok := x.NextOffset(name.topic, name.id, from)
			if !ok {
				return units
			}
			if next <= from {
				t.Fatalf("Range(%v, %d) has nothing, NextOffset says %d", name, from, next)
			}
			from = next
		}
	}
	return units
}

func (m *model) checkKeys(t *testing.T, x *Index, when string) {
	t.Helper()
	for range 5 {
		hash := uint32(m.rng.IntN(500))
		begin := 1_700_000_000_000 + m.rng.Int64N(m.end+1)
		end := begin + m.rng.Int64N(m.end+1)
		got := x.FindKeys(hash, begin, end, 1<<20)
		if !slices.IsSortedFunc(got, func(a, b int64) int { return int(b - a) }) {
			t.Fatalf("%s: FindKeys(%d) = %d, not newest first", when, hash, got)
		}
		for _, r := range m.records {
			has := slices.Contains(r.Keys, hash) && r.PhyOffset >= m.floor
			inTime := r.StoreTimestamp >= begin && r.StoreTimestamp <= end
			deleted := r.PhyOffset < m.deleted[r.Topic]
			if found := slices.Contains(got, r.PhyOffset); found && !has || !found && has && inTime && !deleted {
				t.Fatalf("%s: FindKeys(%d, %d, %d) = %d, and the record at %d has keys %d, time %d", when, hash, begin, end, got, r.PhyOffset, r.Keys, r.StoreTimestamp)
			}
		}
	}
}
