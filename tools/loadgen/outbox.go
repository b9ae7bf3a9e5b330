package loadgen

import (
	"fmt"
	"net"
	"time"
)

// free is when the request of a slot was written that has none.
const free = -1

// writeSize is how many bytes of requests are gathered for one write: enough
// that the system call no longer counts, few enough to stay in the cache.
const writeSize = 256 << 10

// An outbox writes the requests of one connection, many at a time, and knows
// which slots they fill since when.
type outbox struct {
	run      *run
	conn     net.Conn
	buf      []byte          // requests not written yet
	waiting  []int           // their slots
	sent     []time.Duration // when each slot's request was written, or free
	extended time.Duration   // when the connection's deadline was last moved
}

func newOutbox(r *run, conn net.Conn, slots int) *outbox {
	o := &outbox{run: r, conn: conn, waiting: make([]int, 0, slots), sent: make([]time.Duration, slots)}
	for i := range o.sent {
		o.sent[i] = free
	}
	r.extend(conn)
	return o
}

// put takes note that buf now ends with the request for slot.
func (o *outbox) put(slot int) error {
	o.waiting = append(o.waiting, slot)
	if len(o.buf) < writeSize {
		return nil
	}
	return o.flush()
}

// flush writes what is gathered. It also moves the deadline by which the
// other side must have taken it and sent something.
func (o *outbox) flush() error {
	now := o.run.now()
	if now-o.extended >= o.run.timeout/8 && !o.run.over(now) {
		o.extended = now
		o.run.extend(o.conn)
	}
	if len(o.buf) == 0 {
		return nil
	}
	for _, slot := range o.waiting {
		o.sent[slot] = now
	}
	_, err := o.conn.Write(o.buf)
	o.buf, o.waiting = o.buf[:0], o.waiting[:0]
	return err
}

// answered frees the slot that opaque stands for and returns when its request
// was written.
func (o *outbox) answered(opaque int32) (slot int, sent time.Duration, err error) {
	slot = int(opaque) - opaqueBase
	if slot < 0 || slot >= len(o.sent) || o.sent[slot] == free {
		return 0, 0, fmt.Errorf("%w: opaque %d answers nothing that is in flight", errFrame, opaque)
	}
	sent, o.sent[slot] = o.sent[slot], free
	return slot, sent, nil
}
