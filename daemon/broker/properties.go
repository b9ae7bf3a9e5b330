package broker

import (
	"strconv"
	"strings"

	"pairmq/daemon/broker/timer"
	"pairmq/internal/remoting"
	"pairmq/store/record"
)

// Names of properties that the broker reads or writes; see record.Property for
// their form.
const (
	propertyCluster  = "CLUSTER" // the requester of a reply finds its cluster by it
	propertyDelay    = "DELAY"
	propertyRetry    = "RETRY_TOPIC"
	propertyWait     = "WAIT"
	propertyOriginID = "ORIGIN_MESSAGE_ID"
)

// What a message asks for and nobody here can keep yet.
var (
	errDelayed     = refuse(remoting.RespMessageIllegal, "the messages of a batch cannot be delayed")
	errRecall      = refuse(remoting.RespMessageIllegal, "what recalls a message has to wait as long as that does")
	errRecalls     = refuse(remoting.RespServiceNotAvailable, "recall failed, as many messages are recalled as may be before their time")
	errTimedReply  = refuse(remoting.RespMessageIllegal, "a reply cannot be delayed")
	errNoTimers    = refuse(remoting.RespSystemError, "accurate timer message is not enabled, timerWheelEnable is false")
	errTransaction = refuse(remoting.RespMessageIllegal, "a reply, a message of a batch, and one without TRAN_MSG cannot be the half of a transaction")
	errHalfDelayed = refuse(remoting.RespMessageIllegal, "the half of a transaction cannot be delayed or timed")
)

// wants is what the properties of a message ask of the broker.
type wants struct {
	delay       int32 // level; below 1 for none
	timer       bool  // to be delivered at a time
	recall      bool  // to take back a message with a time
	timed       bool  // it was waiting for its time already
	transaction bool
	cluster     bool // has a CLUSTER already
	foreign     bool // and that is another one
}

// readProperties checks a client's properties text and finds what it asks for.
func (b *Broker) readProperties(props string) (w wants, err error) {
	if err := record.CheckProperties(props); err != nil {
		return w, err
	}
	for at := 0; at < len(props); {
		end := len(props)
		if n := strings.IndexByte(props[at:], 0x02); n >= 0 {
			end = at + n
		}
		name, value, _ := strings.Cut(props[at:end], "\x01")
		at = end + 1
		if value == "" {
			continue
		}
		switch name {
		case propertyDelay:
			level, err := strconv.ParseInt(value, 10, 32)
			if err != nil {
				return w, refuse(remoting.RespMessageIllegal, "the delay level %.40q is no number", value)
			}
			w.delay = int32(level)
		case timer.PropertyDelaySec, timer.PropertyDelayMs, timer.PropertyDeliverMs:
			w.timer = true
		case timer.PropertyOutMs:
			w.timed = true
		case timer.PropertyDelete:
			w.recall = true
		case "TRAN_MSG":
			w.transaction = strings.EqualFold(value, "true")
		case propertyCluster:
			w.cluster, w.foreign = true, value != b.opts.Cluster
		}
	}
	return w, nil
}

// check refuses what cannot be kept: delivering it at once would be wrong. A level
// counts, and not a time beside it.
func (w *wants) check(sysFlag int32) error {
	if w.transaction || sysFlag&record.SysTransactionMask != 0 {
		return errTransaction
	}
	return nil
}

// withOwn returns props with this broker's CLUSTER, as they are stored, and with what
// traces need, unless they have been stored here before. Like 5.x it leaves WAIT where it is.
func (b *Broker) withOwn(props string, w wants) string {
	if w.foreign {
		props = record.RemoveProperty(props, propertyCluster)
	} else if w.cluster {
		return props
	}
	if props == "" || props[len(props)-1] == 0x02 {
		return props + b.ownProperties
	}
	return props + "\x02" + b.ownProperties
}

// withoutTimer returns props without a time of delivery: a level is there.
func withoutTimer(props string) string {
	for _, name := range [...]string{timer.PropertyDelaySec, timer.PropertyDelayMs, timer.PropertyDeliverMs} {
		props = record.RemoveProperty(props, name)
	}
	return props
}

// withProperty returns props with one property of that name, at its end unless it is
// there already.
func withProperty(props, name, value string) string {
	if old, ok := record.Property(props, name); ok && old == value {
		return props
	}
	return record.AppendProperty(record.RemoveProperty(props, name), name, value)
}
