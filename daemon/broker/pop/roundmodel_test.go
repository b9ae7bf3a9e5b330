package pop

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/hal/disk/diskfault"
)

// TestRoundsKeepTheOrder does with ordered pops what consumers, operators and the power do,
// in an order made of a seed, and holds each answer against what is expected of a queue: a
// round begins at the first message that is not acknowledged, comes only when all of the
// one before is acknowledged or visible, or to the same attempt, and counts what came
// before. A stop changes nothing of that. A power cut takes back at most what was not kept.
func TestRoundsKeepTheOrder(t *testing.T) {
	for _, async := range []bool{false, true} {
		for seed := range uint64(12) {
			t.Run(fmt.Sprintf("async=%v/%d", async, seed), func(t *testing.T) {
				bubble(t, func(t *testing.T, r *rig) {
					r.async = async
					real := t.TempDir()
					m := &roundModel{rig: r, t: t, real: real, fs: diskfault.New(diskfault.Plan{Seed: seed, Real: real}), rng: rand.New(rand.NewPCG(seed, 2))}
					r.fs = m.fs
					m.run()
				})
			})
		}
	}
}

// A roundModel is what is expected of the two queues of T.
type roundModel struct {
	*rig
	t      *testing.T
	fs     *diskfault.FS
	real   string // folder of what is not simulated
	rng    *rand.Rand
	sent   int
	queues [2]expected
	pops   int // that had messages
}

// An expected is a queue as it should be.
type expected struct {
	next    int64          // the first that is not acknowledged
	kept    int64          // and as it is on flash at least
	guess   bool           // the power went: next is anywhere from kept on
	acked   map[int64]bool // whatever round it was in then
	to      int64          // behind the round
	attempt string
	handle  Handle
	round   []expectedMessage // nil for none
}

type expectedMessage struct {
	offset int64
	count  int32
	acked  bool
	due    time.Time
}

const about = 20 * time.Millisecond // as exact as times are

func (m *roundModel) run() {
	m.mustStart()
	for range 250 {
		m.step()
		m.compare()
	}
	for deadline := time.Now().Add(10 * time.Minute); !m.done() && time.Now().Before(deadline); {
		m.pop(32)
		for id := range m.queues {
			for i := 0; i < len(m.queues[id].round); i++ {
				m.ack(id, i)
			}
		}
		time.Sleep(3 * time.Second)
	}
	m.compare()
	if !m.done() || m.pops < 20 {
		m.t.Errorf("after %d pops the queues are at %d and %d of %d and %d", m.pops, m.queues[0].next, m.queues[1].next, m.st.MaxOffset("T", 0), m.st.MaxOffset("T", 1))
	}
	m.mustStop()
}

func (m *roundModel) done() bool {
	for id := range m.queues {
		if q := &m.queues[id]; q.guess || q.next < m.st.MaxOffset("T", int32(id)) {
			return false
		}
	}
	return true
}

func (m *roundModel) step() {
	id := m.rng.IntN(2)
	q := &m.queues[id]
	switch n := m.rng.IntN(100); {
	case n < 30:
		if err := m.put(m.sent); err != nil {
			m.t.Fatal(err)
		}
		m.sent++
	case n < 55:
		m.pop(1 + m.rng.IntN(8))
	case n < 75:
		if len(q.round) > 0 {
			m.ack(id, m.rng.IntN(len(q.round)))
		}
	case n < 80:
		if len(q.round) > 0 {
			m.change(id, m.rng.IntN(len(q.round)), time.Duration(m.rng.IntN(8))*time.Second)
		}
	case n < 90:
		time.Sleep(time.Duration(m.rng.IntN(8000)) * time.Millisecond)
	case n < 94: // everything is kept
		time.Sleep(65 * time.Second)
		synctest.Wait()
		m.allKept()
	case n < 97:
		m.mustStop()
		m.allKept()
		m.mustStart()
	default: // the power goes
		m.fs.Arm(diskfault.Plan{CutAt: 1, Seed: m.rng.Uint64(), Real: m.real})
		_ = m.put(m.sent) // takes it
		m.sent++
		_ = m.stop()
		m.fs = m.fs.Restart()
		m.rig.fs = m.fs
		m.mustStart()
		for id := range m.queues {
			q := &m.queues[id]
			end := m.st.MaxOffset("T", int32(id))
			maps.DeleteFunc(q.acked, func(offset int64, _ bool) bool { return offset >= end })
			*q = expected{next: min(q.next, end), kept: min(q.kept, end), guess: true, acked: q.acked}
		}
	}
}

func (m *roundModel) allKept() {
	for id := range m.queues {
		if q := &m.queues[id]; !q.guess {
			q.kept = q.next
		}
	}
}

