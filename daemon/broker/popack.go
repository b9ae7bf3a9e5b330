package broker

import (
	"pairmq/daemon/broker/pop"
	"pairmq/internal/remoting"
)

// ackTarget returns the queue of an acknowledgement or a change, the offset and the handle.
func (b *Broker) ackTarget(req *remoting.Request) (q queueKey, offset int64, h pop.Handle, err error) {
	if q, err = queueOf(req); err != nil {
		return q, 0, h, err
	}
	t, err := b.topic(q.topic)
	if err != nil {
		return q, 0, h, err
	}
	if q.queueID >= t.ReadQueueNums {
		return q, 0, h, refuse(remoting.RespMessageIllegal, "topic %s has %d queues to read, none has the id %d", t.Name, t.ReadQueueNums, q.queueID)
	}
	if offset, err = req.Fields.Int64("offset"); err != nil {
		return q, 0, h, err
	}
	if offset < b.store.MinOffset(t.Name, q.queueID) || offset >= b.store.MaxOffset(t.Name, q.queueID) {
		return q, 0, h, refuse(remoting.RespNoMessage, "queue %d of topic %s has no message at %d", q.queueID, t.Name, offset)
	}
	h, err = pop.ParseHandle(req.Fields.Get("extraInfo"))
	return q, offset, h, popError(err)
}

func errVoid(q queueKey, offset int64) error {
	return refuse(remoting.RespNoMessage, "the message at %d in queue %d of topic %s is not in flight by that handle", offset, q.queueID, q.topic)
}

// ackMessage serves ACK_MESSAGE, 200051. As with RocketMQ that of a message that is not
// in flight is answered with success: it may be the same once more.
func (b *Broker) ackMessage(req *remoting.Request) error {
	s, err := b.popper()
	if err != nil {
		return err
	}
	q, offset, h, err := b.ackTarget(req)
	if err != nil {
		return err
	}
	if s.Ack(req.Fields.Get("consumerGroup"), q.topic, q.queueID, offset, h) == pop.Void {
		return errVoid(q, offset)
	}
	replyDone(req)
	return nil
}

// ackBatch serves BATCH_ACK_MESSAGE, 200151: as with RocketMQ with success, whichever
// of the messages were in flight.
func (b *Broker) ackBatch(req *remoting.Request) error {
	s, err := b.popper()
	if err != nil {
		return err
	}
	var acks []pop.Ack
	err = b.decoding(req.Body, func() (err error) {
		acks, err = pop.DecodeAcks(req.Body)
		return err
	})
	if err != nil {
		return refuse(remoting.RespInvalidParameter, "%v", err)
	}
	if len(acks) == 0 {
		return refuse(remoting.RespNoMessage, "nothing is acknowledged")
	}
	for _, a := range acks {
		if err := mayHaveConsumed(req, a.Group, a.Topic); err != nil {
			return err // before any counts
		}
	}
	for _, a := range acks {
		for _, o := range a.Offsets {
			s.Ack(a.Group, a.Topic, a.QueueID, o, a.Handle)
		}
	}
	replyDone(req)
	return nil
}

// changeInvisible serves CHANGE_MESSAGE_INVISIBLETIME, 200053.
func (b *Broker) changeInvisible(req *remoting.Request) error {
	s, err := b.popper()
	if err != nil {
		return err
	}
	q, offset, h, err := b.ackTarget(req)
	if err != nil {
		return err
	}
	invisible, err := req.Fields.Int64("invisibleTime")
	if err != nil {
		return err
	}
	if invisible < 0 || invisible > pop.MaxInvisible {
		return refuse(remoting.RespInvalidParameter, "invisibleTime %d ms is not within 0 to %d", invisible, pop.MaxInvisible)
	}
	h, outcome := s.Change(req.Fields.Get("consumerGroup"), q.topic, q.queueID, offset, h, invisible)
	if outcome != pop.Done {
		return errVoid(q, offset)
	}
	req.Reply(&remoting.Response{Fields: popFields(h)})
	return nil
}
