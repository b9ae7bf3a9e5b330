package pop

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// notePrefix is before the keys of what a Service keeps.
const notePrefix = "pop\x00"

// A note is what is kept of a group's queue: that all messages before next are done
// with but for those in flight.
type note struct {
	next    int64
	version int64 // of the group's consumer offset: grows with each reset
	deleted int64 // where in the log the topic was deleted last; 0 for never
	kept    int64 // when, ms since 1970
	flights []noted
	round   *round // instead of flights; due of a message is how long it was still to be invisible, ms
}

// A noted is a flight in a note: left is how long it was still to be invisible, ms.
type noted struct{ offset, popTime, invisible, left int64 }

// The formats of notes.
const (
	noteFormat  = 1
	roundFormat = 2
)

var errNote = errors.New("pop: not a note")

// append encodes n: the format, then uvarints: next, version, deleted, kept, and of each
// flight the offset less that of the one before, popTime, invisible and left. With a round
// there is popTime, to, the length of the attempt and the attempt, and of each message the
// offset less next or that of the one before, count<<1 with 1 for acked, and left.
func (n *note) append(b []byte) []byte {
	format := byte(noteFormat)
	if n.round != nil {
		format = roundFormat
	}
	b = append(b, format)
	for _, v := range [...]int64{n.next, n.version, n.deleted, n.kept} {
		b = binary.AppendUvarint(b, uint64(v))
	}
	if n.round != nil {
		return n.round.append(b, n.next)
	}
	last := int64(0)
	for _, f := range n.flights {
		for _, v := range [...]int64{f.offset - last, f.popTime, f.invisible, f.left} {
			b = binary.AppendUvarint(b, uint64(v))
		}
		last = f.offset
	}
	return b
}

func (o *round) append(b []byte, next int64) []byte {
	b = binary.AppendUvarint(b, uint64(o.popTime))
	b = binary.AppendUvarint(b, uint64(o.to))
	b = append(binary.AppendUvarint(b, uint64(len(o.attempt))), o.attempt...)
	for _, m := range o.took {
		count := uint64(m.count) << 1
		if m.acked {
			count |= 1
		}
		b = binary.AppendUvarint(b, uint64(m.offset-next))
		b = binary.AppendUvarint(binary.AppendUvarint(b, count), uint64(m.due))
		next = m.offset
	}
	return b
}

// decodeNote reads what append wrote. It fails where b cannot be that.
func decodeNote(b []byte) (n note, err error) {
	if len(b) == 0 || b[0] != noteFormat && b[0] != roundFormat {
		return n, errNote
	}
	ordered := b[0] == roundFormat
	b = b[1:]
	read := func() (v int64) {
		u, size := binary.Uvarint(b)
		if size <= 0 || u > 1<<62 {
			err, b = errNote, nil
			return 0
		}
		b = b[size:]
		return int64(u)
	}
	n.next, n.version, n.deleted, n.kept = read(), read(), read(), read()
	if ordered {
		n.round = &round{popTime: read(), to: read()}
		size := read()
		if err != nil || size > MaxAttempt || size > int64(len(b)) {
			return note{}, errNote
		}
		n.round.attempt, b = string(b[:size]), b[size:]
		for at := n.next; err == nil && len(b) > 0 && len(n.round.took) < MaxMessages; {
			at += read()
			count, left := read(), read()
			n.round.took = append(n.round.took, took{offset: at, count: int32(count >> 1), acked: count&1 != 0, due: left})
			if count>>1 > math.MaxInt32 {
				err = errNote
			}
		}
		if err != nil || len(b) > 0 || !n.round.sound(n.next) {
			return note{}, errNote
		}
		return n, nil
	}
	last := int64(-1)
	for err == nil && len(b) > 0 {
		f := noted{offset: read() + max(last, 0), popTime: read(), invisible: read(), left: read()}
		if err == nil && (f.offset <= last || f.offset >= n.next) {
			err = fmt.Errorf("%w: offset %d behind %d, before %d", errNote, f.offset, last, n.next)
		}
		last = f.offset
		n.flights = append(n.flights, f)
	}
	if err != nil {
		return note{}, err
	}
	return n, nil
}

// sound says whether a round can be one of a queue that goes on at next.
func (o *round) sound(next int64) bool {
	if len(o.took) == 0 || o.took[0].offset != next || o.took[0].acked {
		return false
	}
	for i := range o.took[1:] {
		if o.took[i+1].offset <= o.took[i].offset {
			return false
		}
	}
	return o.took[len(o.took)-1].offset < o.to
}

// noteKey is the key of a queue's note.
func noteKey(k queueKey) string {
	b := append([]byte(notePrefix), k.group...)
	b = append(append(append(b, 0), k.topic...), 0)
	return string(binary.BigEndian.AppendUint32(b, uint32(k.queueID)))
}

// parseKey reads what noteKey made.
func parseKey(key string) (k queueKey, ok bool) {
	if len(key) < len(notePrefix)+6 || key[:len(notePrefix)] != notePrefix {
		return k, false
	}
	id, names := key[len(key)-4:], key[len(notePrefix):len(key)-5]
	for i := range len(names) {
		if names[i] == 0 {
			return queueKey{names[:i], names[i+1:], int32(binary.BigEndian.Uint32([]byte(id)))}, key[len(key)-5] == 0
		}
	}
	return k, false
}
