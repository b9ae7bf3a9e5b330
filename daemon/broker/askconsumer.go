package broker

import (
	"errors"
	"slices"

	"pairmq/internal/remoting"
	"pairmq/store/record"
)

// runningInfo serves GET_CONSUMER_RUNNING_INFO, 307: what a consumer says of itself.
func (b *Broker) runningInfo(req *remoting.Request) error {
	return b.askConsumer(req, req.Fields, nil)
}

// consumeDirectly serves CONSUME_MESSAGE_DIRECTLY, 309: a consumer consumes the message
// with an id once more, and says how that went.
func (b *Broker) consumeDirectly(req *remoting.Request) error {
	_, at, err := record.ParseMessageID(req.Fields.Get("msgId"))
	if err != nil {
		return refuse(remoting.RespInvalidParameter, "msgId: %v", err)
	}
	rec, err := b.store.RecordAt(at)
	if err != nil {
		return err
	}
	known := []string{"brokerName", "topicSysFlag", "groupSysFlag"} // by the broker alone
	f := slices.DeleteFunc(slices.Clone(req.Fields), func(f remoting.Field) bool { return slices.Contains(known, f.Key) })
	f.Add("brokerName", b.opts.Name)
	if t, ok := b.store.Topic(f.Get("topic")); ok {
		f.AddInt("topicSysFlag", int64(t.SysFlag))
	}
	if g, ok := b.store.Group(f.Get("consumerGroup")); ok {
		f.AddInt("groupSysFlag", int64(g.GroupSysFlag))
	}
	return b.askConsumer(req, f, rec)
}

// askConsumer passes a request on to the consumer that it names by group and client id,
// and its answer back. Nothing waits for that meanwhile.
func (b *Broker) askConsumer(req *remoting.Request, f remoting.Fields, body []byte) error {
	group, id := f.Get("consumerGroup"), f.Get("clientId")
	conn := b.clients.consumer(group, id)
	if conn == nil {
		return refuse(remoting.RespSystemError, "The Consumer <%.255s> <%.255s> not online", group, id)
	}
	cmd := &remoting.Command{Code: req.Code, Language: remoting.Go, Fields: f, Body: body}
	conn.Go(cmd, pushTime, func(answer *remoting.Command, err error) {
		switch {
		case errors.Is(err, remoting.ErrTimeout):
			req.ReplyError(remoting.RespConsumeMsgTimeout, "the consumer has not answered: "+err.Error())
		case err != nil:
			req.ReplyError(remoting.RespSystemError, "the consumer was not reached: "+err.Error())
		default:
			req.Reply(&remoting.Response{Code: answer.Code, Remark: answer.Remark, Fields: answer.Fields, Body: answer.Body, Release: func() {}})
		}
	})
	return nil
}

// consumer returns the connection of a group's consumer with a client id, nil if it is
// not online.
func (c *clients) consumer(group, id string) *remoting.Conn {
	c.mu.RLock()
	defer c.mu.RUnlock()
	g := c.consumers[group]
	if g == nil {
		return nil
	}
	for conn, m := range g.members {
		if m.id == id {
			return conn
		}
	}
	return nil
}
