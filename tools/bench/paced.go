package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"pairmq/internal/remoting"
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
	body     []byte
	rate     int // messages a second, of all senders
	duration time.Duration
}

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
	c := remoting.NewClient(remoting.ClientOptions{})
	defer c.Close()
	rng := rand.New(rand.NewPCG(uint64(number), uint64(p.rate)))
	gap := float64(time.Second) * pacedSenders / float64(p.rate)
	due := time.Duration(rng.ExpFloat64() * gap)
	for n := 0; due < p.duration; n++ {
		if err := wait(ctx, time.Until(begin.Add(due))); err != nil {
			return h, err
		}
		asked, cancel := context.WithTimeout(ctx, 10*time.Second)
		resp, err := c.Call(asked, p.addr, p.request(number, n))
		cancel()
		if err != nil {
			return h, fmt.Errorf("paced sender %d, message %d: %w", number, n, err)
		}
		if resp.Code != remoting.RespSuccess {
			return h, fmt.Errorf("paced sender %d, message %d: answered with code %d: %s", number, n, resp.Code, resp.Remark)
		}
		h.Record(time.Since(begin.Add(due)), 1)
		due += time.Duration(rng.ExpFloat64() * gap)
	}
	return h, nil
}

// request is that of a message with a key as short as loadgen's.
func (p paced) request(number, n int) *remoting.Command {
	return &remoting.Command{Code: remoting.ReqSendMessageV2, Body: p.body, Fields: remoting.Fields{
		{Key: "a", Value: "PacedProducer"}, {Key: "b", Value: wearTopic}, {Key: "c", Value: "TBW102"}, {Key: "d", Value: "4"},
		{Key: "e", Value: strconv.Itoa((number + n) % queues)}, {Key: "f", Value: "0"}, {Key: "g", Value: strconv.FormatInt(time.Now().UnixMilli(), 10)},
		{Key: "h", Value: "0"}, {Key: "i", Value: fmt.Sprintf("KEYS\x01%02X%04X\x02", number, n&0xffff)}, {Key: "j", Value: "0"}, {Key: "k", Value: "false"}, {Key: "m", Value: "false"},
	}}
}
