package schedule

import (
	"net/netip"
	"testing"

	"pairmq/store/record"
	"pairmq/store/table"
)

// FuzzDelivered: whatever waits is refused or goes to a topic that can be, and what was
// deferred goes where it was meant for, with what it had.
func FuzzDelivered(f *testing.F) {
	f.Add("A\x01b\x02REAL_TOPIC\x01T\x02REAL_QID\x010", "T", int32(3), int32(5))
	f.Add("REAL_TOPIC\x01\x02REAL_QID\x01-1", Topic, int32(99), int32(0))
	host := netip.MustParseAddrPort("10.0.0.1:4711")
	f.Fuzz(func(t *testing.T, props, topic string, level, queueID int32) {
		view := func(m *record.Message) (v record.View, ok bool) {
			if _, err := record.Size(m); err != nil || len(m.Topic) == 0 {
				return v, false
			}
			v, err := record.Parse(record.Append(nil, m), record.Limits{})
			return v, err == nil
		}
		m := record.Message{Topic: Topic, Properties: props, BornHost: host, StoreHost: host}
		if v, ok := view(&m); ok {
			if got, err := delivered(&v); err == nil && (table.CheckTopicName(got.Topic) != nil || got.Topic == Topic || got.QueueID < 0 || got.Properties != props) {
				t.Errorf("%q is delivered to %q, queue %d, with %q", props, got.Topic, got.QueueID, got.Properties)
			}
		}
		if table.CheckTopicName(topic) != nil || topic == Topic || topic == halfTopic || queueID < 0 || level < 1 || record.CheckProperties(props) != nil {
			return
		}
		m.Topic, m.QueueID = topic, queueID
		Defer(&m, level, 18)
		if m.Topic != Topic || m.QueueID < 0 || m.QueueID > 17 {
			t.Fatalf("level %d waits in %s, queue %d", level, m.Topic, m.QueueID)
		}
		if v, ok := view(&m); ok {
			if got, err := delivered(&v); err != nil || got.Topic != topic || got.QueueID != queueID || got.Properties != m.Properties {
				t.Errorf("deferred for %s, queue %d: goes to %s, queue %d, %v", topic, queueID, got.Topic, got.QueueID, err)
			}
		}
	})
}
