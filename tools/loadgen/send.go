package loadgen

import (
	"cmp"
	"context"
	"fmt"
	"net"

	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// SendOptions say what to send and how hard.
type SendOptions struct {
	Target
	Bounds
	Topic     string                 // must exist, see CreateTopic; required
	Queues    int                    // its queues, used in turn; 0 means 8
	Size      int                    // bytes of each body; 0 means 1024, at most 4 MiB
	Batch     int                    // messages of one request; 0 means 1, sent as such; more go as code 320
	ShortKey  bool                   // a KEYS property of 12 bytes instead of what clients send, for records that are smaller than theirs
	Conns     int                    // 0 means 1
	InFlight  int                    // requests in flight on all connections together; 0 means 64
	Serialize remoting.SerializeType // of the headers; zero means JSON, as Java clients have it
	Group     string                 // producer group; empty means LoadProducer
	Progress  func(Progress)         // called twice a second from another goroutine; nil for none
}

// maxBody is what a broker takes by default as one message, and as one batch.
const maxBody = 4 << 20

func (o *SendOptions) check() error {
	o.Queues, o.Size, o.Batch = cmp.Or(o.Queues, 8), cmp.Or(o.Size, 1024), cmp.Or(o.Batch, 1)
	o.Conns, o.InFlight = cmp.Or(o.Conns, 1), cmp.Or(o.InFlight, 64)
	o.Group = cmp.Or(o.Group, "LoadProducer")
	if err := table.CheckTopicName(o.Topic); err != nil {
		return fmt.Errorf("%w: %w", ErrOptions, err)
	}
	if err := table.CheckGroupName(o.Group); err != nil {
		return fmt.Errorf("%w: %w", ErrOptions, err)
	}
	switch {
	case o.Size < 1 || o.Batch < 1 || o.Size > maxBody || o.Batch > maxBody || batchSize(o.Batch, o.Size) > maxBody:
		return fmt.Errorf("%w: %d messages of %d bytes; one request takes at most %d bytes", ErrOptions, o.Batch, o.Size, maxBody)
	case o.Conns < 1 || o.Conns > maxConns:
		return fmt.Errorf("%w: %d connections; 1 to %d", ErrOptions, o.Conns, maxConns)
	case o.InFlight < o.Conns || o.InFlight > maxInFlight:
		return fmt.Errorf("%w: %d requests in flight; %d (one for each connection) to %d", ErrOptions, o.InFlight, o.Conns, maxInFlight)
	case o.Queues < 1 || o.Queues > maxQueues:
		return fmt.Errorf("%w: %d queues; 1 to %d", ErrOptions, o.Queues, maxQueues)
	}
	return o.Bounds.check()
}

// Send loads the target's broker with messages until a bound is reached. It
// returns what it measured also with an error: ErrOptions and ErrRemote before
// anything was sent, ErrNothingCounted, ctx's error, or that of a connection.
func Send(ctx context.Context, o SendOptions) (Result, error) {
	if err := o.check(); err != nil {
		return Result{}, err
	}
	if err := o.Target.check(ctx); err != nil {
		return Result{}, err
	}
	req, err := newSendRequest(o)
	if err != nil {
		return Result{}, err
	}
	conns, err := o.dialAll(ctx, o.Conns)
	if err != nil {
		return Result{}, err
	}
	loops := make([]loop, len(conns))
	for i := range loops {
		slots, count := share(o.InFlight, o.Conns, i), int64(maxCount)
		if o.Count > 0 {
			count = int64(share(int(o.Count), o.Conns, i))
		}
		loops[i] = func(r *run, c net.Conn) (*tally, error) {
			return newSender(r, c, req.from(i), slots, count).loop()
		}
	}
	sum, err := drive(ctx, conns, loops, o.Bounds, o.timeout(), o.Progress)
	res, counted := sum.result(o.Bounds)
	if err == nil {
		err = counted
	}
	return res, err
}
