package broker

import (
	"pairmq/internal/acl"
	"pairmq/internal/remoting"
	"pairmq/store/record"
)

// queueOf reads the topic and queueId of a request.
func queueOf(req *remoting.Request) (queueKey, error) {
	topic, ok := req.Fields.Lookup("topic")
	if !ok {
		_, err := req.Fields.Int64("topic") // says that it is missing
		return queueKey{}, err
	}
	id, err := req.Fields.Int32("queueId")
	if err == nil && id < 0 {
		err = refuse(remoting.RespInvalidParameter, "queueId %d is below 0", id)
	}
	return queueKey{topic, id}, err
}

// queryConsumerOffset serves QUERY_CONSUMER_OFFSET, 14. A group that has none
// starts at 0 in a young queue, as with RocketMQ, wherever it says it would
// start; else it is told that there is none.
func (b *Broker) queryConsumerOffset(req *remoting.Request) error {
	q, err := queueOf(req)
	if err != nil {
		return err
	}
	zero, err := req.Fields.BoolOr("setZeroIfNotFound", true)
	if err != nil {
		return err
	}
	group := req.Fields.Get("consumerGroup")
	offset, ok := b.store.Offset(group, q.topic, q.queueID)
	switch {
	case ok && offset >= 0:
		if waits, _ := b.resets.waits(group, q); waits && b.clients.consumes(req.Conn(), group) {
			b.resets.done(group, q)
		}
		replyNumber(req, "offset", offset)
	case zero && !b.opts.Behind && b.young(q):
		replyNumber(req, "offset", 0)
	case b.opts.Behind: // whether the queue is young is not known
		return errBehind()
	default:
		return refuse(remoting.RespQueryNotFound, "group %.255s has no offset for queue %d of topic %.127s", group, q.queueID, q.topic)
	}
	return nil
}

// young says whether a queue still has its first message and little was stored
// since, or has never had one.
func (b *Broker) young(q queueKey) bool {
	if b.store.MinOffset(q.topic, q.queueID) > 0 {
		return false
	}
	if b.store.MaxOffset(q.topic, q.queueID) == 0 {
		return true
	}
	res, err := b.store.Get(q.topic, q.queueID, 0, 1, 1, nil)
	if err != nil {
		return false
	}
	defer res.Release()
	v, err := record.Parse(res.Body, record.Limits{Record: max(len(res.Body), 1)})
	return err == nil && b.store.Stats().MaxPhyOffset-v.PhyOffset() <= b.opts.YoungBytes
}

// updateConsumerOffset serves UPDATE_CONSUMER_OFFSET, 15; see commitAny. As with 5.x,
// group and topic have to exist.
func (b *Broker) updateConsumerOffset(req *remoting.Request) error {
	q, err := queueOf(req)
	if err != nil {
		return err
	}
	offset, err := req.Fields.Int64("commitOffset")
	if err != nil {
		return err
	}
	if offset < 0 {
		return refuse(remoting.RespInvalidParameter, "commitOffset %d is below 0", offset)
	}
	group, err := b.group(req.Fields.Get("consumerGroup"))
	if err != nil {
		return err
	}
	topic, err := b.topic(q.topic)
	if err != nil {
		return err
	}
	if q.queueID >= queuesOf(&topic) {
		return errQueue(&topic, q.queueID)
	}
	if err := b.commitAny(req, group.Name, queueKey{topic.Name, q.queueID}, offset); err != nil {
		return err
	}
	replyDone(req)
	return nil
}

// searchOffset serves SEARCH_OFFSET_BY_TIMESTAMP, 29, by 5.x's rules.
func (b *Broker) searchOffset(req *remoting.Request) error {
	q, err := queueOf(req)
	if err != nil {
		return err
	}
	stamp, err := req.Fields.Int64("timestamp")
	if err != nil {
		return err
	}
	upper := req.Fields.Get("boundaryType")
	offset, err := b.store.OffsetByTime(q.topic, q.queueID, stamp, upper == "upper" || upper == "UPPER")
	if err != nil {
		return err
	}
	replyNumber(req, "offset", offset)
	return nil
}

// maxOffset serves GET_MAX_OFFSET, 30; 0 for a queue that does not exist.
func (b *Broker) maxOffset(req *remoting.Request) error {
	q, err := queueOf(req)
	if err != nil {
		return err
	}
	replyNumber(req, "offset", b.store.MaxOffset(q.topic, q.queueID))
	return nil
}

// minOffset serves GET_MIN_OFFSET, 31; 0 for a queue that does not exist.
func (b *Broker) minOffset(req *remoting.Request) error {
	q, err := queueOf(req)
	if err != nil {
		return err
	}
	replyNumber(req, "offset", b.store.MinOffset(q.topic, q.queueID))
	return nil
}

// earliestStoreTime serves GET_EARLIEST_MSG_STORETIME, 32; -1 for an empty queue.
func (b *Broker) earliestStoreTime(req *remoting.Request) error {
	q, err := queueOf(req)
	if err != nil {
		return err
	}
	stamp, err := b.store.StoreTimestamp(q.topic, q.queueID, b.store.MinOffset(q.topic, q.queueID))
	if err != nil {
		return err
	}
	replyNumber(req, "timestamp", stamp)
	return nil
}

// viewMessage serves VIEW_MESSAGE_BY_ID, 33.
func (b *Broker) viewMessage(req *remoting.Request) error {
	offset, err := req.Fields.Int64("offset")
	if err != nil {
		return err
	}
	rec, err := b.store.RecordWithin(offset, req)
	if err != nil {
		return err
	}
	if req.Who != nil {
		v, err := record.Parse(rec, record.Limits{Record: len(rec)})
		if err != nil {
			return err
		}
		if err := mayMessage(req, string(v.Topic()), acl.Look); err != nil {
			return err
		}
	}
	replyBody(req, rec)
	return nil
}
