package pop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"pairmq/store"
	"pairmq/store/record"
	"pairmq/store/table"
)

// A master of Apache's moves a group's offset as soon as it has given messages out, and
// notes in its log what it gave out and what was acknowledged, in a topic of its own:
// both are timed messages that arrive there when the messages are no longer invisible,
// an acknowledgement a second after what it is for. Who takes that master's place finds
// there what was in flight.
//
// Format: RocketMQ 5.4.0, PopCheckPoint, AckMsg, BatchAckMsg and PopReviveService.
const (
	ReviveTopicPrefix = "rmq_sys_REVIVE_LOG_" // the name of the cluster follows
	reviveGroup       = "CID_RMQ_SYS_REVIVE_GROUP"
	tagGiven          = "ck"
	tagAck            = "ack"
	tagBatchAck       = "bAck"
)

// Bounds of reading the revive topic.
const (
	reviveBatch  = 32
	reviveLook   = 64        // batches of a queue at one look
	maxGiven     = 10_000    // of a queue, for which acknowledgements may come
	maxGivenBody = 256 << 10 // bytes of one record
	maxGivenNum  = 127       // messages given out together
	maxLate      = 4096      // acknowledgements for which no record has arrived
)

// ackWait is how long acknowledgements are waited for behind what they are for, ms.
const ackWait = 3000

// maxEarly is how much earlier than its time a record may have arrived, ms: it does so by
// a second. More is of a clock that was wrong, and nobody waits for that.
const maxEarly = 60_000

// reviveTime is the time from one look at the revive topic to the next, while something
// of it waits.
const reviveTime = time.Second

// A revival has messages come again that an Apache master has given out. It is Run's own
// but for began.
type revival struct {
	topic  string
	queues []*reviveQueue     // none, unless the store was a slave's of such a master
	began  map[queueKey]int64 // where groups went on at the start; 0 since a reset or a deletion; guarded by Service.mu
}

type reviveQueue struct {
	id      int32
	next    int64 // queue offset
	now     int64 // by the clock of the log, ms since 1970, which goes on by itself at the end
	nowAt   int64 // when it was that, by the clock of how long the service is up
	waiting []*given
	byKey   map[givenKey]*given
	landing []landed
	failing bool // it was said that nothing can be stored or read
}

// landed is that all until a queue offset is done with, once the log is durable until end.
type landed struct{ offset, end int64 }

type givenKey struct {
	group, topic   string
	queueID        int32
	start, popTime int64
}

// A lateAck is an acknowledgement of what the master before gave out.
type lateAck struct {
	queueKey
	offset, popTime int64
}

// A given is messages of one queue that were given out together.
type given struct {
	givenKey
	offsets []int64
	acked   []bool
	at      int64 // queue offset of its record
	due     int64 // by the queue's clock
}

// reviveRecord is the body of each kind of record.
type reviveRecord struct {
	Group     string  `json:"c"`
	Topic     string  `json:"t"`
	QueueID   int32   `json:"q"`
	Start     int64   `json:"so"`
	PopTime   int64   `json:"pt"`
	Invisible int64   `json:"it"`
	Num       int     `json:"n"`
	Acked     uint32  `json:"bm"` // a bit for each message
	Diffs     []int64 `json:"d"`  // offsets less Start; none of old versions, which gave out neighbours
	Ack       int64   `json:"ao"`
	Acks      []int64 `json:"aol"`
}

func (r *reviveRecord) key() givenKey {
	return givenKey{r.Group, r.Topic, r.QueueID, r.Start, r.PopTime}
}

