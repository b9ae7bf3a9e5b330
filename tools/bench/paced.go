package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"time"

	"pairmq/internal/remoting"
	"pairmq/tools/harness"
	"pairmq/tools/loadgen"
)

// pacedSenders share a paced load, each with a connection of its own and one
// request in flight.
const pacedSenders = 32

// A paced load sends so many messages a second at random moments, as senders
// that know nothing of each other do. A sender that is late sends at once, and
// a message's latency counts from the moment at which it was due, so that a
// broker that stalls makes all that come meanwhile late.
type paced struct {
	addr     string
	rate     int // messages a second, of all senders
	duration time.Duration
	// request makes message n of a sender, at the moment at which it is sent. All
	// senders call it at once.
	request func(sender, n int) *remoting.Command
	// refused is told of each request that was answered with another code than success,
	// and the load goes on; nil: it ends there. All senders call it at once.
	refused func(*remoting.Command)
	dial    dialFunc // nil means TCP
}

type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// run returns how many messages were stored and how late their answers were.
func (p paced) run(ctx context.Context) (*loadgen.Histogram, error) {
	var wg sync.WaitGroup
	latencies, errs := make([]*loadgen.Histogram, pacedSenders), make([]error, pacedSenders)
	begin := time.Now().Add(100 * time.Millisecond)
	for i := range pacedSenders {
		wg.Go(func() { latencies[i], errs[i] = p.send(ctx, i, begin) })
	}
	wg.Wait()
	sum := new(loadgen.Histogram)
	for _, h := range latencies {
		sum.Merge(h)
	}
	return sum, errors.Join(errs...)
}

// send is one sender's work. Its moments are the same each time.
func (p paced) send(ctx context.Context, number int, begin time.Time) (*loadgen.Histogram, error) {
	h := new(loadgen.Histogram)
	c := remoting.NewClient(remoting.ClientOptions{Dial: p.dial})
	defer c.Close()
	if _, err := c.Conn(ctx, p.addr); err != nil { // so that no message waits for it
		return h, fmt.Errorf("paced sender %d: %w", number, err)
	}
	rng := rand.New(rand.NewPCG(uint64(number), uint64(p.rate)))
	gap := float64(time.Second) * pacedSenders / float64(p.rate)
	due := time.Duration(rng.ExpFloat64() * gap)
	for n := 0; due < p.duration; n++ {
		if err := wait(ctx, time.Until(begin.Add(due))); err != nil {
			return h, err
		}
		asked, cancel := context.WithTimeout(ctx, 10*time.Second)
		req := p.request(number, n)
		resp, err := c.Call(asked, p.addr, req)
		cancel()
		if err != nil {
			return h, fmt.Errorf("paced sender %d, message %d: %w", number, n, err)
		}
		if err := harness.Refused(resp); err != nil && p.refused != nil {
			p.refused(req)
		} else if err != nil {
			return h, fmt.Errorf("paced sender %d, message %d: %w", number, n, err)
		}
		if resp.Code == remoting.RespSuccess {
			h.Record(time.Since(begin.Add(due)), 1)
		}
		due += time.Duration(rng.ExpFloat64() * gap)
	}
	return h, nil
}

// plain makes the requests of a topic's messages with a key as short as loadgen's.
func plain(topic string, body []byte) func(sender, n int) *remoting.Command {
	return func(sender, n int) *remoting.Command {
		return sendRequest(topic, (sender+n)%queues, time.Now(), fmt.Sprintf("KEYS\x01%02X%04X\x02", sender, n&0xffff), body)
	}
}

// sendRequest sends one message; properties are in their form on the wire.
func sendRequest(topic string, queue int, born time.Time, properties string, body []byte) *remoting.Command {
	return &remoting.Command{Code: remoting.ReqSendMessageV2, Body: body, Fields: remoting.Fields{
		{Key: "a", Value: "PacedProducer"}, {Key: "b", Value: topic}, {Key: "c", Value: "TBW102"}, {Key: "d", Value: "4"},
		{Key: "e", Value: strconv.Itoa(queue)}, {Key: "f", Value: "0"}, {Key: "g", Value: strconv.FormatInt(born.UnixMilli(), 10)},
		{Key: "h", Value: "0"}, {Key: "i", Value: properties}, {Key: "j", Value: "0"}, {Key: "k", Value: "false"}, {Key: "m", Value: "false"},
	}}
}
