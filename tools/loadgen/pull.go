package loadgen

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strconv"

	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// PullOptions say what to pull and how hard.
type PullOptions struct {
	Target
	Bounds
	Topic     string                 // required
	Queues    int                    // of them all are pulled; 0 means 8
	Conns     int                    // which share the queues; 0 means 1, at most Queues
	Max       int                    // messages asked for at once; 0 means 32, beyond which few brokers go
	Again     bool                   // start over at the end of a queue, until a bound is reached
	Serialize remoting.SerializeType // of the headers; zero means JSON, as Java clients have it
	Group     string                 // consumer group; empty means LoadConsumer
	Progress  func(Progress)         // called twice a second from another goroutine; nil for none
}

func (o *PullOptions) check() error {
	o.Queues, o.Conns, o.Max = cmp.Or(o.Queues, 8), cmp.Or(o.Conns, 1), cmp.Or(o.Max, 32)
	o.Group = cmp.Or(o.Group, "LoadConsumer")
	if err := table.CheckTopicName(o.Topic); err != nil {
		return fmt.Errorf("%w: %w", ErrOptions, err)
	}
	if err := table.CheckGroupName(o.Group); err != nil {
		return fmt.Errorf("%w: %w", ErrOptions, err)
	}
	switch {
	case o.Queues < 1 || o.Queues > maxQueues:
		return fmt.Errorf("%w: %d queues; 1 to %d", ErrOptions, o.Queues, maxQueues)
	case o.Conns < 1 || o.Conns > o.Queues || o.Conns > maxConns:
		return fmt.Errorf("%w: %d connections; 1 to %d, for a queue is pulled by one", ErrOptions, o.Conns, min(o.Queues, maxConns))
	case o.Max < 1 || o.Max > 4096:
		return fmt.Errorf("%w: %d messages at once; 1 to 4096", ErrOptions, o.Max)
	}
	return o.Bounds.check()
}

// Pull reads the topic's queues from their beginning to their end, each with
// one request in flight, or until a bound is reached. Nothing is committed,
// and messages are counted, not decoded. It returns what it measured also with
// an error: ErrOptions and ErrRemote before anything was sent, ErrRefused when
// the broker goes on refusing, ErrNothingCounted, ctx's error, or that of a
// connection.
func Pull(ctx context.Context, o PullOptions) (Result, error) {
	if err := o.check(); err != nil {
		return Result{}, err
	}
	if err := o.Target.check(ctx); err != nil {
		return Result{}, err
	}
	t, err := pullTemplates(o)
	if err != nil {
		return Result{}, err
	}
	conns, err := o.dialAll(ctx, o.Conns)
	if err != nil {
		return Result{}, err
	}
	loops := make([]loop, len(conns))
	for i := range loops {
		var mine []template
		for q := i; q < len(t); q += o.Conns {
			mine = append(mine, t[q])
		}
		budget := int64(maxCount)
		if o.Count > 0 {
			budget = int64(share(int(o.Count), o.Conns, i))
		}
		loops[i] = func(r *run, c net.Conn) (*tally, error) {
			return newPuller(r, c, mine, budget, o.Again).loop()
		}
	}
	sum, err := drive(ctx, conns, loops, o.Bounds, o.timeout(), o.Progress)
	res, counted := sum.result(o.Bounds)
	if err == nil {
		err = counted
	}
	return res, err
}

// sysFlag of a pull that carries its subscription and wants to be answered at once.
const pullNow = 1 << 2

// pullTemplates returns one request for each queue.
func pullTemplates(o PullOptions) ([]template, error) {
	all := make([]template, o.Queues)
	for q := range all {
		t, err := newTemplate(remoting.Command{
			Code: remoting.ReqPullMessage, Serialize: o.Serialize,
			Fields: remoting.Fields{
				{Key: "consumerGroup", Value: o.Group}, {Key: "topic", Value: o.Topic},
				{Key: "queueId", Value: strconv.Itoa(q)}, {Key: "queueOffset", Value: offsetMark},
				{Key: "maxMsgNums", Value: strconv.Itoa(o.Max)}, {Key: "sysFlag", Value: strconv.Itoa(pullNow)},
				{Key: "commitOffset", Value: "0"}, {Key: "suspendTimeoutMillis", Value: "0"},
				{Key: "subscription", Value: "*"}, {Key: "subVersion", Value: "0"}, {Key: "expressionType", Value: "TAG"},
			},
		})
		if err != nil {
			return nil, err
		}
		all[q] = t
	}
	return all, nil
}
