package broker

import (
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/record"
	"pairmq/store/table"
)

// pushTime is how long a client may take to answer what the broker asks it, as with
// RocketMQ's Broker2Client.
const pushTime = 10 * time.Second

// Properties of a reply, by RocketMQ's names.
const (
	propertyReplyTo  = "REPLY_TO_CLIENT" // the clientID of who asked
	propertyPushTime = "PUSH_REPLY_TIME" // when the broker passed it on, ms
)

// A replying is a reply on its way to who asked, and to the log if it is kept.
type replying struct {
	b       *Broker
	req     *remoting.Request
	queueID int32
	left    atomic.Int32 // what has still to end: the push, and the store
	why     string       // the push failed
	ms      [1]record.Message
	kept    bool
}

// replyShort serves SEND_REPLY_MESSAGE_V2, 325.
func (b *Broker) replyShort(req *remoting.Request) error { return b.reply(req, true) }

// replyLong serves SEND_REPLY_MESSAGE, 324.
func (b *Broker) replyLong(req *remoting.Request) error { return b.reply(req, false) }

// reply passes a message on to the client that has asked for it, as request 326, and
// keeps it unless Options.NoKeepReplies. As with RocketMQ the answer says whether
// the client has taken it; whether it could be kept is told by msgId alone.
func (b *Broker) reply(req *remoting.Request, short bool) error {
	var h sendHeader
	if err := h.parse(req.Fields, short); err != nil {
		return err
	}
	if most := b.settings().MaxMessageSize; len(req.Body) > most {
		return refuse(remoting.RespMessageIllegal, "the body has %d bytes, at most %d are allowed", len(req.Body), most)
	}
	w, err := b.readProperties(h.properties)
	if err == nil {
		err = w.check(h.sysFlag)
	}
	if err == nil && w.timer && !w.timed && w.delay <= 0 {
		err = errTimedReply
	}
	if err != nil {
		return err
	}
	topic, err := b.sendTopic(&h)
	if err != nil {
		return err
	}
	r := &replying{b: b, req: req, queueID: h.queueID}
	r.left.Store(2)
	b.pushReply(r, &h)
	b.keepReply(r, &h, &topic, w)
	return nil
}

// pushReply has the reply passed on; r.pushed is told how that went.
func (b *Broker) pushReply(r *replying, h *sendHeader) {
	client, ok := record.Property(h.properties, propertyReplyTo)
	if !ok {
		r.pushed("the reply has no property " + propertyReplyTo)
		return
	}
	conn := b.clients.producer(client)
	if conn == nil {
		r.pushed("no producer with the id " + strconv.Quote(client[:min(len(client), 255)]) + " is connected here")
		return
	}
	conn.Go(b.replyCommand(r.req, h), pushTime, func(answer *remoting.Command, err error) {
		switch {
		case err != nil:
			r.pushed("the client was not reached: " + err.Error())
		case answer.Code != remoting.RespSuccess:
			r.pushed("the client has refused the reply: " + answer.Remark)
		default:
			r.pushed("")
		}
	})
}

// replyCommand is request 326, whose header is that of the send and a little more.
func (b *Broker) replyCommand(req *remoting.Request, h *sendHeader) *remoting.Command {
	now := time.Now().UnixMilli()
	f := remoting.Fields{
		{Key: "producerGroup", Value: h.group}, {Key: "topic", Value: h.topic}, {Key: "defaultTopic", Value: h.defaultTopic},
		{Key: "bornHost", Value: req.Conn().RemoteAddr().String()}, {Key: "storeHost", Value: b.opts.Addr.String()},
		{Key: "properties", Value: addProperty(h.properties, propertyPushTime, now)}, {Key: "unitMode", Value: "false"},
	}
	f.AddInt("storeTimestamp", now)
	f.AddInt("defaultTopicQueueNums", int64(h.defaultQueues))
	f.AddInt("queueId", int64(h.queueID))
	f.AddInt("sysFlag", int64(h.sysFlag))
	f.AddInt("bornTimestamp", h.bornTimestamp)
	f.AddInt("flag", int64(h.flag))
	f.AddInt("reconsumeTimes", int64(h.reconsumeTimes))
	return &remoting.Command{Code: remoting.ReqPushReplyMessageToClient, Language: remoting.Go, Fields: f, Body: req.Body}
}

// addProperty appends a property to a properties text.
func addProperty(props, name string, value int64) string {
	if props != "" && props[len(props)-1] != 0x02 {
		props += "\x02"
	}
	return props + name + "\x01" + strconv.FormatInt(value, 10)
}

// keepReply stores the reply, unless nobody wants that.
func (b *Broker) keepReply(r *replying, h *sendHeader, topic *table.Topic, w wants) {
	if b.settings().NoKeepReplies || strings.HasPrefix(topic.Name, table.RetryPrefix) {
		r.end()
		return
	}
	m := &r.ms[0]
	b.fill(m, r.req, h, topic)
	m.Flag, m.Body, m.Properties = h.flag, r.req.Body, b.withOwn(h.properties, w)
	if err := b.store.Put(r.ms[:], r.stored); err != nil {
		r.stored(err)
	}
}

func (r *replying) pushed(why string) {
	r.why = why
	r.end()
}

func (r *replying) stored(err error) {
	r.b.refusals.add(err)
	if code, _ := responseCode(err); isStored(code) {
		r.kept = true
		r.b.flows.put(r.ms[0].Topic, 1, sizeOf(r.ms[:]))
	}
	r.end()
}

// end answers once nothing is left to wait for.
func (r *replying) end() {
	if r.left.Add(-1) > 0 {
		return
	}
	if r.why != "" {
		r.req.ReplyError(remoting.RespSystemError, r.why)
		return
	}
	id, offset := "0", int64(0) // clients insist on numbers
	if r.kept {
		id, offset = string(record.AppendMessageID(nil, r.ms[0].StoreHost, r.ms[0].PhyOffset)), r.ms[0].QueueOffset
	}
	f := remoting.Fields{{Key: "msgId", Value: id}, {Key: "MSG_REGION", Value: defaultRegion}, {Key: "TRACE_ON", Value: "true"}}
	f.AddInt("queueId", int64(r.queueID))
	f.AddInt("queueOffset", offset)
	r.req.Reply(&remoting.Response{Fields: f})
}
