package broker

import (
	"math/rand/v2"
	"strings"
	"time"

	"pairmq/daemon/broker/pop"
	"pairmq/daemon/broker/schedule"
	"pairmq/daemon/broker/timer"
	"pairmq/daemon/broker/transaction"
	"pairmq/internal/remoting"
	"pairmq/store/record"
	"pairmq/store/table"
)

// sendShort serves SEND_MESSAGE_V2 and SEND_BATCH_MESSAGE, 310 and 320.
func (b *Broker) sendShort(req *remoting.Request) error { return b.send(req, true) }

// sendLong serves SEND_MESSAGE, 10.
func (b *Broker) sendLong(req *remoting.Request) error { return b.send(req, false) }

func (b *Broker) send(req *remoting.Request, short bool) error {
	var h sendHeader
	if err := h.parse(req.Fields, short); err != nil {
		return err
	}
	topic, err := b.sendTopic(&h)
	if err != nil {
		return err
	}
	if most := b.settings().MaxMessageSize; len(req.Body) > most {
		return refuse(remoting.RespMessageIllegal, "the body has %d bytes, at most %d are allowed", len(req.Body), most)
	}
	if h.batch || req.Code == remoting.ReqSendBatchMessage {
		return b.sendBatch(req, &h, &topic)
	}
	return b.sendOne(req, &h, &topic)
}

// sendTopic returns the topic of a send, made if need be, after the checks that
// RocketMQ makes, in its order. It settles h.queueID.
func (b *Broker) sendTopic(h *sendHeader) (table.Topic, error) {
	if err := b.onlyMaster("send to the master"); err != nil {
		return table.Topic{}, err
	}
	topic, ok := b.store.Topic(h.topic)
	if ok && topic.Order && !b.perm(table.PermWrite) {
		return topic, refuse(remoting.RespNoPermission, "the broker %s takes no messages", b.opts.Name)
	}
	if forbidden(h.topic) {
		return topic, refuse(remoting.RespNoPermission, "Sending message to topic[%s] is forbidden.", h.topic)
	}
	if !ok {
		var err error
		if topic, err = b.topicForSend(h); err != nil {
			return topic, err
		}
	}
	if h.queueID >= queuesOf(&topic) {
		return topic, refuse(remoting.RespSystemError, "topic %s has %d queues, none has the id %d", topic.Name, queuesOf(&topic), h.queueID)
	}
	if h.queueID < 0 {
		if topic.WriteQueueNums <= 0 {
			return topic, refuse(remoting.RespNoPermission, "topic %s has no queue to write to", topic.Name)
		}
		h.queueID = rand.Int32N(topic.WriteQueueNums)
	}
	return topic, nil
}

// queuesOf returns how many queues a topic has, to read, write or both.
func queuesOf(t *table.Topic) int32 { return max(t.ReadQueueNums, t.WriteQueueNums) }

// deferred has m wait at a delay level before it goes to the topic and queue it has.
func (b *Broker) deferred(m *record.Message, level int32) {
	schedule.Defer(m, level, len(b.opts.DelayLevels))
}

// timed has m wait for the time that its properties name, if that is still to come, and
// returns the handle by which it can be recalled, "" if it cannot.
func (b *Broker) timed(m *record.Message, w wants) (handle string, err error) {
	if b.opts.NoTimers {
		return "", errNoTimers
	}
	waits, err := timer.Defer(m, time.Now().UnixMilli(), b.opts.TimerMaxDelay.Milliseconds(), b.opts.TimerPrecision.Milliseconds())
	switch {
	case err != nil:
		return "", refuse(remoting.RespMessageIllegal, "%v", err)
	case !waits && w.recall:
		return "", errRecall
	case !waits:
		return "", nil
	}
	if w.recall && !b.timers.MayRecall() {
		return "", errRecalls
	}
	if most := b.opts.TimerMaxBytes; most > 0 && !w.recall {
		if messages, bytes := b.timers.Pending(); bytes >= most { // as a full disk
			return "", refuse(remoting.RespServiceNotAvailable, "%d messages wait for their time in %d bytes of the log, at most %d are allowed (timerMaxBytes)", messages, bytes, most)
		}
	}
	if h, ok := timer.HandleOf(m, b.opts.Name); ok && !strings.HasPrefix(h.Topic, table.RetryPrefix) {
		handle = h.String()
	}
	return handle, nil
}

// forbidden says whether a topic is the broker's own, to which no client sends.
func forbidden(topic string) bool {
	switch topic {
	case schedule.Topic, timer.Topic, transaction.HalfTopic, transaction.OpTopic, transaction.GivenUpTopic, "SELF_TEST_TOPIC", movedTopic:
		return true
	}
	return strings.HasPrefix(topic, pop.ReviveTopicPrefix)
}

// sendOne stores one message and has its reply sent when that is done.
func (b *Broker) sendOne(req *remoting.Request, h *sendHeader, topic *table.Topic) error {
	w, err := b.readProperties(h.properties)
	if err != nil {
		return err
	}
	if strings.HasPrefix(topic.Name, table.RetryPrefix) {
		dead, err := b.exhausted(req.Version, h)
		if err != nil {
			return err
		}
		if dead {
			return b.sendDead(req, h, w)
		}
	}
	if half, err := b.wantsHalf(h, &w); err != nil {
		return err
	} else if half {
		return b.sendHalf(req, h, topic, w)
	}
	if err := w.check(h.sysFlag); err != nil {
		return err
	}
	s := b.sends.get()
	s.ms = s.one[:]
	b.fill(&s.ms[0], req, h, topic)
	s.ms[0].Flag, s.ms[0].Body = h.flag, req.Body
	s.ms[0].Properties = b.withOwn(h.properties, w)
	s.queueID = h.queueID
	if w.delay > 0 {
		if w.timer {
			s.ms[0].Properties = withoutTimer(s.ms[0].Properties)
		}
		b.deferred(&s.ms[0], w.delay)
	} else if w.timer && !w.timed {
		if s.handle, err = b.timed(&s.ms[0], w); err != nil {
			s.release()
			return err
		}
	}
	return b.put(s, req)
}

// fill sets what all messages of a send share.
func (b *Broker) fill(m *record.Message, req *remoting.Request, h *sendHeader, topic *table.Topic) {
	m.Topic, m.QueueID = topic.Name, h.queueID
	m.SysFlag = h.sysFlag
	if topic.FilterType == multiTag {
		m.SysFlag |= record.SysMultiTags
	}
	m.BornTimestamp, m.BornHost = h.bornTimestamp, req.Conn().RemoteAddr()
	m.ReconsumeTimes = h.reconsumeTimes
}

// put stores what s holds; s.finish replies to req.
func (b *Broker) put(s *sending, req *remoting.Request) error {
	s.req = req
	if err := b.store.Put(s.ms, s.done); err != nil {
		s.release()
		return err
	}
	return nil
}
