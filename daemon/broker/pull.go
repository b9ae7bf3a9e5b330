package broker

import (
	"pairmq/internal/remoting"
	"pairmq/store"
	"pairmq/store/table"
)

// A reading is what a pull reads from the store, now or when it is woken.
type reading struct {
	group    string // lives as long as the group, not as the request
	topic    string // as long as the topic
	queueID  int32
	offset   int64
	maxMsgs  int
	maxBytes int
	filter   store.Filter // nil passes all
}

// pull serves PULL_MESSAGE and LITE_PULL_MESSAGE, 11 and 361.
func (b *Broker) pull(req *remoting.Request) error {
	var h pullHeader
	if err := h.parse(req.Fields); err != nil {
		return err
	}
	group, topic, err := b.pullTarget(&h)
	if err != nil {
		return err
	}
	filter, err := b.pullFilter(&h, &group)
	if err != nil {
		return err
	}
	if h.sysFlag&pullCommits != 0 && h.commitOffset >= 0 && !b.slave() {
		b.commit(req.Conn(), group.Name, queueKey{topic.Name, h.queueID}, h.commitOffset)
	}
	r := reading{group.Name, topic.Name, h.queueID, h.offset, int(h.maxMsgs), int(h.maxBytes), filter}
	if offset, moved := b.resets.tell(r.group, queueKey{r.topic, r.queueID}); moved {
		b.replyReset(req, &r, offset)
		return nil
	}
	res, err := b.read(req, &r)
	if err != nil {
		return err
	}
	if h.sysFlag&pullSuspends != 0 && h.suspend > 0 && pullCode(res.Status, r.offset) == remoting.RespPullNotFound {
		return b.hold(req, &r, min(h.suspend, b.settings().MaxHold), res)
	}
	b.replyPull(req, &r, res)
	return nil
}

// pullTarget returns the group and topic of a pull after the checks that
// RocketMQ makes, in its order.
func (b *Broker) pullTarget(h *pullHeader) (g table.Group, t table.Topic, err error) {
	if !b.perm(table.PermRead) {
		return g, t, refuse(remoting.RespNoPermission, "the broker %s gives no messages out", b.opts.Name)
	}
	if g, err = b.group(h.group); err != nil {
		return g, t, err
	}
	if !g.ConsumeEnable {
		return g, t, refuse(remoting.RespNoPermission, "subscription group %s may not consume", g.Name)
	}
	t, err = b.topic(h.topic)
	switch {
	case err != nil:
		return g, t, err
	case !permOf(&t, table.PermRead):
		return g, t, refuse(remoting.RespNoPermission, "topic %s gives no messages out", t.Name)
	case h.queueID < 0 || h.queueID >= t.ReadQueueNums:
		return g, t, errQueue(&t, h.queueID)
	}
	return g, t, nil
}

// topic returns an existing topic.
func (b *Broker) topic(name string) (table.Topic, error) {
	t, ok := b.store.Topic(name)
	if !ok {
		return t, refuse(remoting.RespTopicNotExist, "topic %.127q does not exist", name)
	}
	return t, nil
}

// errQueue refuses a queue that a topic does not have; 4.x says 1.
func errQueue(t *table.Topic, queueID int32) error {
	return refuse(remoting.RespInvalidParameter, "topic %s has %d queues to read, none has the id %d", t.Name, t.ReadQueueNums, queueID)
}

// pullFilter returns the filter of a pull's subscription, which it brings along
// or which its group's heartbeats have shown.
func (b *Broker) pullFilter(h *pullHeader, g *table.Group) (store.Filter, error) {
	if h.sysFlag&pullSubscribes == 0 {
		return b.clients.filter(h.group, h.topic, h.subVersion, g.ConsumeBroadcastEnable)
	}
	return b.filterBy(g.Name, h.topic, h.expressionType, h.subscription)
}

// read reads what a pull asks for, once there is room for it: many pulls of large
// messages would have more memory together than there is. A slave that is behind does not correct an
// offset that it has not reached yet, as a master does: the consumer, who comes
// from the master, would see messages again.
func (b *Broker) read(req *remoting.Request, r *reading) (store.Result, error) {
	res, err := b.store.GetWithin(r.topic, r.queueID, r.offset, r.maxMsgs, r.maxBytes, r.filter, req)
	if b.slave() && r.offset > 0 {
		switch res.Status {
		case store.OffsetOverflowBadly, store.NoMessageInQueue, store.NoMatchedLogicQueue:
			res.Status, res.NextBeginOffset = store.OffsetOverflowOne, r.offset
		}
	}
	return res, err
}

// pullCode is the response code for what a read from offset found.
func pullCode(s store.Status, offset int64) int32 {
	switch s {
	case store.Found:
		return remoting.RespSuccess
	case store.NoMatchedMessage, store.MessageWasRemoving:
		return remoting.RespPullRetryImmediately
	case store.OffsetOverflowOne, store.OffsetFoundNull:
		return remoting.RespPullNotFound
	case store.NoMessageInQueue, store.NoMatchedLogicQueue:
		if offset == 0 {
			return remoting.RespPullNotFound
		}
	}
	return remoting.RespPullOffsetMoved
}
