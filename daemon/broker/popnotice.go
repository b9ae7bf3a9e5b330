package broker

import (
	"strconv"

	"pairmq/internal/remoting"
)

// notification serves NOTIFICATION, 200054: whether there is something to pop, now or
// within pollTime.
func (b *Broker) notification(req *remoting.Request) error {
	s, r, err := b.popRequest(req)
	if err != nil {
		return err
	}
	hold, err := req.Fields.Int64("pollTime")
	if err != nil {
		return err
	}
	if err := popOrder(req, &r); err != nil {
		return err
	}
	if s.Waiting(&r) > 0 {
		replyNotification(req, true, false)
		return nil
	}
	return b.holdPop(&heldPop{Request: r, req: req, asks: true}, hold)
}

func replyNotification(req *remoting.Request, has, full bool) {
	req.Reply(&remoting.Response{Fields: remoting.Fields{{Key: "hasMsg", Value: strconv.FormatBool(has)}, {Key: "pollingFull", Value: strconv.FormatBool(full)}}})
}

// pollingInfo serves POLLING_INFO, 200055: how many pops of a group are held.
func (b *Broker) pollingInfo(req *remoting.Request) error {
	r, err := b.popTarget(req)
	if err != nil {
		return err
	}
	replyNumber(req, "pollingNum", int64(b.popPolls.held(r.Group, r.Topic, r.QueueID)))
	return nil
}
