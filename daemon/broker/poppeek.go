package broker

import (
	"pairmq/daemon/broker/pop"
	"pairmq/internal/remoting"
	"pairmq/store"
)

// peekMessage serves PEEK_MESSAGE, 200052: what there is to pop, without popping it.
func (b *Broker) peekMessage(req *remoting.Request) error {
	s, r, err := b.popRequest(req)
	if err != nil {
		return err
	}
	if r.Max, err = popCount(req); err != nil {
		return err
	}
	r.Room = req
	p, err := s.Peek(&r)
	if err != nil {
		return popError(err)
	}
	f := popFields(pop.Handle{})
	f.AddInt("restNum", p.Rest)
	if p.Topic == "" {
		req.Reply(&remoting.Response{Code: remoting.RespPullNotFound, Remark: store.NoMessageInQueue.String(), Fields: f})
		return nil
	}
	b.flows.get(r.Group, p.Topic, p.Result.Count, len(p.Result.Body))
	req.Reply(&remoting.Response{Remark: p.Result.Status.String(), Fields: f, Body: p.Result.Body, Release: b.pulls.lend(p.Result)})
	return nil
}
