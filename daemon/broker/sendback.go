package broker

import (
	"pairmq/internal/remoting"
	"pairmq/store/record"
	"pairmq/store/table"
)

// version349 is the release from which on the maxReconsumeTimes of a request counts.
const version349 = 121

// exhausted says whether a message sent to a retry topic has been tried often
// enough and goes to the dead letters. Consumers send there themselves when
// request 36 fails, and orderly ones when they give up: those hold queue locks,
// and their message is not to be tried again. The comparison is 5.x's, for
// which a message is tried as often as by way of request 36.
func (b *Broker) exhausted(version int32, h *sendHeader) (bool, error) {
	group, err := b.group(h.topic[len(table.RetryPrefix):])
	if err != nil {
		return false, err
	}
	most := group.RetryMaxTimes
	if h.has('l') && version >= version349 {
		most = h.maxReconsumeTimes
	}
	return h.reconsumeTimes > most || b.locks.held(group.Name), nil
}

// sendDead stores a message that was sent to a retry topic as a dead letter.
func (b *Broker) sendDead(req *remoting.Request, h *sendHeader, w wants) error {
	topic, err := b.deadLetterTopic(h.topic[len(table.RetryPrefix):])
	if err != nil {
		return err
	}
	w.delay = 0 // dead letters are not delayed
	if err := w.check(h.sysFlag); err != nil {
		return err
	}
	h.queueID = 0
	s := b.sends.get()
	s.ms = s.one[:]
	b.fill(&s.ms[0], req, h, &topic)
	s.ms[0].Flag, s.ms[0].Body = h.flag, req.Body
	s.ms[0].Properties = b.withCluster(record.RemoveProperty(h.properties, propertyDelay), w)
	return b.put(s, req)
}

// sendBack serves CONSUMER_SEND_MSG_BACK, 36. A message that was tried often
// enough, or is not to be tried again, becomes a dead letter. Another try needs
// a delay, which is refused: then clients try again by themselves, some seconds
// later, and send the message to the retry topic, where exhausted finds it, when
// it has failed too often.
func (b *Broker) sendBack(req *remoting.Request) error {
	if err := b.onlyMaster("send back to the master"); err != nil {
		return err
	}
	offset, err := req.Fields.Int64("offset")
	if err != nil {
		return err
	}
	level, err := req.Fields.Int32("delayLevel")
	if err != nil {
		return err
	}
	group, err := b.group(req.Fields.Get("group"))
	if err != nil {
		return err
	}
	if !b.perm(table.PermWrite) {
		return refuse(remoting.RespNoPermission, "the broker %s takes no messages", b.opts.Name)
	}
	if group.RetryQueueNums <= 0 {
		replyDone(req) // the group wants no retries
		return nil
	}
	most, err := req.Fields.Int32Or("maxReconsumeTimes", group.RetryMaxTimes)
	if err != nil {
		return err
	}
	if req.Version < version349 {
		most = group.RetryMaxTimes
	}
	m, err := b.messageAt(offset)
	if err != nil {
		return err
	}
	if level >= 0 && m.ReconsumeTimes < most {
		return errDelayed
	}
	return b.bury(req, group.Name, m)
}

// messageAt returns the message at a position in the commit log.
func (b *Broker) messageAt(phyOffset int64) (record.Message, error) {
	rec, err := b.store.RecordAt(phyOffset)
	if err != nil {
		return record.Message{}, err
	}
	v, err := record.Parse(rec, record.Limits{Record: len(rec)})
	if err != nil {
		return record.Message{}, err
	}
	return v.Message(), nil
}

// bury stores a stored message once more, as a dead letter of group.
func (b *Broker) bury(req *remoting.Request, group string, m record.Message) error {
	topic, err := b.deadLetterTopic(group)
	if err != nil {
		return err
	}
	props := record.RemoveProperty(m.Properties, propertyDelay)
	if _, ok := record.Property(props, propertyRetry); !ok {
		props = record.AppendProperty(props, propertyRetry, m.Topic)
	}
	if _, ok := record.Property(props, propertyOriginID); !ok {
		props = record.AppendProperty(props, propertyOriginID, record.MessageID(m.StoreHost, m.PhyOffset))
	}
	m.Topic, m.QueueID, m.Properties = topic.Name, 0, props
	m.SysFlag &^= record.SysTransactionMask
	m.ReconsumeTimes++
	return b.store.Put([]record.Message{m}, func(err error) {
		b.refusals.add(err)
		req.ReplyError(responseCode(err))
	})
}
