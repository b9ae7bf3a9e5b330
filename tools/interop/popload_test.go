package interop

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pairmq/tools/interop/target"
	"pairmq/tools/interop/wire"
)

// What popLoad sends, to how many queues, and who takes it.
const (
	popLoadMessages = 20_000
	popLoadQueues   = 8
	popLoadSenders  = 64
	popLoadPoppers  = 3
	popLoadStay     = 40 // so many pops, then a popper leaves, and another one joins
)

// TestPopLoad sends at full rate, while members of a group pop and leave with messages
// that they have not acknowledged, and others pull: each message that was answered OK is popped until
// it is acknowledged, and pulled once, at the next offset of its queue.
func TestPopLoad(t *testing.T) {
	t.Parallel() // it waits more than it works
	tg := startTarget(t, map[string]string{"flushDiskType": "ASYNC_FLUSH"})
	if tg.Kind != target.Pairmq {
		t.Skip("what is asserted of the offsets of poppers is ours")
	}
	l := &popLoad{tg: tg, topic: "PopLoad", group: "PopLoaders", acked: map[int]int{}}
	l.run(t)
}

type popLoad struct {
	tg           *target.Target
	topic, group string
	sent         atomic.Int64

	mu     sync.Mutex
	acked  map[int]int // how often, by number
	popped int         // deliveries
	left   int         // members that have left
}

func (l *popLoad) run(t *testing.T) {
	ctx := within(t, 2*time.Minute)
	conn := dial(t, l.tg)
	if err := conn.CreateTopic(ctx, l.topic, popLoadQueues); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	failed := make(chan error, popLoadSenders+popLoadPoppers+popLoadQueues)
	var all sync.WaitGroup
	start := func(work func() error) {
		all.Go(func() {
			if err := work(); err != nil {
				failed <- err
			}
		})
	}
	var next atomic.Int64
	var told sync.Map // wire.Receipt, by number
	for range popLoadSenders {
		c := dial(t, l.tg)
		start(func() error { return l.send(ctx, c, &next, &told) })
	}
	for range popLoadPoppers {
		start(func() error { return l.pop(ctx) })
	}
	pulled := make([]map[int]int64, popLoadQueues) // offset by number
	for q := range pulled {
		c := dial(t, l.tg)
		start(func() error {
			var err error
			pulled[q], err = l.pull(ctx, c, int32(q))
			return err
		})
	}
	all.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
	for n := range popLoadMessages {
		r, ok := told.Load(n)
		if !ok {
			continue // which has failed the test
		}
		receipt := r.(wire.Receipt)
		if at, ok := pulled[receipt.QueueID][n]; !ok || at != receipt.QueueOffset {
			t.Errorf("message %d, stored at %d of queue %d, was pulled at %d (%v)", n, receipt.QueueOffset, receipt.QueueID, at, ok)
		}
		if l.acked[n] == 0 {
			t.Errorf("message %d, stored at %d of queue %d, was never popped to be acknowledged", n, receipt.QueueOffset, receipt.QueueID)
		}
	}
	t.Logf("%d messages, %d deliveries, of %d members that left, in %v", popLoadMessages, l.popped, l.left, time.Since(begin).Round(time.Millisecond))
}

func (l *popLoad) send(ctx context.Context, c *wire.Conn, next *atomic.Int64, told *sync.Map) error {
	for {
		n := int(next.Add(1)) - 1
		if n >= popLoadMessages {
			return nil
		}
		r, err := c.Send(ctx, wire.Message{Topic: l.topic, QueueID: int32(n % popLoadQueues), Body: make([]byte, n%1000), Properties: map[string]string{"n": strconv.Itoa(n)}})
		if err != nil {
			return fmt.Errorf("message %d: %w", n, err)
		}
		told.Store(n, r)
		l.sent.Add(1)
	}
}