// newRevival begins where the master was, as far as is known: its offset is that of the
// last record that is done with, and may be ahead of a slave's log. Only who was an Apache
// master's slave has the topic.
func newRevival(st Store, topic string) revival {
	r := revival{topic: topic}
	t, ok := st.Topic(topic)
	if topic == "" || !ok {
		return r
	}
	for id := range t.ReadQueueNums {
		first, end := st.MinOffset(topic, id), st.MaxOffset(topic, id)
		q := &reviveQueue{id: id, next: first, byKey: map[givenKey]*given{}}
		if at, ok := st.Offset(reviveGroup, topic, id); ok && (at > first || first == 0) { // else it was brought there at the start
			q.next = min(max(first, at+1), end)
		}
		r.queues = append(r.queues, q)
	}
	r.began = map[queueKey]int64{}
	for group, offsets := range st.AllOffsets() {
		for _, o := range offsets {
			r.began[queueKey{group, o.Topic, o.QueueID}] = o.Offset
		}
	}
	return r
}

// isAhead says whether a message lies where its group goes on from the start on: it is popped
// there. A slave's offsets are some seconds older than what its master gave out. s.mu is held.
func (r *revival) isAhead(k queueKey, offset int64) bool {
	at, ok := r.began[k]
	return ok && offset >= at
}

// forget has nothing of a queue come again. Service.mu is held.
func (r *revival) forget(k queueKey) {
	if _, ok := r.began[k]; ok || len(r.queues) > 0 && len(r.began) < maxQueues {
		r.began[k] = 0
	}
}

// Arrived has Run look at the revive topic, if there is something new in it.
func (s *Service) Arrived(arrivals []store.Arrival) {
	if len(s.revival.queues) == 0 {
		return
	}
	for _, a := range arrivals {
		if a.Topic == s.o.Revive {
			s.mu.Lock()
			s.reviveAt = min(s.reviveAt, s.up())
			s.sooner(s.reviveAt)
			s.mu.Unlock()
			return
		}
	}
}

// revive has messages come again of which no acknowledgement came, some at a time, and
// none once ctx has ended: what is popped here is waited for by others. A failure is tried
// again at the next look.
func (s *Service) revive(ctx context.Context) {
	s.mu.Lock()
	look := s.reviveAt <= s.up()
	if look {
		s.reviveAt = never
	}
	s.mu.Unlock()
	if !look {
		return
	}
	next := never
	for _, q := range s.revival.queues {
		if ctx.Err() != nil {
			return
		}
		more, err := s.reviveQueue(q)
		if err != nil && !q.failing { // once, and not each time that a full disk is asked
			s.log.Warn("messages that the last master gave out come again later", "queueId", q.id, "queueOffset", q.next, "err", err)
		}
		q.failing = err != nil
		switch {
		case err != nil:
			next = min(next, s.up()+maxBackoff.Milliseconds())
		case more:
			next = s.up()
		case len(q.waiting)+len(q.landing) > 0:
			next = min(next, s.up()+reviveTime.Milliseconds())
		}
	}
	s.mu.Lock()
	s.reviveAt = min(s.reviveAt, next)
	s.mu.Unlock()
}

// reviveQueue reads until something is due, and stores some of that once more. It says
// whether there is more to do.
func (s *Service) reviveQueue(q *reviveQueue) (more bool, err error) {
	for n := 0; n < reviveLook && !q.isDue(); n++ {
		if more, err = s.readRevive(q); err != nil {
			return false, err
		}
		if !more {
			break
		}
	}
	if q.isDue() {
		more, err = true, s.comeAgain(q)
	}
	s.landRevived(q)
	return more, err
}

// isDue says whether messages are to come again now.
func (q *reviveQueue) isDue() bool {
	return len(q.waiting) > 0 && (q.waiting[0].due <= q.now || len(q.waiting) > maxGiven)
}

// landRevived commits what is done with.
func (s *Service) landRevived(q *reviveQueue) {
	durable := s.st.Durable()
	for len(q.landing) > 0 && q.landing[0].end <= durable {
		s.st.CommitOffset(reviveGroup, s.revival.topic, q.id, q.landing[0].offset)
		q.landing = q.landing[1:]
	}
}

