package broker

import (
	"strings"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// replyReset answers a pull whose consumer is to go on from somewhere else, as
// 5.x does: it takes that for where the queue has its messages now.
func (b *Broker) replyReset(req *remoting.Request, r *reading, offset int64) {
	var f remoting.Fields
	f.Add("suggestWhichBrokerId", "0")
	f.AddInt("nextBeginOffset", offset)
	f.AddInt("minOffset", b.store.MinOffset(r.topic, r.queueID))
	f.AddInt("maxOffset", b.store.MaxOffset(r.topic, r.queueID))
	req.Reply(&remoting.Response{Code: remoting.RespPullOffsetMoved, Remark: "OFFSET_RESET", Fields: f})
}

// resetOffset serves INVOKE_BROKER_TO_RESET_OFFSET, 222: a group goes on at a time
// (ms; below 0 at the end) in all queues of a topic, or, by 5.x, in one queue, also
// at an offset. Without isForce it goes back only. As with 5.x it is done when the
// answer comes, whoever is online: consumers get to know with their next pull, those by
// broadcast by a push, as 4.9.7 pushes to all.
func (b *Broker) resetOffset(req *remoting.Request) error {
	if err := b.onlyMaster("reset offsets at the master"); err != nil {
		return err
	}
	topic, err := b.topic(req.Fields.Get("topic"))
	if err != nil {
		return err
	}
	group := req.Fields.Get("group")
	if _, ok := b.store.Group(group); !ok && (table.CheckGroupName(group) != nil || len(b.store.Offsets(group)) == 0) {
		return refuse(remoting.RespSubscriptionGroupNotExist, "subscription group %.255q does not exist", group)
	}
	var h resetHeader
	if err := h.parse(req.Fields); err != nil {
		return err
	}
	all, err := b.resetTo(&h, strings.Clone(group), &topic)
	if err != nil {
		return err
	}
	broadcast := b.clients.broadcasts(group)
	// First, since consumers go on committing.
	if len(b.clients.consumerConns(group)) > 0 && !broadcast && !b.resets.add(all, time.Now().Add(resetTime)) {
		return refuse(remoting.RespSystemBusy, "consumers of %d queues have still to go on from where they were reset to", maxResets)
	}
	if err := b.resetPopped(all); err != nil {
		return err
	}
	b.said.Log("consumer offsets reset", "group", group, "topic", topic.Name, "queues", len(all))
	var m queueMap
	for _, o := range all {
		if err := m.add(messageQueue{b.opts.Name, o.QueueID, o.Topic}, o.Offset); err != nil {
			return err
		}
		b.polls.wakeGroup(o.Group, queueKey{o.Topic, o.QueueID})
	}
	body := m.body(`{"offsetTable":`)
	if broadcast {
		b.pushReset(group, topic.Name, h.timestamp, body)
	}
	replyBody(req, body)
	return nil
}

// pushReset sends RESET_CONSUMER_CLIENT_OFFSET, 220, to all consumers of a group that keep
// their offsets themselves: what the broker has does not matter to them.
func (b *Broker) pushReset(group, topic string, timestamp int64, offsets []byte) {
	f := remoting.Fields{{Key: "topic", Value: topic}, {Key: "group", Value: group}, {Key: "isForce", Value: "false"}}
	f.AddInt("timestamp", timestamp)
	for _, conn := range b.clients.consumerConns(group) {
		err := conn.Oneway(&remoting.Command{Code: remoting.ReqResetConsumerClientOffset, Language: remoting.Go, Version: remoting.Version, Fields: f, Body: offsets})
		if err != nil {
			b.warned.Log("a consumer was not told that its offsets are reset", "group", group, "client", conn.RemoteAddr().String(), "err", err)
		}
	}
}

// A resetHeader is the fields of a request 222 that are numbers.
type resetHeader struct {
	timestamp int64
	force     bool
	queueID   int32 // below 0: all
	offset    int64 // of queueID; below 0: that of the timestamp
}

func (h *resetHeader) parse(f remoting.Fields) (err error) {
	if h.timestamp, err = f.Int64Or("timestamp", -1); err != nil {
		return err
	}
	if h.force, err = f.BoolOr("isForce", false); err != nil {
		return err
	}
	if h.queueID, err = f.Int32Or("queueId", -1); err != nil {
		return err
	}
	h.offset, err = f.Int64Or("offset", -1)
	if h.queueID < 0 {
		h.offset = -1
	}
	return err
}

// resetTo returns where a request 222 resets a group to.
func (b *Broker) resetTo(h *resetHeader, group string, t *table.Topic) (all []table.Offset, err error) {
	from, end := int32(0), queuesOf(t)
	if h.queueID >= end || end == 0 {
		return nil, errQueue(t, h.queueID)
	}
	if h.queueID >= 0 {
		from, end = h.queueID, h.queueID+1
	}
	for q := from; q < end; q++ {
		to, err := b.resetPoint(t.Name, q, h)
		if err != nil {
			return nil, err
		}
		if have, ok := b.store.Offset(group, t.Name, q); ok && !h.force && h.offset < 0 {
			to = min(to, have)
		}
		all = append(all, table.Offset{Group: group, Topic: t.Name, QueueID: q, Offset: to})
	}
	return all, nil
}

// resetPoint is the offset that h asks for, if the queue has it or will have it
// next, or that of what was stored at its time or after.
func (b *Broker) resetPoint(topic string, queueID int32, h *resetHeader) (int64, error) {
	low, high := b.store.MinOffset(topic, queueID), b.store.MaxOffset(topic, queueID)
	switch {
	case h.offset >= 0 && (h.offset < low || h.offset > high):
		return 0, refuse(remoting.RespInvalidParameter, "offset %d is not in queue %d of topic %s, which has %d to %d", h.offset, queueID, topic, low, high)
	case h.offset >= 0:
		return h.offset, nil
	case h.timestamp < 0:
		return high, nil
	}
	at, err := b.store.OffsetByTime(topic, queueID, h.timestamp, false)
	return min(max(at, low), high), err
}
