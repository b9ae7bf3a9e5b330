package broker

import (
	"strings"

	"pairmq/daemon/broker/pop"
	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// popTarget returns the group and the queues of a pop or a question about one, after the
// checks of RocketMQ.
func (b *Broker) popTarget(req *remoting.Request) (r pop.Request, err error) {
	if !b.perm(table.PermRead) {
		return r, refuse(remoting.RespNoPermission, "the broker %s gives no messages out", b.opts.Name)
	}
	t, err := b.topic(req.Fields.Get("topic"))
	if err != nil {
		return r, err
	}
	queueID, err := req.Fields.Int32("queueId")
	if err != nil {
		return r, err
	}
	switch {
	case !permOf(&t, table.PermRead):
		return r, refuse(remoting.RespNoPermission, "topic %s gives no messages out", t.Name)
	case queueID >= t.ReadQueueNums || queueID < pop.AnyQueue:
		return r, errQueue(&t, queueID)
	}
	g, err := b.group(req.Fields.Get("consumerGroup"))
	if err != nil {
		return r, err
	}
	if !g.ConsumeEnable {
		return r, refuse(remoting.RespNoPermission, "subscription group %s may not consume", g.Name)
	}
	if n := len(pop.RetryTopic(g.Name, t.Name)); n > table.MaxTopicName { // what is not acknowledged would have no place
		return r, refuse(remoting.RespInvalidParameter, "the retry topic of group %s and topic %s has %d bytes, at most %d fit into a message", g.Name, t.Name, n, table.MaxTopicName)
	}
	return pop.Request{Group: g.Name, Topic: t.Name, Queues: t.ReadQueueNums, QueueID: queueID}, nil
}

// popRequest returns who has messages popped, and what a request to pop them, or to look
// for them, is about: its target alone.
func (b *Broker) popRequest(req *remoting.Request) (s *pop.Service, r pop.Request, err error) {
	if s, err = b.popper(); err == nil {
		r, err = b.popTarget(req)
	}
	return s, r, err
}

// popCount returns how many messages a request wants to have.
func popCount(req *remoting.Request) (int, error) {
	most, err := req.Fields.Int32("maxMsgNums")
	if err == nil && (most < 1 || most > pop.MaxMessages) {
		err = refuse(remoting.RespInvalidParameter, "maxMsgNums %d is not within 1 to %d", most, pop.MaxMessages)
	}
	return int(most), err
}

// popOrder reads whether a request is about an ordered pop, and about which attempt.
func popOrder(req *remoting.Request, r *pop.Request) (err error) {
	if r.Ordered, err = req.Fields.BoolOr("order", false); err != nil || !r.Ordered {
		return err
	}
	r.Attempt = strings.Clone(req.Fields.Get("attemptId")) // it outlives the request
	if len(r.Attempt) > pop.MaxAttempt {
		return refuse(remoting.RespInvalidParameter, "attemptId has %d bytes, at most %d are read", len(r.Attempt), pop.MaxAttempt)
	}
	return nil
}

// popMessage serves POP_MESSAGE, 200050.
func (b *Broker) popMessage(req *remoting.Request) error {
	s, r, err := b.popRequest(req)
	if err != nil {
		return err
	}
	if r.Max, err = popCount(req); err != nil {
		return err
	}
	if r.Invisible, err = req.Fields.Int64("invisibleTime"); err != nil {
		return err
	}
	hold, err := req.Fields.Int64("pollTime")
	if err != nil {
		return err
	}
	initMode, err := req.Fields.Int32("initMode")
	if err != nil {
		return err
	}
	if err := popOrder(req, &r); err != nil {
		return err
	}
	if r.Invisible < 1 || r.Invisible > pop.MaxInvisible {
		return refuse(remoting.RespInvalidParameter, "invisibleTime %d ms is not within 1 to %d", r.Invisible, pop.MaxInvisible)
	}
	if exp := req.Fields.Get("exp"); exp != "" {
		if r.Filter, err = b.filterBy(r.Group, r.Topic, req.Fields.Get("expType"), exp); err != nil {
			return err
		}
	}
	r.FromEnd, r.Room = initMode == 1, req
	p, err := s.Pop(&r)
	if err != nil {
		return popError(err)
	}
	if p.Topic != "" {
		b.replyPop(req, &r, &p)
		return nil
	}
	return b.holdPop(&heldPop{Request: r, req: req}, hold)
}

// replyPop answers a pop with what it has found, and has the group's next held pop look
// for more.
func (b *Broker) replyPop(req *remoting.Request, r *pop.Request, p *pop.Popped) {
	b.flows.get(r.Group, p.Topic, p.Result.Count, len(p.Result.Body))
	start, all := pop.OffsetInfos(p.Topic, p.QueueID, p.Offsets)
	f := popFields(pop.Handle{PopTime: p.PopTime, Invisible: p.Invisible, Revive: revive(r)})
	f.AddInt("restNum", p.Rest)
	f.Add("startOffsetInfo", start)
	f.Add("msgOffsetInfo", all)
	if r.Ordered {
		f.Add("orderCountInfo", pop.CountInfo(p.Topic, p.QueueID, p.Offsets, p.Counts))
	}
	req.Reply(&remoting.Response{Remark: p.Result.Status.String(), Fields: f, Body: p.Result.Body, Release: b.pulls.lend(p.Result)})
	if p.Rest > 0 {
		b.popPolls.wakeOne(r.Group, r.Topic)
	}
}

func popFields(h pop.Handle) (f remoting.Fields) {
	f.AddInt("popTime", h.PopTime)
	f.AddInt("invisibleTime", h.Invisible)
	f.AddInt("reviveQid", int64(h.Revive))
	return f
}

// revive is what handles of messages that a request pops have there.
func revive(r *pop.Request) int32 {
	if r.Ordered {
		return pop.OrderedRevive
	}
	return 0
}
