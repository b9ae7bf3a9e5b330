package pop

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"strings"

	"pairmq/store/table"
)

// Bounds of a batch of acknowledgements. A client makes one of what it has popped.
const (
	maxAcks   = 4096     // entries
	maxAckSet = 1 << 10  // bytes of the set of one entry
	maxAcked  = 64 << 10 // messages of all entries
)

// An Ack is the messages of one queue that a batch acknowledges, popped together.
type Ack struct {
	Group, Topic string // the topic that they lie in, also a retry topic
	QueueID      int32
	Handle       Handle
	Offsets      []int64 // queue offsets, ascending
}

// ackEntry is an entry of a batch as clients write it, and as 5.4.0 reads it too.
type ackEntry struct {
	Group     string `json:"c"`
	Topic     string `json:"t"`
	Kind      string `json:"r"`
	Start     int64  `json:"so"`
	Queue     int32  `json:"q"`
	Revive    int32  `json:"rq"`
	PopTime   int64  `json:"pt"`
	Invisible int64  `json:"it"`
	Set       []byte `json:"b"` // bit i%8 of byte i/8 stands for the offset Start+i

	LongGroup     string `json:"consumerGroup"`
	LongTopic     string `json:"topic"`
	LongKind      string `json:"retry"`
	LongStart     int64  `json:"startOffset"`
	LongQueue     int32  `json:"queueId"`
	LongRevive    int32  `json:"reviveQueueId"`
	LongPopTime   int64  `json:"popTime"`
	LongInvisible int64  `json:"invisibleTime"`
	LongSet       []byte `json:"bitSet"`
}

// DecodeAcks reads the body of a BATCH_ACK_MESSAGE, JSON whose nesting is known to be
// shallow. It fails with ErrHandle.
//
// Format: RocketMQ 5.4.0, BatchAckMessageRequestBody.
func DecodeAcks(body []byte) ([]Ack, error) {
	var batch struct {
		Acks []ackEntry `json:"acks"`
	}
	if err := json.Unmarshal(body, &batch); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHandle, err)
	}
	if len(batch.Acks) > maxAcks {
		return nil, fmt.Errorf("%w: %d entries, at most %d are read", ErrHandle, len(batch.Acks), maxAcks)
	}
	left := maxAcked
	acks := make([]Ack, 0, len(batch.Acks))
	for i := range batch.Acks {
		a, err := batch.Acks[i].ack(left)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", i, err)
		}
		left -= len(a.Offsets)
		acks = append(acks, a)
	}
	return acks, nil
}

// ack returns what an entry says, if that is at most so many messages.
func (e *ackEntry) ack(most int) (Ack, error) {
	a := Ack{Group: cmp.Or(e.Group, e.LongGroup), Topic: cmp.Or(e.Topic, e.LongTopic), QueueID: cmp.Or(e.Queue, e.LongQueue)}
	a.Handle = Handle{PopTime: cmp.Or(e.PopTime, e.LongPopTime), Invisible: cmp.Or(e.Invisible, e.LongInvisible), Revive: cmp.Or(e.Revive, e.LongRevive)}
	start, set := cmp.Or(e.Start, e.LongStart), e.Set
	if set == nil {
		set = e.LongSet
	}
	switch kind := cmp.Or(e.Kind, e.LongKind, kindNormal); kind {
	case kindNormal:
	case kindRetry:
		a.Topic = RetryTopic(a.Group, a.Topic)
	case kindRetryV2:
		a.Topic = table.RetryPrefix + a.Group + "+" + a.Topic
	default:
		return a, fmt.Errorf("%w: %.20q is no kind of topic", ErrHandle, kind)
	}
	set = trimmed(set)
	switch {
	case a.Group == "" || strings.TrimPrefix(a.Topic, table.RetryPrefix) == "":
		return a, fmt.Errorf("%w: no group or no topic", ErrHandle)
	case len(set) > maxAckSet:
		return a, fmt.Errorf("%w: a set of %d bytes", ErrHandle, len(set))
	case start < 0 || start > math.MaxInt64-int64(8*len(set)):
		return a, fmt.Errorf("%w: start offset %d", ErrHandle, start)
	}
	for i, b := range set {
		for ; b != 0; b &= b - 1 {
			a.Offsets = append(a.Offsets, start+int64(8*i+bits.TrailingZeros8(b)))
		}
	}
	if len(a.Offsets) > most {
		return a, fmt.Errorf("%w: more than %d messages", ErrHandle, maxAcked)
	}
	return a, nil
}

// trimmed is set without zeros at its end.
func trimmed(set []byte) []byte {
	for len(set) > 0 && set[len(set)-1] == 0 {
		set = set[:len(set)-1]
	}
	return set
}
