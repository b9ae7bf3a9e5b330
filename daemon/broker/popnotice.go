package broker

import (
	"strconv"
	"time"

	"pairmq/daemon/broker/pop"
	"pairmq/internal/remoting"
)

// notification serves NOTIFICATION, 200054: whether there is something to pop, now or
// within pollTime.
func (b *Broker) notification(req *remoting.Request) error {
	s, err := b.popper()
	if err != nil {
		return err
	}
	g, t, queueID, err := b.popTarget(req)
	if err != nil {
		return err
	}
	hold, err := req.Fields.Int64("pollTime")
	if err != nil {
		return err
	}
	if s.Waiting(g.Name, t.Name, t.ReadQueueNums, queueID) > 0 {
		replyNotification(req, true, false)
		return nil
	}
	h := &heldPop{
		Request: pop.Request{Group: g.Name, Topic: t.Name, Queues: t.ReadQueueNums, QueueID: queueID}, req: req, asks: true,
		deadline: time.Now().Add(min(time.Duration(max(min(hold, pop.MaxInvisible), 0))*time.Millisecond, b.opts.MaxHold)),
	}
	if hold <= 0 {
		h.none()
		return nil
	}
	return b.holdPop(h)
}

func replyNotification(req *remoting.Request, has, full bool) {
	req.Reply(&remoting.Response{Fields: remoting.Fields{{Key: "hasMsg", Value: strconv.FormatBool(has)}, {Key: "pollingFull", Value: strconv.FormatBool(full)}}})
}

// pollingInfo serves POLLING_INFO, 200055: how many pops of a group are held.
func (b *Broker) pollingInfo(req *remoting.Request) error {
	g, t, queueID, err := b.popTarget(req)
	if err != nil {
		return err
	}
	replyNumber(req, "pollingNum", int64(b.popPolls.held(g.Name, t.Name, queueID)))
	return nil
}
