package broker

import (
	"fmt"
	"math/rand/v2"

	"pairmq/daemon/broker/transaction"
	"pairmq/internal/acl"
	"pairmq/internal/remoting"
	"pairmq/store/record"
	"pairmq/store/table"
)

// wantsHalf says whether a send is the half of a transaction. A committed message keeps
// TRAN_MSG: a consumer that sends it back with a delay does not begin another one.
func (b *Broker) wantsHalf(h *sendHeader, w *wants) (bool, error) {
	switch {
	case !w.transaction:
		return false, nil
	case w.delay > 0 && h.reconsumeTimes > 0:
		w.transaction = false
		h.sysFlag &^= record.SysTransactionMask
		return false, nil
	case b.settings().NoTransactions:
		return false, refuse(remoting.RespNoPermission, "the broker[%s] sending transaction message is forbidden", b.opts.Name)
	case w.delay > 0 || w.timer: // RocketMQ loses those
		return false, errHalfDelayed
	}
	if b.transactions == nil {
		return false, refuse(remoting.RespServiceNotAvailable, "the broker stores nothing now")
	}
	return true, b.transactions.Room()
}

// sendHalf stores the half of a transaction.
func (b *Broker) sendHalf(req *remoting.Request, h *sendHeader, topic *table.Topic, w wants) error {
	s := b.sends.get()
	s.ms = s.one[:]
	b.fill(&s.ms[0], req, h, topic)
	s.ms[0].Flag, s.ms[0].Body = h.flag, req.Body
	s.ms[0].Properties = b.withOwn(h.properties, w)
	s.queueID = h.queueID
	s.transactionID, _ = record.Property(h.properties, record.PropertyUniqKey) // as 5.x; 4.9.7 has clients do without
	transaction.Prepare(&s.ms[0])
	return b.put(s, req)
}

// endTransaction serves END_TRANSACTION, 37: a producer says what becomes of a half, by
// itself or since it was asked. Who does not know yet is asked again later; RocketMQ
// leaves such a request without an answer.
func (b *Broker) endTransaction(req *remoting.Request) error {
	if b.slave() {
		return refuse(remoting.RespSlaveNotAvailable, "this broker is a slave: end transactions at the master")
	}
	if err := b.onlyMaster("end transactions at the master"); err != nil {
		return err
	}
	if b.transactions == nil {
		return refuse(remoting.RespServiceNotAvailable, "the broker stores nothing now")
	}
	b.rereads <- struct{}{}
	defer func() { <-b.rereads }()
	d := transaction.Decision{Group: req.Fields.Get("producerGroup")}
	kind, err := req.Fields.Int32("commitOrRollback")
	if err != nil {
		return err
	}
	if d.QueueOffset, err = req.Fields.Int64("tranStateTableOffset"); err != nil {
		return err
	}
	if d.PhyOffset, err = req.Fields.Int64("commitLogOffset"); err != nil {
		return err
	}
	switch kind {
	case 0:
		replyDone(req)
		return nil
	case record.SysCommit, record.SysRollback:
		d.Commit = kind == record.SysCommit
	default:
		return refuse(remoting.RespInvalidParameter, "commitOrRollback is %d, want 0, 8 or 12", kind)
	}
	if req.Who != nil {
		d.May = func(topic string) error { return mayMessage(req, topic, acl.Pub) }
	}
	return b.transactions.End(d, func(err error) {
		b.refusals.add(err)
		req.ReplyError(responseCode(err))
	})
}

// resumeHalf serves RESUME_CHECK_HALF_MESSAGE, 323: an operator has the producer of a
// half that was given up be asked once more.
func (b *Broker) resumeHalf(req *remoting.Request) error {
	if err := b.onlyMaster("resume transactions at the master"); err != nil {
		return err
	}
	if b.transactions == nil {
		return refuse(remoting.RespServiceNotAvailable, "the broker stores nothing now")
	}
	_, at, err := record.ParseMessageID(req.Fields.Get("msgId"))
	if err != nil {
		return refuse(remoting.RespInvalidParameter, "msgId: %v", err)
	}
	return b.transactions.Resume(at, func(err error) {
		b.refusals.add(err)
		req.ReplyError(responseCode(err))
	})
}

// ForgetTransactions has whoever stores by himself in a store next, which is *store.Store,
// read all ops there are to know which transactions are open.
func ForgetTransactions(s transaction.Store) error {
	for _, topic := range [...]string{transaction.HalfTopic, transaction.OpTopic} {
		if at, ok := s.Progress(topic, 0); !ok || at == 0 {
			continue
		}
		if err := s.ResetProgress(topic, 0, 0); err != nil {
			return fmt.Errorf("broker: forget how far transactions are: %w", err)
		}
	}
	return nil
}

// askProducer has one of the producers of a half's group asked what becomes of it, with
// CHECK_TRANSACTION_STATE, 39. If none is online, or it has left, it is asked in the
// next round.
func (b *Broker) askProducer(c transaction.Check) {
	conn := b.clients.anyProducer(c.Group, b.maySend(c.Topic))
	if conn == nil {
		return
	}
	m := c.Half
	f := remoting.Fields{
		{Key: "msgId", Value: c.UniqueKey}, {Key: "transactionId", Value: c.UniqueKey},
		{Key: "offsetMsgId", Value: record.MessageID(m.StoreHost, m.PhyOffset)},
	}
	f.AddInt("tranStateTableOffset", m.QueueOffset)
	f.AddInt("commitLogOffset", m.PhyOffset)
	m.Topic, m.QueueID = c.Topic, c.QueueID
	if _, err := record.Size(&m); err != nil {
		return // a topic's name that no record has
	}
	_ = conn.Oneway(&remoting.Command{
		Code: remoting.ReqCheckTransactionState, Language: remoting.Go, Version: remoting.Version, Fields: f, Body: record.Append(nil, &m),
	})
}

// anyProducer returns a connection of a producer group whose account may send the message, nil if there
// is none. Groups of producers have no permissions, and who is asked gets the message.
func (c *clients) anyProducer(group string, may func(*acl.Identity) bool) (any *remoting.Conn) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	n := 0
	for conn, m := range c.producers[group] {
		if m.who != nil && !may(m.who) {
			continue
		}
		if n++; rand.IntN(n) == 0 { // each is as likely as the others
			any = conn
		}
	}
	return any
}
