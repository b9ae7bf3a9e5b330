package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/record"
	"pairmq/tools/lab/promise"
)

// producers is how many connections send; each has one queue, which it shares.
const producers = 6

// A producer sends one message after the other until its connection ends. It
// never sends a message twice: what is there twice was stored twice.
type producer struct {
	load   *load
	number int
	client *client
	rng    *rand.Rand
}

// work sends until ctx ends or something goes wrong, as a power cut does.
func (p *producer) work(ctx context.Context) {
	defer p.client.Close()
	for ctx.Err() == nil {
		s := p.send(p.load.ids.Add(1))
		if s.Status == promise.Unknown {
			return
		}
		if s.Status == promise.Refused {
			pause(ctx, 50*time.Millisecond)
		}
		pause(ctx, time.Duration(p.rng.IntN(6))*time.Millisecond)
	}
}

// send makes one attempt. What has begun is not given up when the load ends.
func (p *producer) send(id int64) promise.Send {
	s := promise.Send{ID: id, Producer: p.number, Queue: int32(p.number % queues)}
	p.load.ledger.Begun(id)
	resp, sent, err := p.client.call(context.Background(), remoting.ReqSendMessageV2, remoting.Fields{
		{Key: "a", Value: "LabProducer"}, {Key: "b", Value: topic}, {Key: "c", Value: "TBW102"}, {Key: "d", Value: strconv.Itoa(queues)},
		{Key: "e", Value: strconv.Itoa(int(s.Queue))}, {Key: "f", Value: "0"}, {Key: "g", Value: strconv.FormatInt(time.Now().UnixMilli(), 10)},
		{Key: "h", Value: "0"}, {Key: "i", Value: fmt.Sprintf("UNIQ_KEY\x01%032X\x02WAIT\x01true\x02", id)}, {Key: "j", Value: "0"}, {Key: "k", Value: "false"}, {Key: "m", Value: "false"},
	}, promise.Body(id))
	switch {
	case err != nil && !sent:
		s.Status = promise.Refused
	case err != nil:
		s.Status = promise.Unknown
	default:
		s.Status = statusOf(resp.Code, resp.Remark)
	}
	if s.Status == promise.OK {
		if s.QueueOffset, err = resp.Fields.Int64("queueOffset"); err == nil {
			_, s.PhyOffset, err = record.ParseMessageID(resp.Fields.Get("msgId"))
		}
		if err != nil {
			p.load.trouble(fmt.Errorf("the answer to a send makes no sense: %w", err))
		}
	}
	p.load.ledger.Send(s)
	return s
}

// statusOf says what the answer to a send means. Of a message that was not on
// flash in time (FLUSH_DISK_TIMEOUT) nothing is promised; nor of one that was
// being written when the disk failed: it may be there or not.
func statusOf(code int32, remark string) string {
	switch code {
	case remoting.RespSuccess:
		return promise.OK
	case remoting.RespServiceNotAvailable:
		if strings.Contains(remark, "disk has failed") {
			return promise.Unknown
		}
		return promise.Refused
	case remoting.RespSystemBusy, remoting.RespNoPermission, remoting.RespTopicNotExist, remoting.RespMessageIllegal:
		return promise.Refused
	}
	return promise.Unknown
}
