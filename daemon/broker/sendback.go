package broker

import (
	"math/rand/v2"

	"pairmq/internal/acl"
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
	w.transaction = false // it was one, and was committed
	if err := w.check(h.sysFlag); err != nil {
		return err
	}
	h.queueID = 0
	s := b.sends.get()
	s.queueID = h.queueID
	s.ms = s.one[:]
	b.fill(&s.ms[0], req, h, &topic)
	s.ms[0].Flag, s.ms[0].Body = h.flag, req.Body
	s.ms[0].Properties = b.withOwn(record.RemoveProperty(h.properties, propertyDelay), w)
	return b.put(s, req)
}

// firstRetry is the delay level at which a message waits that was sent back for the
// first time; each time later it is one more.
const firstRetry = 3

// maxRereads is how many messages, of any size, are read at a time to be stored once more.
// Nothing waits for a client meanwhile.
const maxRereads = 2

// sendBack serves CONSUMER_SEND_MSG_BACK, 36: the message is stored once more, in the
// group's retry topic, and delivered there after a while. One that was tried often
// enough, or is not to be tried again, becomes a dead letter.
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
	group, err := b.backGroup(req.Fields.Get("group"))
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
	topic, err := b.retryTopic(&group)
	if err != nil {
		return err
	}
	most, err := req.Fields.Int32Or("maxReconsumeTimes", group.RetryMaxTimes)
	if err != nil {
		return err
	}
	if req.Version < version349 {
		most = group.RetryMaxTimes
	}
	b.rereads <- struct{}{}
	defer func() { <-b.rereads }()
	m, err := b.messageAt(offset)
	if err != nil {
		return err
	}
	if err := mayMessage(req, m.Topic, acl.Sub); err != nil {
		return err // else it could be had by way of one's own retries
	}
	queues := group.RetryQueueNums
	dead := level < 0 || m.ReconsumeTimes >= most
	if dead {
		if topic, err = b.deadLetterTopic(group.Name); err != nil {
			return err
		}
		queues = 1
	}
	if !permOf(&topic, table.PermWrite) {
		return refuse(remoting.RespNoPermission, "the topic[%s] sending message is forbidden", topic.Name)
	}
	again(&m, topic.Name, rand.Int32N(min(queues, maxQueues)))
	switch {
	case dead:
		m.Properties = withProperty(m.Properties, propertyDelay, "0")
	case level == 0:
		b.deferred(&m, firstRetry+m.ReconsumeTimes-1)
	default:
		b.deferred(&m, level)
	}
	from, ms := backTopic(&m), []record.Message{m}
	return b.store.Put(ms, func(err error) {
		b.refusals.add(err)
		code, remark := responseCode(err)
		if isStored(code) {
			bytes := sizeOf(ms)
			b.flows.put(ms[0].Topic, 1, bytes)
			b.flows.back(group.Name, from, bytes)
		}
		req.ReplyError(code, remark)
	})
}

// backTopic is the topic in which a message that is sent back was first.
func backTopic(m *record.Message) string {
	topic, _ := record.Property(m.Properties, propertyRetry)
	return topic
}

// backGroup is group, with RocketMQ's remark if there is none.
func (b *Broker) backGroup(name string) (table.Group, error) {
	group, err := b.group(name)
	if code, _ := responseCode(err); code == remoting.RespSubscriptionGroupNotExist {
		return group, refuse(code, "subscription group not exist, %.255s: %v", name, err)
	}
	return group, err
}

// again makes m, a stored message, one that is stored once more in a topic of a
// group's own.
func again(m *record.Message, topic string, queueID int32) {
	props := m.Properties
	if _, ok := record.Property(props, propertyRetry); !ok {
		props = record.AppendProperty(props, propertyRetry, m.Topic)
	}
	if _, ok := record.Property(props, propertyOriginID); !ok {
		props = record.AppendProperty(props, propertyOriginID, record.MessageID(m.StoreHost, m.PhyOffset))
	}
	m.Properties = withProperty(props, propertyWait, "false") // as RocketMQ has it; here all are waited for
	m.Topic, m.QueueID = topic, queueID
	m.SysFlag &^= record.SysTransactionMask
	m.ReconsumeTimes++
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
