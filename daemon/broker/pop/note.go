package pop

import (
	"encoding/binary"
	"errors"
	"fmt"
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
}

// A noted is a flight in a note: left is how long it was still to be invisible, ms.
type noted struct{ offset, popTime, invisible, left int64 }

const noteFormat = 1

var errNote = errors.New("pop: not a note")

// append encodes n: the format, then uvarints: next, version, deleted, kept, and of each
// flight the offset less that of the one before, popTime, invisible and left.
func (n *note) append(b []byte) []byte {
	b = append(b, noteFormat)
	for _, v := range [...]int64{n.next, n.version, n.deleted, n.kept} {
		b = binary.AppendUvarint(b, uint64(v))
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

// decodeNote reads what append wrote. It fails where b cannot be that.
func decodeNote(b []byte) (n note, err error) {
	if len(b) == 0 || b[0] != noteFormat {
		return n, errNote
	}
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