// pull reads a queue as it grows, to its end.
func (l *popLoad) pull(ctx context.Context, c *wire.Conn, q int32) (map[int]int64, error) {
	came := map[int]int64{}
	for at := int64(0); at < popLoadMessages/popLoadQueues; {
		p, err := c.Pull(ctx, "PopLoadPullers", l.topic, q, at, time.Second)
		if err != nil {
			return came, fmt.Errorf("queue %d at %d: %w", q, at, err)
		}
		for _, r := range p.Records {
			if r.QueueOffset != at {
				return came, fmt.Errorf("queue %d: %d comes where %d is next", q, r.QueueOffset, at)
			}
			n, err := strconv.Atoi(r.Property("n"))
			if err != nil {
				return came, err
			}
			came[n] = at
			at++
		}
		if len(p.Records) > 0 && p.Next != at {
			return came, fmt.Errorf("queue %d: next is %d behind %d", q, p.Next, at-1)
		}
	}
	return came, nil
}

// done says whether all was acknowledged.
func (l *popLoad) done() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked) >= popLoadMessages
}

// pop has one member after the other join, and leave with what it has popped last.
func (l *popLoad) pop(ctx context.Context) error {
	for !l.done() {
		if err := l.member(ctx); err != nil {
			return fmt.Errorf("a member, with %d of %d messages sent: %w", l.sent.Load(), popLoadMessages, err)
		}
		l.mu.Lock()
		l.left++
		l.mu.Unlock()
	}
	return nil
}

func (l *popLoad) member(ctx context.Context) error {
	c, err := l.tg.Dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Heartbeat(ctx, fmt.Sprintf("192.0.2.1@%p", c), l.group, l.topic); err != nil {
		return err
	}
	for i := 0; i < popLoadStay && !l.done(); i++ {
		records, err := l.once(ctx, c, i < popLoadStay-1)
		if err != nil {
			return err
		}
		l.mu.Lock()
		l.popped += records
		l.mu.Unlock()
	}
	return nil
}

// once pops up to 32 messages, and acknowledges them one by one, if it should.
func (l *popLoad) once(ctx context.Context, c *wire.Conn, ack bool) (int, error) {
	resp, err := c.Call(ctx, wire.NewCommand(wire.Pop, "consumerGroup", l.group, "topic", l.topic, "queueId", -1, "maxMsgNums", 32, "invisibleTime", 10_000,
		"pollTime", 1000, "bornTime", time.Now().UnixMilli(), "initMode", 0, "expType", "TAG", "exp", "*", "order", false))
	if err != nil {
		return 0, err
	}
	if resp.Code == wire.PollingTimeout {
		return 0, nil
	}
	if err := resp.Err(); err != nil {
		return 0, err
	}
	records, err := wire.DecodeRecords(resp.Body)
	if err != nil {
		return 0, err
	}
	starts := map[string]string{} // by kind of topic and queue
	for info := range strings.SplitSeq(resp.ExtFields["startOffsetInfo"], ";") {
		if f := strings.Fields(info); len(f) == 3 {
			starts[f[0]+" "+f[1]] = f[2]
		}
	}
	if !ack {
		return len(records), nil
	}
	for _, r := range records {
		kind := "0"
		if r.Topic != l.topic {
			kind = "1"
		}
		start, ok := starts[fmt.Sprintf("%s %d", kind, r.QueueID)]
		if !ok {
			return 0, fmt.Errorf("no start for queue %d of %s in %q", r.QueueID, r.Topic, resp.ExtFields["startOffsetInfo"])
		}
		handle := fmt.Sprintf("%s %s %s %s %s %s %d %d", start, resp.ExtFields["popTime"], resp.ExtFields["invisibleTime"], resp.ExtFields["reviveQid"], kind, target.BrokerName, r.QueueID, r.QueueOffset)
		answer, err := c.Call(ctx, wire.NewCommand(wire.Ack, "consumerGroup", l.group, "topic", r.Topic, "queueId", r.QueueID, "offset", r.QueueOffset, "extraInfo", handle))
		if err != nil {
			return 0, err
		}
		n, bad := strconv.Atoi(r.Property("n"))
		if err := errors.Join(answer.Err(), bad); err != nil {
			return 0, fmt.Errorf("message %q of %s: %w", r.Property("n"), r.Topic, err)
		}
		l.mu.Lock()
		l.acked[n]++
		l.mu.Unlock()
	}
	return len(records), nil
}
