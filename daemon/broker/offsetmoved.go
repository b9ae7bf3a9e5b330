package broker

import (
	"encoding/json"
	"sync"
	"time"

	"pairmq/store/record"
)

// movedTopic has an event for each pull of an offset that its queue does not have, as
// RocketMQ's: "mqadmin startMonitoring" listens there for consumers that have missed
// messages.
const movedTopic = "OFFSET_MOVED_EVENT"

// Bounds of what clients that ask for made-up offsets have written to flash.
const (
	movedBurst  = 64 // events at once: the queues of some consumers
	movedPeriod = time.Second
)

// An offsetMovedEvent is the body of an event, in RocketMQ's JSON.
type offsetMovedEvent struct {
	Group string     `json:"consumerGroup"`
	Queue movedQueue `json:"messageQueue"`
	To    int64      `json:"offsetNew"`
	From  int64      `json:"offsetRequest"`
}

type movedQueue struct {
	Broker  string `json:"brokerName"`
	QueueID int32  `json:"queueId"`
	Topic   string `json:"topic"`
}

// moves bounds how many events there are: movedBurst, and one each movedPeriod.
type moves struct {
	mu    sync.Mutex
	left  int
	since time.Time
}

func newMoves(now time.Time) *moves { return &moves{left: movedBurst, since: now} }

// take says whether there may be one more event.
func (m *moves) take(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := now.Sub(m.since) / movedPeriod; n > 0 {
		m.left, m.since = int(min(time.Duration(m.left)+n, movedBurst)), now
	}
	if m.left == 0 {
		return false
	}
	m.left--
	return true
}

// offsetMoved stores an event of a pull that is told to go on elsewhere, if this broker
// stores by itself. Nobody waits for it: where it cannot be stored it is missing.
func (b *Broker) offsetMoved(r *reading, to int64) {
	if !b.makesTopics || !b.moves.take(time.Now()) {
		return
	}
	body, err := json.Marshal(offsetMovedEvent{r.group, movedQueue{b.opts.Name, r.queueID, r.topic}, to, r.offset})
	if err != nil {
		return // texts and numbers always are JSON
	}
	props := record.AppendProperty("", record.PropertyKeys, r.group)
	props = record.AppendProperty(props, record.PropertyTags, r.group)
	m := record.Message{Topic: movedTopic, Body: body, Properties: props, BornTimestamp: time.Now().UnixMilli(), BornHost: b.opts.Addr}
	group, topic := r.group, r.topic // not r, which would have to be on the heap for each pull
	failed := func(err error) {
		if err != nil {
			b.log.Debug("an event of a moved offset is not stored", "group", group, "topic", topic, "err", err)
		}
	}
	if err := b.flows.counted(b.store.Put, []record.Message{m}, failed); err != nil {
		failed(err)
	}
}
