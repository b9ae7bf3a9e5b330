package broker

import (
	"time"

	"pairmq/internal/remoting"
)

// A queueTimeSpan is from when the messages of a queue are, in ms; -1 where there is none.
type queueTimeSpan struct {
	ConsumeTimestamp int64        `json:"consumeTimeStamp"` // of the last one that was consumed, else of the first
	DelayTime        int64        `json:"delayTime"`        // for which the next one has waited, ms
	MaxTimestamp     int64        `json:"maxTimeStamp"`
	MessageQueue     messageQueue `json:"messageQueue"`
	MinTimestamp     int64        `json:"minTimeStamp"`
}

// consumeTimeSpan serves QUERY_CONSUME_TIME_SPAN, 303. A group without an offset counts
// as one that has consumed nothing.
func (b *Broker) consumeTimeSpan(req *remoting.Request) error {
	t, err := b.topic(req.Fields.Get("topic"))
	if err != nil {
		return err
	}
	group := req.Fields.Get("group")
	spans := make([]queueTimeSpan, 0, max(t.WriteQueueNums, 0))
	for q := range t.WriteQueueNums {
		s := queueTimeSpan{MessageQueue: messageQueue{b.opts.Name, q, t.Name}}
		low, high := b.store.MinOffset(t.Name, q), b.store.MaxOffset(t.Name, q)
		at, _ := b.store.Offset(group, t.Name, q)
		at = max(at, low)
		next := int64(-1)
		for _, look := range []struct {
			offset int64
			stamp  *int64
		}{{low, &s.MinTimestamp}, {high - 1, &s.MaxTimestamp}, {max(at-1, low), &s.ConsumeTimestamp}, {at, &next}} {
			if *look.stamp, err = b.store.StoreTimestamp(t.Name, q, look.offset); err != nil {
				return err
			}
		}
		if next >= 0 {
			s.DelayTime = time.Now().UnixMilli() - next
		}
		spans = append(spans, s)
	}
	return replyJSON(req, map[string][]queueTimeSpan{"consumeTimeSpanSet": spans})
}

// topicsOfConsumer serves QUERY_TOPICS_BY_CONSUMER, 343: those that a group has offsets in.
func (b *Broker) topicsOfConsumer(req *remoting.Request) error {
	return replyJSON(req, map[string]any{"brokerAddr": b.opts.Addr.String(), "topicList": topicsOf(b.store.Offsets(req.Fields.Get("group")))})
}

// subscriptionOfConsumer serves QUERY_SUBSCRIPTION_BY_CONSUMER, 345; null for none.
func (b *Broker) subscriptionOfConsumer(req *remoting.Request) error {
	group, topic := req.Fields.Get("group"), req.Fields.Get("topic")
	return replyJSON(req, map[string]any{"group": group, "topic": topic, "subscriptionData": b.subscriptionOf(group, topic)})
}

// subscriptionOf is what the consumers of a group that are online subscribe to of a
// topic, nil if there is none.
func (b *Broker) subscriptionOf(group, topic string) *subscriptionData {
	online, _ := b.clients.group(group)
	if d, ok := online.Subscriptions[topic]; ok {
		return &d
	}
	return nil
}
