package transaction

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"pairmq/store/record"
	"pairmq/store/table"
)

// Topics of the broker's own, of one queue each, and the group in whose name RocketMQ
// keeps how far they are worked off.
const (
	HalfTopic    = "RMQ_SYS_TRANS_HALF_TOPIC"
	OpTopic      = "RMQ_SYS_TRANS_OP_HALF_TOPIC"
	GivenUpTopic = "TRANS_CHECK_MAX_TIME_TOPIC" // halves that nobody decided
	Group        = "CID_RMQ_SYS_TRANS"
)

// Names of properties; see record.Property for their form.
const (
	propertyRealTopic = "REAL_TOPIC" // where the message goes
	propertyRealQueue = "REAL_QID"   // and in which queue
	propertyGroup     = "PGROUP"     // the producers'
	propertyChecks    = "TRANSACTION_CHECK_TIMES"
	propertyImmunity  = "CHECK_IMMUNITY_TIME_IN_SECONDS"
	propertyOrigin    = "TRAN_PREPARED_QUEUE_OFFSET" // of the half that was sent
)

// maxImmunity bounds what a producer may ask for: beyond, a half would never be checked.
const maxImmunity = 10 * 365 * 24 * time.Hour

// Prepare makes m, which has the topic and queue that it is sent to, the half of a
// transaction. What only a broker may say of a half is not taken from a client.
func Prepare(m *record.Message) {
	props := m.Properties
	for _, name := range [...]string{propertyRealTopic, propertyRealQueue, propertyChecks, propertyOrigin} {
		props = record.RemoveProperty(props, name)
	}
	props = record.AppendProperty(props, propertyRealTopic, m.Topic)
	props = record.AppendProperty(props, propertyRealQueue, strconv.Itoa(int(m.QueueID)))
	m.Topic, m.QueueID, m.Properties = HalfTopic, 0, props
	m.SysFlag &^= record.SysTransactionMask
}

// A half is what is looked at of a record in HalfTopic.
type half struct {
	offset   int64 // queue offset
	origin   int64 // queue offset of the half that was sent, which this one may be
	checks   int   // how often its producer was asked
	immunity time.Duration
}

// parseHalf reads v, a record of HalfTopic. timeout is how long a producer has that
// asks for nothing else, and at least, as with 5.x.
func parseHalf(v *record.View, timeout time.Duration) half {
	h := half{offset: v.QueueOffset(), origin: v.QueueOffset(), immunity: timeout}
	if n, ok := number(v, propertyOrigin); ok && n < h.offset {
		h.origin = n
	}
	if n, ok := number(v, propertyChecks); ok {
		h.checks = int(min(n, math.MaxInt32))
	}
	if n, ok := number(v, propertyImmunity); ok {
		h.immunity = max(timeout, time.Duration(min(n, int64(maxImmunity/time.Second)))*time.Second)
	}
	return h
}

// number is the value of a property, if that is a number and not negative.
func number(v *record.View, name string) (int64, bool) {
	text, ok := v.Property(name)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	return n, err == nil && n >= 0
}

// address is where the message of a half goes.
func address(v *record.View) (topic string, queueID int32, err error) {
	name, _ := v.Property(propertyRealTopic)
	queue, _ := v.Property(propertyRealQueue)
	id, err := strconv.ParseInt(string(queue), 10, 32)
	topic = string(name)
	switch {
	case err != nil || id < 0:
		return "", 0, fmt.Errorf("%w: queue %.20q", ErrAddress, queue)
	case topic == HalfTopic || topic == OpTopic:
		return "", 0, fmt.Errorf("%w: topic %s", ErrAddress, topic)
	}
	if err := table.CheckTopicName(topic); err != nil {
		return "", 0, fmt.Errorf("%w: %w", ErrAddress, err)
	}
	return topic, int32(id), nil
}

// ErrAddress: a half does not say where its message goes.
var ErrAddress = errors.New("transaction: a half has no place to go to")

// delivered returns the message that a half becomes when it is committed. As RocketMQ
// stores it, it keeps all properties: consumers know by TRAN_MSG that UNIQ_KEY is the
// transaction's id.
func delivered(v *record.View) (record.Message, error) {
	topic, queueID, err := address(v)
	if err != nil {
		return record.Message{}, err
	}
	m := v.Message()
	m.Topic, m.QueueID = topic, queueID
	m.SysFlag = m.SysFlag&^record.SysTransactionMask | record.SysCommit
	m.PreparedTransactionOffset = v.PhyOffset()
	return m, nil
}

// renewed returns the half as it is stored once more when its producer is asked.
func renewed(v *record.View, h *half) record.Message {
	m := v.Message()
	props := record.RemoveProperty(record.RemoveProperty(m.Properties, propertyChecks), propertyOrigin)
	props = record.AppendProperty(props, propertyChecks, strconv.Itoa(h.checks+1))
	m.Properties = record.AppendProperty(props, propertyOrigin, strconv.FormatInt(h.origin, 10))
	return m
}

// resumed returns the half that one that was given up becomes.
func resumed(v *record.View) record.Message {
	m := v.Message()
	m.Topic, m.QueueID = HalfTopic, 0
	m.Properties = record.RemoveProperty(record.RemoveProperty(m.Properties, propertyChecks), propertyOrigin)
	return m
}

// same says whether v is what the half w was delivered as.
func same(v, w *record.View) bool {
	topic, queueID, err := address(w)
	key, _ := w.Property(record.PropertyUniqKey)
	got, _ := v.Property(record.PropertyUniqKey)
	return err == nil && string(v.Topic()) == topic && v.QueueID() == queueID && string(got) == string(key) && v.Transaction() == record.SysCommit &&
		v.BornTimestamp() == w.BornTimestamp() && v.BodyCRC() == w.BodyCRC()
}
