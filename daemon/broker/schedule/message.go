package schedule

import (
	"errors"
	"fmt"
	"strconv"

	"pairmq/store/record"
	"pairmq/store/table"
)

// Topic is where messages wait, those of level n in the queue n-1.
const Topic = "SCHEDULE_TOPIC_XXXX"

// Names of properties; see record.Property for their form.
const (
	propertyDelay     = "DELAY"      // level
	propertyRealTopic = "REAL_TOPIC" // where the message goes
	propertyRealQueue = "REAL_QID"   // and in which queue
)

// halfTopic holds halves of transactions, which nobody delivers from here.
const halfTopic = "RMQ_SYS_TRANS_HALF_TOPIC"

// Defer has m wait at a level, the first of which is 1, until it goes to the topic and
// queue that it has. One beyond the last of levels is the last. As with RocketMQ the
// level is among the properties, also once it is delivered.
func Defer(m *record.Message, level int32, levels int) {
	level = min(level, int32(levels))
	props := m.Properties
	for _, p := range [...][2]string{
		{propertyDelay, strconv.Itoa(int(level))}, {propertyRealTopic, m.Topic}, {propertyRealQueue, strconv.Itoa(int(m.QueueID))},
	} {
		if value, ok := record.Property(props, p[0]); !ok || value != p[1] {
			props = record.AppendProperty(record.RemoveProperty(props, p[0]), p[0], p[1])
		}
	}
	m.Topic, m.QueueID, m.Properties = Topic, level-1, props
}

// errAddress: a waiting record does not say where it goes.
var errAddress = errors.New("schedule: a delayed message has no place to go to")

// delivered returns the message that a waiting record becomes: its properties are
// kept to the byte. It fails if the record does not say where it goes.
func delivered(v *record.View) (record.Message, error) {
	m := v.Message()
	topic, _ := record.Property(m.Properties, propertyRealTopic)
	queue, _ := record.Property(m.Properties, propertyRealQueue)
	id, err := strconv.ParseInt(queue, 10, 32)
	switch {
	case err != nil || id < 0:
		return m, fmt.Errorf("%w: queue %.20q", errAddress, queue)
	case topic == Topic || topic == halfTopic:
		return m, fmt.Errorf("%w: topic %s", errAddress, topic)
	}
	if err := table.CheckTopicName(topic); err != nil {
		return m, fmt.Errorf("%w: %w", errAddress, err)
	}
	m.Topic, m.QueueID = topic, int32(id)
	return m, nil
}
