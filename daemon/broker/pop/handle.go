package pop

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ErrHandle is what all errors of decoders here are.
var ErrHandle = errors.New("pop: no handle that a client could mean")

// maxHandle bounds a handle, in bytes: seven numbers and the name of a broker.
const maxHandle = 1 << 10

// A Handle says which pop a message was given out by; a change of its invisible time
// makes another one.
type Handle struct {
	PopTime   int64 // ms since 1970
	Invisible int64 // ms
	Revive    int32 // queue of RocketMQ's revive topic; OrderedRevive of an ordered pop
}

// OrderedRevive is the Revive of handles of ordered pops.
const OrderedRevive = 999

// ParseHandle reads the extraInfo of a request: numbers and the broker's name, with a
// blank between. It fails with ErrHandle.
//
//	first offset of the pop, popTime, invisibleTime, reviveQid, kind, broker, queueId[, offset]
//
// Format: RocketMQ 5.4.0, ExtraInfoUtil.buildExtraInfo.
func ParseHandle(text string) (h Handle, err error) {
	if len(text) > maxHandle {
		return h, fmt.Errorf("%w: %d bytes", ErrHandle, len(text))
	}
	parts := strings.Split(text, " ")
	if len(parts) < 7 {
		return h, fmt.Errorf("%w: %d parts of 7 in %.100q", ErrHandle, len(parts), text)
	}
	var revive int64
	for _, n := range []struct {
		at   int
		bits int
		to   *int64
	}{{1, 64, &h.PopTime}, {2, 64, &h.Invisible}, {3, 32, &revive}} {
		if *n.to, err = strconv.ParseInt(parts[n.at], 10, n.bits); err != nil || *n.to < 0 {
			return Handle{}, fmt.Errorf("%w: part %d of %.100q", ErrHandle, n.at, text)
		}
	}
	h.Revive = int32(revive)
	return h, nil
}

// OffsetInfos returns what a response says of n messages of one queue that were popped
// together: startOffsetInfo and msgOffsetInfo. Clients make handles of them.
func OffsetInfos(topic string, queueID int32, offsets []int64) (start, all string) {
	if len(offsets) == 0 {
		return "", ""
	}
	head := kindOf(topic) + " " + strconv.Itoa(int(queueID)) + " "
	b := strconv.AppendInt([]byte(head), offsets[0], 10)
	first := len(b)
	for _, o := range offsets[1:] {
		b = strconv.AppendInt(append(b, ','), o, 10)
	}
	all = string(b)
	return all[:first], all
}

// CountInfo returns what a response says of how often such messages came before,
// orderCountInfo: of each that did, and of the queue for clients that know no other, the
// least of all.
//
// Format: RocketMQ 5.4.0, ExtraInfoUtil.buildQueueOffsetOrderCountInfo and buildQueueIdOrderCountInfo.
func CountInfo(topic string, queueID int32, offsets []int64, counts []int32) string {
	if len(counts) == 0 {
		return ""
	}
	var b []byte
	for i, n := range counts {
		if n > 0 {
			b = fmt.Appendf(b, "%s qo%d%%%d %d;", kindOf(topic), queueID, offsets[i], n)
		}
	}
	return string(fmt.Appendf(b, "%s %d %d", kindOf(topic), queueID, slices.Min(counts)))
}
