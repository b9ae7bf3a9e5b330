package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/record"
	"pairmq/tools/chaos/check"
)

// How a producer sends.
const (
	producers    = 3             // each in a queue of its own
	queues       = producers + 1 // the last one is for a look whether messages are taken
	sendPause    = 4 * time.Millisecond
	sendAttempts = 6
)

// A producer sends one message after the other to whichever broker takes them,
// and a message again when it is not known to be stored, as clients do.
type producer struct {
	run    *run
	number int
	caller *caller
	broker int
	rng    *rand.Rand
}

// work sends until ctx ends. A message that has begun is finished.
func (p *producer) work(ctx context.Context) {
	defer p.caller.Close()
	for ctx.Err() == nil {
		id := p.run.ids.Add(1)
		for range sendAttempts {
			if got := p.send(id); got == check.OK || got == check.Stored || ctx.Err() != nil {
				break
			}
			p.broker = 1 - p.broker
			pause(ctx, time.Duration(5+p.rng.IntN(60))*time.Millisecond)
		}
		pause(ctx, sendPause)
	}
}

// send makes one attempt, and returns what it came to.
func (p *producer) send(id int64) string {
	s := check.Send{ID: id, Producer: p.number, Queue: int32(p.number), Broker: nameOf(p.broker), Began: p.run.now()}
	properties := fmt.Sprintf("UNIQ_KEY\x01%032X\x02WAIT\x01true\x02", id)
	resp, sent, err := p.caller.call(context.Background(), p.broker, remoting.ReqSendMessageV2, remoting.Fields{
		{Key: "a", Value: "ChaosProducer"}, {Key: "b", Value: topic}, {Key: "c", Value: "TBW102"}, {Key: "d", Value: strconv.Itoa(queues)},
		{Key: "e", Value: strconv.Itoa(p.number)}, {Key: "f", Value: "0"}, {Key: "g", Value: strconv.FormatInt(time.Now().UnixMilli(), 10)},
		{Key: "h", Value: "0"}, {Key: "i", Value: properties}, {Key: "j", Value: "0"}, {Key: "k", Value: "false"}, {Key: "m", Value: "false"},
	}, check.Body(id))
	s.Ended = p.run.now()
	switch {
	case err != nil && !sent:
		s.Status = check.Refused
	case err != nil:
		s.Status = check.Unknown
	default:
		s.Status = statusOf(resp.Code)
	}
	if s.Status == check.OK || s.Status == check.Stored {
		if s.QueueOffset, err = resp.Fields.Int64("queueOffset"); err == nil {
			_, s.PhyOffset, err = record.ParseMessageID(resp.Fields.Get("msgId"))
		}
		if err != nil {
			p.run.trouble("the answer to a send makes no sense: %v", err)
		}
	}
	p.run.record.Send(s)
	return s.Status
}

// statusOf says what the answer to a send means.
func statusOf(code int32) string {
	switch code {
	case remoting.RespSuccess:
		return check.OK
	case remoting.RespFlushDiskTimeout, remoting.RespSlaveNotAvailable, remoting.RespFlushSlaveTimeout:
		return check.Stored
	case remoting.RespSystemBusy, remoting.RespServiceNotAvailable, remoting.RespNoPermission, remoting.RespTopicNotExist, remoting.RespMessageIllegal:
		return check.Refused
	}
	return check.Unknown
}

// pause waits, at most until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
