package timer

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"pairmq/daemon/broker/schedule"
	"pairmq/store/record"
	"pairmq/store/table"
)

// Topic is where messages wait, all in queue 0.
const Topic = "rmq_sys_wheel_timer"

// Names of properties; see record.Property for their form.
const (
	PropertyDelaySec  = "TIMER_DELAY_SEC"   // s after it was sent
	PropertyDelayMs   = "TIMER_DELAY_MS"    // ms after it was sent
	PropertyDeliverMs = "TIMER_DELIVER_MS"  // ms since 1970
	PropertyOutMs     = "TIMER_OUT_MS"      // when RocketMQ delivers it, ms since 1970: the time before, by its precision
	PropertyDelete    = "TIMER_DEL_UNIQKEY" // UNIQ_KEY of the message that this one takes back
	propertyEnqueueMs = "TIMER_ENQUEUE_MS"
	propertyDequeueMs = "TIMER_DEQUEUE_MS"
	propertyRollTimes = "TIMER_ROLL_TIMES" // how often it was stored once more to wait on
	propertyRealTopic = "REAL_TOPIC"
	propertyRealQueue = "REAL_QID"
)

// growth is by how many bytes the properties of a waiting message grow at most until it is
// delivered: by TIMER_ENQUEUE_MS, TIMER_DEQUEUE_MS and TIMER_ROLL_TIMES, and by a longer
// TIMER_OUT_MS and the checksum.
const growth = 128

// MaxDelay bounds what a delay may be.
const MaxDelay = 3650 * 24 * time.Hour

var (
	// ErrTime: the time is no number, or further away than allowed.
	ErrTime = errors.New("timer: not a time at which it can be delivered")
	// errAddress: a waiting record does not say where it goes.
	errAddress = errors.New("timer: a waiting message has no place to go to")
)

// when returns when a message is due by its properties, in ms since 1970, of which the
// first counts as with RocketMQ; now is the wall clock. As a span it is given in ms too,
// else span is -1.
func when(props string, now int64) (due, span int64, err error) {
	unit, name := int64(1000), PropertyDelaySec
	text, ok := record.Property(props, name)
	if !ok {
		unit, name = 1, PropertyDelayMs
		text, ok = record.Property(props, name)
	}
	relative := ok
	if !ok {
		name = PropertyDeliverMs
		text, _ = record.Property(props, name)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, -1, fmt.Errorf("%w: %s is %.40q", ErrTime, name, text)
	}
	if !relative {
		return n, -1, nil
	}
	if n > MaxDelay.Milliseconds()/unit {
		return 0, -1, fmt.Errorf("%w: %s is %d, further away than any may be", ErrTime, name, n)
	}
	n = max(n, math.MinInt32) * unit
	return now + n, max(n, 0), nil
}

// Defer has m wait until the time that its properties name, if that is still to come: it
// goes to the topic and queue that it has then. now is the wall clock in ms, limit the
// furthest that is allowed, and precision that of TIMER_OUT_MS, both in ms. It fails with
// ErrTime, and with record.ErrTooLong if m would not fit into a record when it is
// delivered, and then has changed nothing.
func Defer(m *record.Message, now, limit, precision int64) (waits bool, err error) {
	due, _, err := when(m.Properties, now)
	if err != nil {
		return false, err
	}
	if due <= now {
		return false, nil
	}
	if due-limit > now {
		return false, fmt.Errorf("%w: it is due in %d ms, at most %d are allowed", ErrTime, due-now, limit)
	}
	parked := *m
	park(&parked, (due-1)/precision*precision) // as RocketMQ has it: a multiple is moved one unit earlier
	if n := len(parked.Properties) + growth; n > record.MaxProperties {
		return false, fmt.Errorf("%w: properties would have %d bytes when it is delivered, at most %d fit", record.ErrTooLong, n, record.MaxProperties)
	}
	*m = parked
	return true, nil
}

// park has m wait until out, ms since 1970.
func park(m *record.Message, out int64) {
	props := m.Properties
	for _, p := range [...][2]string{
		{PropertyOutMs, strconv.FormatInt(out, 10)}, {propertyRealTopic, m.Topic}, {propertyRealQueue, strconv.Itoa(int(m.QueueID))},
	} {
		props = record.AppendProperty(record.RemoveProperty(props, p[0]), p[0], p[1])
	}
	m.Topic, m.QueueID, m.Properties = Topic, 0, props
}

// again is what the message of a waiting record becomes that waits once more until due,
// ms since 1970: since its topic takes none for now, or the record will be given back.
func again(m record.Message, due int64) record.Message {
	times, _ := record.Property(m.Properties, propertyRollTimes)
	n, _ := strconv.Atoi(times)
	props := m.Properties
	for _, p := range [...][2]string{{propertyRollTimes, strconv.Itoa(n + 1)}, {PropertyOutMs, strconv.FormatInt(due, 10)}} {
		props = record.AppendProperty(record.RemoveProperty(props, p[0]), p[0], p[1])
	}
	m.Properties = props
	return m
}

// outOf returns TIMER_OUT_MS.
func outOf(props string) (int64, error) {
	text, _ := record.Property(props, PropertyOutMs)
	out, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %s is %.40q", ErrTime, PropertyOutMs, text)
	}
	return out, nil
}

// dueOf returns when a waiting record is due, and by which clock: its own span or its
// time of delivery, exactly; or by TIMER_OUT_MS, if that is all there is. Where it was
// stored anew its span is what is left until then, from the time that it was stored at.
func dueOf(v *record.View) (lane int, due int64, err error) {
	props := v.Message().Properties
	out, err := outOf(props)
	if err != nil {
		return 0, 0, err
	}
	due, span, err := when(props, 0)
	_, rolled := record.Property(props, propertyRollTimes)
	switch {
	case err != nil:
		return times, max(out, 0), nil
	case span < 0 && rolled:
		return times, max(out, due, 0), nil
	case span < 0:
		return times, max(due, 0), nil
	case rolled:
		return spans, min(max(out-v.StoreTimestamp(), 0), MaxDelay.Milliseconds()), nil
	}
	return spans, span, nil
}

// delivered returns the message that a waiting record becomes at now, in ms. It fails if
// the record does not say where it goes.
func delivered(v *record.View, now int64) (record.Message, error) {
	m := v.Message()
	topic, _ := record.Property(m.Properties, propertyRealTopic)
	queue, _ := record.Property(m.Properties, propertyRealQueue)
	id, err := strconv.ParseInt(queue, 10, 32)
	switch {
	case err != nil || id < 0:
		return m, fmt.Errorf("%w: queue %.20q", errAddress, queue)
	case topic == Topic || topic == schedule.Topic || topic == "RMQ_SYS_TRANS_HALF_TOPIC":
		return m, fmt.Errorf("%w: topic %s", errAddress, topic)
	}
	if err := table.CheckTopicName(topic); err != nil {
		return m, fmt.Errorf("%w: %w", errAddress, err)
	}
	props := m.Properties
	for _, name := range [...]string{propertyRealTopic, propertyRealQueue, propertyEnqueueMs, propertyDequeueMs} {
		props = record.RemoveProperty(props, name)
	}
	props = record.AppendProperty(props, propertyEnqueueMs, strconv.FormatInt(v.StoreTimestamp(), 10))
	props = record.AppendProperty(props, propertyDequeueMs, strconv.FormatInt(now, 10))
	m.Topic, m.QueueID, m.Properties = topic, int32(id), props
	return m, nil
}