// readRevive reads some records; false at the end.
func (s *Service) readRevive(q *reviveQueue) (more bool, err error) {
	topic := s.revival.topic
	up := s.up() // before it is read: what comes meanwhile is not earlier
	res, err := s.st.Get(topic, q.id, q.next, reviveBatch, maxBytes, nil)
	if err != nil {
		return false, fmt.Errorf("pop: read %s queue %d at %d: %w", topic, q.id, q.next, err)
	}
	defer res.Release()
	if res.Status != store.Found {
		if res.NextBeginOffset > q.next && res.NextBeginOffset <= res.MaxOffset {
			q.next = res.NextBeginOffset
			return true, nil
		}
		q.now, q.nowAt = q.now+up-q.nowAt, up
		return false, nil
	}
	for body := res.Body; len(body) > 0; {
		v, err := record.Parse(body, record.Limits{Record: len(body)})
		if err != nil {
			return false, fmt.Errorf("pop: %s queue %d from %d on: %w", topic, q.id, q.next, err)
		}
		q.now, q.nowAt = max(q.now, v.StoreTimestamp()), up
		q.take(&v)
		body = body[v.Size():]
	}
	q.next = res.NextBeginOffset
	return true, nil
}

// take notes what a record says; one that says nothing is passed over.
func (q *reviveQueue) take(v *record.View) {
	tag, _ := v.Property(record.PropertyTags)
	var r reviveRecord
	if body := v.Body(); len(body) > maxGivenBody || json.Unmarshal(body, &r) != nil {
		return
	}
	switch string(tag) {
	case tagGiven:
		g := r.given()
		if g == nil {
			return
		}
		if had := q.byKey[g.givenKey]; had == nil || !slices.Equal(had.offsets, g.offsets) { // else its timer has rung twice
			g.at, g.due = v.QueueOffset(), q.now+min(max(r.PopTime+r.Invisible-q.now, 0), maxEarly)+ackWait
			q.waiting = append(q.waiting, g)
			q.byKey[g.givenKey] = g
		}
	case tagAck:
		q.byKey[r.key()].ack(r.Ack)
	case tagBatchAck:
		q.byKey[r.key()].ack(r.Acks...)
	}
}

// given is what a record says that was given out; nil if it cannot be that.
func (r *reviveRecord) given() *given {
	n := len(r.Diffs)
	if n == 0 {
		n = r.Num
	}
	if n < 1 || n > maxGivenNum || r.Group == "" || len(r.Group) > table.MaxGroupName || r.Topic == "" || len(r.Topic) > table.MaxTopicName || r.Start < 0 || r.Invisible < 0 || r.Invisible >= never || r.PopTime < 0 || r.PopTime > never {
		return nil
	}
	g := &given{givenKey: r.key(), offsets: make([]int64, n), acked: make([]bool, n)}
	for i := range n {
		g.offsets[i] = r.Start + int64(i)
		if len(r.Diffs) > 0 {
			g.offsets[i] = r.Start + r.Diffs[i]
		}
		g.acked[i] = i < 32 && r.Acked>>i&1 != 0
	}
	return g
}

func (g *given) ack(offsets ...int64) {
	if g == nil {
		return // it has come again
	}
	for _, o := range offsets {
		for i := range g.offsets {
			if g.offsets[i] == o {
				g.acked[i] = true
			}
		}
	}
}

// noteLate notes an acknowledgement of what was popped before this service was there. When
// there are too many all are forgotten: their messages come again. s.mu is held.
func (s *Service) noteLate(group, topic string, queueID int32, offset, popTime int64) {
	if len(s.revival.queues) == 0 || s.revival.isAhead(queueKey{group, topic, queueID}, offset) {
		return
	}
	g, known := s.st.Group(group)
	if !known || len(topic) > table.MaxTopicName { // nothing of it comes again
		return
	}
	if len(s.late) >= maxLate {
		clear(s.late)
	}
	s.late[lateAck{queueKey{g.Name, strings.Clone(topic), queueID}, offset, popTime}] = struct{}{}
}

