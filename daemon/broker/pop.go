package broker

import (
	"time"

	"pairmq/daemon/broker/pop"
	"pairmq/internal/remoting"
	"pairmq/store"
	"pairmq/store/table"
)

// popTarget returns the group and topic of a pop or a question about one, after the
// checks of RocketMQ.
func (b *Broker) popTarget(req *remoting.Request) (g table.Group, t table.Topic, queueID int32, err error) {
	if !b.perm(table.PermRead) {
		return g, t, 0, refuse(remoting.RespNoPermission, "the broker %s gives no messages out", b.opts.Name)
	}
	if t, err = b.topic(req.Fields.Get("topic")); err != nil {
		return g, t, 0, err
	}
	if queueID, err = req.Fields.Int32("queueId"); err != nil {
		return g, t, 0, err
	}
	switch {
	case !permOf(&t, table.PermRead):
		return g, t, 0, refuse(remoting.RespNoPermission, "topic %s gives no messages out", t.Name)
	case queueID >= t.ReadQueueNums || queueID < pop.AnyQueue:
		return g, t, 0, errQueue(&t, queueID)
	}
	if g, err = b.group(req.Fields.Get("consumerGroup")); err != nil {
		return g, t, 0, err
	}
	if !g.ConsumeEnable {
		return g, t, 0, refuse(remoting.RespNoPermission, "subscription group %s may not consume", g.Name)
	}
	if n := len(pop.RetryTopic(g.Name, t.Name)); n > table.MaxTopicName { // what is not acknowledged would have no place
		return g, t, 0, refuse(remoting.RespInvalidParameter, "the retry topic of group %s and topic %s has %d bytes, at most %d fit into a message", g.Name, t.Name, n, table.MaxTopicName)
	}
	return g, t, queueID, nil
}

// popCount returns how many messages a request wants to have.
func popCount(req *remoting.Request) (int, error) {
	most, err := req.Fields.Int32("maxMsgNums")
	if err == nil && (most < 1 || most > pop.MaxMessages) {
		err = refuse(remoting.RespInvalidParameter, "maxMsgNums %d is not within 1 to %d", most, pop.MaxMessages)
	}
	return int(most), err
}

// popMessage serves POP_MESSAGE, 200050.
func (b *Broker) popMessage(req *remoting.Request) error {
	s, err := b.popper()
	if err != nil {
		return err
	}
	g, t, queueID, err := b.popTarget(req)
	if err != nil {
		return err
	}
	most, err := popCount(req)
	if err != nil {
		return err
	}
	invisible, err := req.Fields.Int64("invisibleTime")
	if err != nil {
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
	order, err := req.Fields.BoolOr("order", false)
	if err != nil {
		return err
	}
	switch {
	case order:
		return refuse(remoting.RespInvalidParameter, "this broker has no ordered pop")
	case invisible < 1 || invisible > pop.MaxInvisible:
		return refuse(remoting.RespInvalidParameter, "invisibleTime %d ms is not within 1 to %d", invisible, pop.MaxInvisible)
	}
	var filter store.Filter
	if exp := req.Fields.Get("exp"); exp != "" {
		if filter, err = b.filterBy(g.Name, t.Name, req.Fields.Get("expType"), exp); err != nil {
			return err
		}
	}
	r := pop.Request{
		Group: g.Name, Topic: t.Name, Queues: t.ReadQueueNums, QueueID: queueID, Max: most, Invisible: invisible,
		FromEnd: initMode == 1, Filter: filter, Room: req,
	}
	p, err := s.Pop(&r)
	if err != nil {
		return popError(err)
	}
	if p.Topic != "" {
		b.replyPop(req, &r, &p)
		return nil
	}
	h := &heldPop{Request: r, req: req, deadline: time.Now().Add(min(time.Duration(max(min(hold, pop.MaxInvisible), 0))*time.Millisecond, b.opts.MaxHold))}
	if hold <= 0 {
		h.none()
		return nil
	}
	return b.holdPop(h)
}

// replyPop answers a pop with what it has found, and has the group's next held pop look
// for more.
func (b *Broker) replyPop(req *remoting.Request, r *pop.Request, p *pop.Popped) {
	b.flows.get(r.Group, p.Topic, p.Result.Count, len(p.Result.Body))
	start, all := pop.OffsetInfos(p.Topic, p.QueueID, p.Offsets)
	f := popFields(p.PopTime, p.Invisible)
	f.AddInt("restNum", p.Rest)
	f.Add("startOffsetInfo", start)
	f.Add("msgOffsetInfo", all)
	req.Reply(&remoting.Response{Remark: p.Result.Status.String(), Fields: f, Body: p.Result.Body, Release: b.pulls.lend(p.Result)})
	if p.Rest > 0 {
		b.popPolls.wakeOne(r.Group, r.Topic)
	}
}

func popFields(popTime, invisible int64) (f remoting.Fields) {
	f.AddInt("popTime", popTime)
	f.AddInt("invisibleTime", invisible)
	f.Add("reviveQid", "0")
	return f
}