// pop pops and compares what comes.
func (m *roundModel) pop(most int) {
	m.t.Helper()
	const invisible = 10 * time.Second
	attempt := [...]string{"", "a", "b"}[m.rng.IntN(3)]
	p, err := m.s.Pop(&Request{Group: "G", Topic: "T", Queues: 2, QueueID: AnyQueue, Max: most, Invisible: invisible.Milliseconds(), Ordered: true, Attempt: attempt})
	if err != nil {
		m.t.Fatal(err)
	}
	if p.Topic == "" {
		for id := range m.queues {
			q := &m.queues[id]
			if free, _ := q.free(attempt); !q.guess && free && q.next < m.st.MaxOffset("T", int32(id)) {
				m.t.Errorf("queue %d is free at %d, and nothing is popped", id, q.next)
			}
		}
		return
	}
	p.Result.Release()
	m.pops++
	q := &m.queues[p.QueueID]
	first := p.Offsets[0]
	if q.guess {
		most := q.next
		for q.acked[most] { // in a round that was kept, and is popped again in parts since
			most++
		}
		if first < q.kept || first > most {
			m.t.Errorf("after a power cut queue %d goes on at %d, want %d to %d", p.QueueID, first, q.kept, most)
		}
	} else {
		if _, maybe := q.free(attempt); !maybe {
			m.t.Errorf("queue %d is popped by %q while its round is in flight", p.QueueID, attempt)
		}
		if first != q.next {
			m.t.Errorf("a round of queue %d begins at %d, want %d", p.QueueID, first, q.next)
		}
	}
	if want := min(int64(most), m.st.MaxOffset("T", p.QueueID)-first); int64(len(p.Offsets)) != want {
		m.t.Errorf("a round of queue %d at %d has %d messages, want %d", p.QueueID, first, len(p.Offsets), want)
	}
	n := expected{next: first, kept: q.kept, acked: q.acked, to: p.Offsets[len(p.Offsets)-1] + 1, attempt: attempt, handle: Handle{PopTime: p.PopTime, Invisible: p.Invisible, Revive: OrderedRevive}}
	for i, offset := range p.Offsets {
		if offset != first+int64(i) {
			m.t.Errorf("a round of queue %d has %d", p.QueueID, p.Offsets)
		}
		e := expectedMessage{offset: offset, count: p.Counts[i], due: time.Now().Add(invisible)}
		if !q.guess {
			if want := q.count(offset, attempt); e.count != want {
				m.t.Errorf("the message at %d of queue %d comes with the count %d, want %d", offset, p.QueueID, e.count, want)
			}
		}
		n.round = append(n.round, e)
	}
	if old := q.handle; q.round != nil && m.s.Ack("G", "T", p.QueueID, first, old) != Void {
		m.t.Errorf("queue %d takes a handle of the round before", p.QueueID)
	}
	*q = n
}

// free says whether an attempt gets messages, and whether it may.
func (q *expected) free(attempt string) (free, maybe bool) {
	if attempt != "" && attempt == q.attempt {
		return true, true
	}
	free, maybe = true, true
	for _, e := range q.round {
		if !e.acked {
			free = free && time.Until(e.due) <= -about
			maybe = maybe && time.Until(e.due) < about
		}
	}
	return free, maybe
}

// count is how often a message came before, when an attempt pops it.
func (q *expected) count(offset int64, attempt string) int32 {
	i := slices.IndexFunc(q.round, func(e expectedMessage) bool { return e.offset == offset })
	switch {
	case i < 0:
		return 0
	case attempt != "" && attempt == q.attempt:
		return q.round[i].count
	}
	return q.round[i].count + 1
}

func (m *roundModel) ack(id, i int) {
	q := &m.queues[id]
	e := &q.round[i]
	want := Done
	if e.acked {
		want = Unknown
	}
	if got := m.s.Ack("G", "T", int32(id), e.offset, q.handle); got != want {
		m.t.Errorf("an acknowledgement of %d in queue %d is %d, want %d", e.offset, id, got, want)
	}
	e.acked = true
	if q.acked == nil {
		q.acked = map[int64]bool{}
	}
	q.acked[e.offset] = true
	q.next = q.to
	if i := slices.IndexFunc(q.round, func(e expectedMessage) bool { return !e.acked }); i >= 0 {
		q.next = q.round[i].offset
		return
	}
	q.round, q.attempt = nil, ""
}

func (m *roundModel) change(id, i int, invisible time.Duration) {
	q := &m.queues[id]
	e := &q.round[i]
	h, got := m.s.Change("G", "T", int32(id), e.offset, q.handle, invisible.Milliseconds())
	want := Done
	if e.acked {
		want = Unknown
	} else {
		e.due = time.Now().Add(invisible)
	}
	if got != want || h.PopTime != q.handle.PopTime {
		m.t.Errorf("a change of %d in queue %d is %d, %+v, want %d, and the pop time as it was", e.offset, id, got, h, want)
	}
}

// compare compares the group's offsets, and counts what there is.
func (m *roundModel) compare() {
	m.t.Helper()
	m.s.mu.Lock()
	count, idle := 0, 0
	for _, q := range m.s.queues {
		if q.round != nil {
			count += len(q.round.took)
			if q.round.idle {
				idle += len(q.round.took)
			}
		}
	}
	if count != m.s.count || idle != m.s.idle {
		m.t.Errorf("%d messages are in rounds, %d of them idle, and %d and %d are counted", count, idle, m.s.count, m.s.idle)
	}
	m.s.mu.Unlock()
	for id := range m.queues {
		q := &m.queues[id]
		if got, ok := m.st.Offset("G", "T", int32(id)); ok && !q.guess && got != q.next {
			m.t.Errorf("the group is at %d of queue %d, want %d", got, id, q.next)
		}
	}
}
