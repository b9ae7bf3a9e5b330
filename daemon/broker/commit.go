package broker

import (
	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// commit notes the offset that a consumer at conn has come to, unless the consumer is to
// go on from somewhere else. An earlier offset than the group has is ignored.
func (b *Broker) commit(conn *remoting.Conn, group string, q queueKey, offset int64) {
	if b.resets.stale(group, q, offset) {
		return
	}
	b.committers.note(group, q, conn)
	b.store.CommitOffset(group, q.topic, q.queueID, offset)
}

// commitAny is commit for a request that may go back too, as with RocketMQ: for a consumer
// that seeks, and for who sets an offset. Going back is durable on return, as a reset is, for who
// waits for an answer: one who does not could wear out the flash by going back all the time.
// What a consumer commits, by a oneway, in a queue that others have taken since is ignored.
func (b *Broker) commitAny(req *remoting.Request, group string, q queueKey, offset int64) error {
	have, ok := b.store.Offset(group, q.topic, q.queueID)
	if !ok || offset >= have || b.slave() {
		b.commit(req.Conn(), group, q, offset)
		return nil
	}
	if b.resets.stale(group, q, offset) {
		return nil
	}
	if req.IsOneway() && b.taken(req.Conn(), group, q) {
		return nil
	}
	b.committers.note(group, q, req.Conn())
	o := table.Offset{Group: group, Topic: q.topic, QueueID: q.queueID, Offset: offset}
	if req.IsOneway() {
		return b.setPopped([]table.Offset{o}, func() error { return b.store.RewindOffset(o) })
	}
	return b.resetPopped([]table.Offset{o})
}

// taken says whether somebody else than the consumer at conn has a queue now: one that is
// online has committed in it, or it is popped.
func (b *Broker) taken(conn *remoting.Conn, group string, q queueKey) bool {
	if b.pops != nil && b.pops.Pops(group, q.topic, q.queueID) {
		return true
	}
	last := b.committers.last(group, q)
	return last != nil && last != conn && b.clients.consumes(last, group)
}
