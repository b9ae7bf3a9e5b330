package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/record"
	"pairmq/tools/harness"
)

// What all delayed messages have in common.
const (
	delaySize   = 128 // bytes of a body, of which the first 8 are the message's number, big-endian
	delayGrace  = 15 * time.Second
	delayLinger = 500 * time.Millisecond // in which a message may still come a second time
)

// A delayKind is a way to have a message wait.
type delayKind struct {
	name     string // in the cell's name
	property string
	longest  time.Duration
	delay    func(*rand.Rand) time.Duration // that a message waits
	value    func(time.Duration) string     // of the property
}

// level is a delay level, of which there are those of RocketMQ's messageDelayLevel.
func level(n int, d time.Duration) delayKind {
	return delayKind{name: fmt.Sprintf("level%d", n), property: "DELAY", longest: d,
		delay: func(*rand.Rand) time.Duration { return d },
		value: func(time.Duration) string { return strconv.Itoa(n) }}
}

// timer is any delay of so many milliseconds, both included, as 5.x has it.
func timer(from, to int64) delayKind {
	return delayKind{name: kindTimer, property: "TIMER_DELAY_MS", longest: time.Duration(to) * time.Millisecond,
		delay: func(rng *rand.Rand) time.Duration {
			return time.Duration(from+rng.Int64N(to-from+1)) * time.Millisecond
		},
		value: func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }}
}

// A delayLoad sends messages that are to wait, of each kind as many and at random
// moments, and looks when they come. The topic is empty before.
type delayLoad struct {
	addr     string
	topic    string
	kinds    []delayKind
	count    int           // of each kind, about
	duration time.Duration // in which they are sent
	beside   int           // messages a second of another topic meanwhile, until the last is due
	dial     dialFunc      // nil means TCP
}

// run returns how the messages of each kind came, and how many the broker refused.
func (l delayLoad) run(ctx context.Context) ([]lateness, error) {
	book := newLedger()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var work sync.WaitGroup
	begin := func(do func() error) {
		work.Go(func() {
			if err := do(); err != nil && ctx.Err() == nil {
				cancel(err)
			}
		})
	}
	for queue := range queues {
		begin(func() error { return l.consume(ctx, queue, book) })
	}
	if l.beside > 0 {
		p := paced{addr: l.addr, rate: l.beside, duration: l.duration + l.longest(), request: plain(topicBeside, make([]byte, delaySize)), dial: l.dial}
		p.refused = func(*remoting.Command) {} // a broker that has enough of them is busy
		begin(func() error { _, err := p.run(ctx); return err })
	}
	rate := max(1, int(float64(l.count*len(l.kinds))/l.duration.Seconds()))
	_, err := paced{addr: l.addr, rate: rate, duration: l.duration, dial: l.dial, request: func(sender, n int) *remoting.Command {
		return l.request(book, sender, n)
	}, refused: func(r *remoting.Command) { book.refuse(binary.BigEndian.Uint64(r.Body)) }}.run(ctx)
	if err == nil {
		err = book.wait(ctx, delayGrace)
	}
	if err == nil {
		err = wait(ctx, delayLinger)
	}
	if cause := context.Cause(ctx); cause != nil { // why the senders and the wait ended
		err = cause
	}
	cancel(nil)
	work.Wait()
	all := make([]lateness, len(l.kinds))
	for i := range all {
		all[i] = book.lateness(i)
	}
	return all, err
}

// longest is the longest delay.
func (l delayLoad) longest() (d time.Duration) {
	for _, k := range l.kinds {
		d = max(d, k.longest)
	}
	return d
}

// request is the next message of one sender, with a key as clients have it.
func (l delayLoad) request(book *ledger, sender, n int) *remoting.Command {
	kind := (sender + n) % len(l.kinds)
	k := l.kinds[kind]
	born := time.Now()
	number, d := book.enter(kind, born, k.delay)
	body := make([]byte, delaySize)
	binary.BigEndian.PutUint64(body, number)
	return sendRequest(l.topic, int(number)%queues, born, fmt.Sprintf("UNIQ_KEY\x01%032X\x02WAIT\x01true\x02%s\x01%s\x02", number, k.property, k.value(d)), body)
}

// maxOdd is how often in a row a pull may bring nothing without having been held.
const maxOdd = 16

// consume waits for the messages of one queue, as a client does, until ctx ends.
func (l delayLoad) consume(ctx context.Context, queue int, book *ledger) error {
	c := remoting.NewClient(remoting.ClientOptions{Dial: l.dial})
	defer c.Close()
	offset := int64(0)
	for odd := 0; odd < maxOdd; odd++ {
		asked, cancel := context.WithTimeout(ctx, 2*harness.HoldTime)
		resp, err := c.Call(asked, l.addr, l.pull(queue, offset))
		now := time.Now()
		cancel()
		if err != nil {
			return fmt.Errorf("pull of queue %d at %d: %w", queue, offset, err)
		}
		switch resp.Code {
		case remoting.RespPullNotFound:
			odd = -1
			continue
		case remoting.RespSuccess:
			odd = -1
			if err := arrived(resp.Body, now, book); err != nil {
				return fmt.Errorf("pull of queue %d at %d: %w", queue, offset, err)
			}
		case remoting.RespPullRetryImmediately, remoting.RespPullOffsetMoved:
		default:
			return fmt.Errorf("pull of queue %d at %d: %w", queue, offset, harness.Refused(resp))
		}
		if offset, err = resp.Fields.Int64("nextBeginOffset"); err != nil {
			return fmt.Errorf("pull of queue %d: %w", queue, err)
		}
	}
	return fmt.Errorf("pull of queue %d at %d: sent elsewhere %d times in a row", queue, offset, maxOdd)
}

// arrived takes note of the messages in the body of a pull that was read at now.
func arrived(b []byte, now time.Time, book *ledger) error {
	for len(b) > 0 {
		v, err := record.Parse(b, record.Limits{})
		if err != nil {
			return err
		}
		if len(v.Body()) != delaySize {
			return fmt.Errorf("a message of %d bytes came, not of %d", len(v.Body()), delaySize)
		}
		if err := book.arrive(binary.BigEndian.Uint64(v.Body()), now); err != nil {
			return err
		}
		b = b[v.Size():]
	}
	return nil
}

// pull asks for messages, and to be held until there are some.
func (l delayLoad) pull(queue int, offset int64) *remoting.Command {
	const waitForMore, withSubscription = 1 << 1, 1 << 2
	return &remoting.Command{Code: remoting.ReqPullMessage, Fields: remoting.Fields{
		{Key: "consumerGroup", Value: "DelayConsumer"}, {Key: "topic", Value: l.topic}, {Key: "queueId", Value: strconv.Itoa(queue)},
		{Key: "queueOffset", Value: strconv.FormatInt(offset, 10)}, {Key: "maxMsgNums", Value: "32"},
		{Key: "sysFlag", Value: strconv.Itoa(waitForMore | withSubscription)}, {Key: "commitOffset", Value: "0"},
		{Key: "suspendTimeoutMillis", Value: strconv.FormatInt(harness.HoldTime.Milliseconds(), 10)},
		{Key: "subscription", Value: "*"}, {Key: "subVersion", Value: "0"}, {Key: "expressionType", Value: "TAG"},
	}}
}
