package broker

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/index"
	"pairmq/store/table"
)

type topicOffsets struct {
	LastUpdate int64 `json:"lastUpdateTimestamp"` // store time of the newest message, ms; 0 for none
	MaxOffset  int64 `json:"maxOffset"`
	MinOffset  int64 `json:"minOffset"`
}

// topicStats serves GET_TOPIC_STATS_INFO, 202.
func (b *Broker) topicStats(req *remoting.Request) error {
	t, err := b.topic(req.Fields.Get("topic"))
	if err != nil {
		return err
	}
	var m queueMap
	for q := range t.WriteQueueNums {
		o := topicOffsets{MinOffset: b.store.MinOffset(t.Name, q), MaxOffset: b.store.MaxOffset(t.Name, q)}
		if o.LastUpdate, err = b.storedAt(t.Name, q, o.MaxOffset-1); err != nil {
			return err
		}
		if err := m.add(messageQueue{b.opts.Name, q, t.Name}, o); err != nil {
			return err
		}
	}
	tps := b.flows.perSecond(flowKey{kind: flowPut, topic: t.Name}, time.Now())
	replyBody(req, m.body(fmt.Sprintf(`{"topicPutTps":%s,"offsetTable":`, decimal(tps)))) // 5.x has it
	return nil
}

// storedAt returns when a message was stored, 0 if there is none.
func (b *Broker) storedAt(topic string, queueID int32, offset int64) (int64, error) {
	if offset < 0 {
		return 0, nil
	}
	stamp, err := b.store.StoreTimestamp(topic, queueID, offset)
	return max(stamp, 0), err
}

type consumeOffsets struct {
	BrokerOffset   int64 `json:"brokerOffset"`
	ConsumerOffset int64 `json:"consumerOffset"`
	LastTimestamp  int64 `json:"lastTimestamp"` // store time of the message consumed last, ms; 0 for none
	PullOffset     int64 `json:"pullOffset"`    // 5.x shows what it is ahead of ConsumerOffset as in flight; not known here
}

// consumeStats serves GET_CONSUME_STATS, 208.
func (b *Broker) consumeStats(req *remoting.Request) error {
	group, only := req.Fields.Get("consumerGroup"), req.Fields.Get("topic")
	offsets := b.store.Offsets(group)
	var m queueMap
	tps := 0.0
	for _, s := range b.statsOf(group, only, offsets, false) {
		if _, err := b.addConsumeStats(&m, &s.topic, offsets); err != nil {
			return err
		}
		tps += s.tps
	}
	replyBody(req, m.body(fmt.Sprintf(`{"consumeTps":%s,"offsetTable":`, decimal(tps))))
	return nil
}

// decimal is a number as JSON that Java takes for a double.
func decimal(f float64) string {
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// addConsumeStats adds each queue of t, whatever offset a group has there, and returns
// how many messages are left to it.
func (b *Broker) addConsumeStats(m *queueMap, t *table.Topic, offsets []index.GroupOffset) (left int64, err error) {
	consumed := make([]int64, t.ReadQueueNums)
	for _, o := range offsets {
		if o.Topic == t.Name && o.QueueID >= 0 && int(o.QueueID) < len(consumed) {
			consumed[o.QueueID] = o.Offset
		}
	}
	for q := range t.ReadQueueNums {
		o := consumeOffsets{BrokerOffset: b.store.MaxOffset(t.Name, q), ConsumerOffset: consumed[q], PullOffset: consumed[q]}
		if o.LastTimestamp, err = b.storedAt(t.Name, q, o.ConsumerOffset-1); err != nil {
			return 0, err
		}
		if err := m.add(messageQueue{b.opts.Name, q, t.Name}, o); err != nil {
			return 0, err
		}
		left += o.BrokerOffset - o.ConsumerOffset
	}
	return left, nil
}

// topicsOf returns the topics that have offsets, each once, sorted.
func topicsOf(offsets []index.GroupOffset) []string {
	names := make([]string, 0, len(offsets))
	for _, o := range offsets {
		names = append(names, o.Topic)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// consumersOfTopic serves QUERY_TOPIC_CONSUME_BY_WHO, 300: the groups online
// that subscribe to a topic, and those that have consumed from it.
func (b *Broker) consumersOfTopic(req *remoting.Request) error {
	topic := req.Fields.Get("topic")
	names := b.clients.subscribers(topic)
	all, _ := b.store.Groups()
	for _, g := range all {
		if slices.ContainsFunc(b.store.Offsets(g.Name), func(o index.GroupOffset) bool { return o.Topic == topic }) {
			names = append(names, g.Name)
		}
	}
	if names == nil {
		names = []string{}
	}
	slices.Sort(names)
	return replyJSON(req, map[string][]string{"groupList": slices.Compact(names)})
}
