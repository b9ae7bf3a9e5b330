package broker

import (
	"strings"
	"time"

	"pairmq/daemon/broker/timer"
	"pairmq/internal/remoting"
	"pairmq/store/record"
)

// recallMessage serves RECALL_MESSAGE, 370, with RocketMQ's checks in its order: a
// message that waits for its time is not delivered, if it still waits when what says
// so is read from the log. That is stored as RocketMQ stores it, and its answer is a
// promise as that to a send is.
func (b *Broker) recallMessage(req *remoting.Request) error {
	switch {
	case b.opts.NoRecall:
		return refuse(remoting.RespNoPermission, "recall failed, operation is forbidden")
	case b.slave():
		return refuse(remoting.RespSlaveNotAvailable, "recall failed, broker service not available")
	}
	if err := b.onlyMaster("recall at the master"); err != nil {
		return err
	}
	topic := req.Fields.Get("topic")
	if _, ok := b.store.Topic(topic); !ok {
		return refuse(remoting.RespTopicNotExist, "recall failed, the topic[%.255s] not exist", topic)
	}
	h, err := timer.DecodeHandle(req.Fields.Get("recallHandle"))
	switch {
	case err != nil:
		return refuse(remoting.RespIllegalOperation, "recall handle is invalid")
	case h.Topic != topic:
		return refuse(remoting.RespIllegalOperation, "recall failed, topic not match")
	case h.BrokerName != b.opts.Name:
		return refuse(remoting.RespIllegalOperation, "recall failed, broker service not available")
	}
	now := time.Now().UnixMilli()
	if h.Due <= now || h.Due-now >= b.opts.TimerMaxDelay.Milliseconds() {
		return refuse(remoting.RespIllegalOperation, "recall failed, timestamp invalid")
	}
	group := req.Fields.Get("producerGroup")
	if strings.ContainsAny(h.Key+group, "\x01\x02") { // they would be properties of their own
		return refuse(remoting.RespIllegalOperation, "recall handle is invalid")
	}
	m := record.Message{BornTimestamp: now, BornHost: req.Conn().RemoteAddr()}
	timer.Recall(&m, h, group)
	switch {
	case b.opts.NoTimers:
		return refuse(remoting.RespSystemError, "recall failed, execute error")
	case !b.timers.MayRecall():
		return errRecalls
	}
	if _, err := timer.Defer(&m, now, b.opts.TimerMaxDelay.Milliseconds(), b.opts.TimerPrecision.Milliseconds()); err != nil {
		return refuse(remoting.RespIllegalOperation, "recall failed, timestamp invalid")
	}
	return b.store.Put([]record.Message{m}, func(err error) {
		code, remark := responseCode(err)
		b.sends.refusals.add(err)
		resp := remoting.Response{Code: code, Remark: remark}
		if code == remoting.RespSuccess {
			resp.Fields.Add("msgId", h.Key)
		}
		resp.Fields.Add("MSG_REGION", defaultRegion)
		req.Reply(&resp)
	})
}
