package broker

import (
	"pairmq/daemon/broker/pop"
	"pairmq/internal/remoting"
	"pairmq/store"
)

// peekMessage serves PEEK_MESSAGE, 200052: what there is to pop, without popping it.
func (b *Broker) peekMessage(req *remoting.Request) error {
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
	p, err := s.Peek(&pop.Request{Group: g.Name, Topic: t.Name, Queues: t.ReadQueueNums, QueueID: queueID, Max: most, Room: req})
	if err != nil {
		return popError(err)
	}
	f := popFields(0, 0)
	f.AddInt("restNum", p.Rest)
	if p.Topic == "" {
		req.Reply(&remoting.Response{Code: remoting.RespPullNotFound, Remark: store.NoMessageInQueue.String(), Fields: f})
		return nil
	}
	b.flows.get(g.Name, p.Topic, p.Result.Count, len(p.Result.Body))
	req.Reply(&remoting.Response{Remark: p.Result.Status.String(), Fields: f, Body: p.Result.Body, Release: b.pulls.lend(p.Result)})
	return nil
}
