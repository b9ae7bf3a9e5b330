package broker

import (
	"fmt"
	"math"
	"math/bits"
	"time"

	"pairmq/internal/remoting"
)

// Bits of a pull's sysFlag.
const (
	pullCommits    int32 = 1 << 0 // commitOffset is valid
	pullSuspends   int32 = 1 << 1 // may be held until a message comes
	pullSubscribes int32 = 1 << 2 // brings its subscription along
)

// A pullHeader is the header of a pull.
type pullHeader struct {
	group, topic   string
	queueID        int32
	offset         int64 // queue offset to read from
	maxMsgs        int32
	sysFlag        int32
	commitOffset   int64
	suspend        time.Duration
	subscription   string
	expressionType string
	subVersion     int64
	maxBytes       int32
	seen           uint32 // bits of the required fields, in the order of pullNames
}

var pullNames = [...]string{
	"consumerGroup", "topic", "queueId", "queueOffset", "maxMsgNums", "sysFlag", "commitOffset", "suspendTimeoutMillis", "subVersion",
}

// parse reads fields in one pass. Unknown ones are for others. It fails with
// remoting.ErrField.
func (h *pullHeader) parse(fields remoting.Fields) error {
	h.maxBytes = math.MaxInt32
	for i := range fields {
		if err := h.set(&fields[i]); err != nil {
			return err
		}
	}
	if missing := uint32(1<<len(pullNames)-1) &^ h.seen; missing != 0 {
		return fmt.Errorf("%w: %s is missing", remoting.ErrField, pullNames[bits.TrailingZeros32(missing)])
	}
	return nil
}

func (h *pullHeader) set(f *remoting.Field) (err error) {
	at := 0
	switch f.Key {
	case "consumerGroup":
		h.group, at = f.Value, 0
	case "topic":
		h.topic, at = f.Value, 1
	case "queueId":
		h.queueID, err = fieldInt32(f)
		at = 2
	case "queueOffset":
		h.offset, err = fieldInt64(f)
		at = 3
	case "maxMsgNums":
		h.maxMsgs, err = fieldInt32(f)
		at = 4
	case "sysFlag":
		h.sysFlag, err = fieldInt32(f)
		at = 5
	case "commitOffset":
		h.commitOffset, err = fieldInt64(f)
		at = 6
	case "suspendTimeoutMillis":
		var ms int64
		ms, err = fieldInt64(f)
		h.suspend = time.Duration(min(max(ms, 0), math.MaxInt32)) * time.Millisecond
		at = 7
	case "subVersion":
		h.subVersion, err = fieldInt64(f)
		at = 8
	default:
		return h.setOptional(f)
	}
	h.seen |= 1 << at
	return err
}

func (h *pullHeader) setOptional(f *remoting.Field) (err error) {
	switch f.Key {
	case "subscription":
		h.subscription = f.Value
	case "expressionType":
		h.expressionType = f.Value
	case "maxMsgBytes":
		h.maxBytes, err = fieldInt32(f)
	}
	return err
}