// needless says whether a message that is due need not come again: its group is behind it,
// or it was acknowledged to this service, which forgets that.
func (s *Service) needless(g *given, offset int64) bool {
	k := lateAck{queueKey{g.group, g.topic, g.queueID}, offset, g.popTime}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.late[k]
	delete(s.late, k)
	return ok || s.revival.isAhead(k.queueKey, offset)
}

// comeAgain stores messages once more that are due and were not acknowledged, some of them
// together, so that one sync is for all.
func (s *Service) comeAgain(q *reviveQueue) error {
	results := make(chan revived, batch+maxGivenNum)
	sent, begun := 0, 0
	var failed error
	for failed == nil && sent < batch && begun < len(q.waiting) && (q.waiting[begun].due <= q.now || len(q.waiting)-begun > maxGiven) {
		var n int
		n, failed = s.storeAgain(q.waiting[begun], results)
		sent, begun = sent+n, begun+1
	}
	for range sent {
		if r := <-results; stored(r.err) {
			r.of.acked[r.at] = true
		} else {
			failed = fmt.Errorf("pop: %s queue %d at %d once more: %w", r.of.topic, r.of.queueID, r.of.offsets[r.at], r.err)
		}
	}
	end := s.st.End()
	for ; begun > 0 && !slices.Contains(q.waiting[0].acked, false); begun-- {
		g := q.waiting[0]
		q.waiting[0] = nil
		q.waiting = q.waiting[1:]
		if q.byKey[g.givenKey] == g {
			delete(q.byKey, g.givenKey)
		}
		q.landing = append(q.landing, landed{g.at, end})
	}
	return failed
}

// A revived is what became of a message that was stored once more.
type revived struct {
	of  *given
	at  int // in of.offsets
	err error
}

// errLost: a message never comes again.
var errLost = errors.New("pop: it cannot come again")

// storeAgain stores those messages of g once more that were not acknowledged, and has an
// answer come in results for each of n.
func (s *Service) storeAgain(g *given, results chan<- revived) (n int, err error) {
	_, known := s.st.Group(g.group)
	var why error
	lost := 0
	for i, offset := range g.offsets {
		if g.acked[i] {
			continue
		}
		if known && !s.needless(g, offset) {
			if err = s.storeAgainAt(g, i, results); err == nil {
				n++
				continue
			}
			if !errors.Is(err, errLost) {
				break
			}
			lost, why, err = lost+1, err, nil
		}
		g.acked[i] = true
	}
	if lost > 0 {
		s.log.Warn("messages that the last master gave out do not come again", "topic", g.topic, "queueId", g.queueID,
			"queueOffset", g.start, "group", g.group, "messages", lost, "err", why)
	}
	return n, err
}

// storeAgainAt does that with one message.
func (s *Service) storeAgainAt(g *given, i int, results chan<- revived) error {
	offset := g.offsets[i]
	res, v, err := s.message(g.topic, g.queueID, offset)
	if err != nil {
		return err
	}
	defer res.Release()
	if v == nil {
		return fmt.Errorf("%w: there is none at %d: %s", errLost, offset, res.Status)
	}
	m := s.retried(g.group, g.topic, g.popTime, v)
	if _, err := record.Size(&m); err != nil { // the topic's name is too long, and others wait behind it
		return fmt.Errorf("%w: it has no place: %w", errLost, err)
	}
	if err := s.o.Make(m.Topic); err != nil {
		return err
	}
	s.steady.RLock()
	defer s.steady.RUnlock()
	if err := s.st.Put([]record.Message{m}, func(err error) { results <- revived{g, i, err} }); err != nil {
		return fmt.Errorf("pop: %s queue %d at %d once more: %w", g.topic, g.queueID, offset, err)
	}
	return nil
}
