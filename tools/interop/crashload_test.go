package interop

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pairmq/tools/interop/logscan"
	"pairmq/tools/interop/target"
	"pairmq/tools/interop/wire"
)

const (
	loadQueues  = 4
	loadSenders = 16
)

// A spot is a place in a topic.
type spot struct {
	queue  int32
	offset int64
}

// An ack is what a sender was told.
type ack struct {
	spot
	phyOffset int64
}

// A load sends messages with numbers of their own and remembers the answers.
type load struct {
	target *target.Target
	topic  string
	next   atomic.Int64 // the next message's number

	mu    sync.Mutex
	acked map[int]ack

	checked [loadQueues]int64 // queue offsets up to which check has looked
	stored  map[int]spot      // by message number, as check found them
}

func newLoad(t *testing.T, tg *target.Target, topic string) *load {
	t.Helper()
	return &load{target: tg, topic: topic, acked: map[int]ack{}, stored: map[int]spot{}}
}

// create makes the topic.
func (l *load) create(t *testing.T) {
	t.Helper()
	c := dial(t, l.target)
	defer c.Close()
	if err := c.CreateTopic(within(t, 10*time.Second), l.topic, loadQueues); err != nil {
		t.Fatal(err)
	}
}

// run sends from many connections, has stop end the broker after a while, and
// returns when all senders have noticed.
func (l *load) run(t *testing.T, d time.Duration, stop func()) {
	t.Helper()
	ctx := within(t, d+30*time.Second)
	begin := len(l.acks())
	var senders sync.WaitGroup
	var failures [loadSenders]error
	for i := range loadSenders {
		senders.Go(func() { failures[i] = l.send(ctx, int32(i)) })
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
	stop()
	senders.Wait()
	for _, err := range failures {
		if !errors.Is(err, wire.ErrClosed) {
			t.Fatalf("a sender ended with %v", err)
		}
	}
	if len(l.acks()) == begin {
		t.Fatal("nothing was acknowledged")
	}
}

// send sends one message after the other until the connection ends. The last
// one's fate is not known.
func (l *load) send(ctx context.Context, sender int32) error {
	c, err := l.target.Dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		id := int(l.next.Add(1) - 1)
		r, err := c.Send(ctx, wire.Message{Topic: l.topic, QueueID: (sender + int32(id)) % loadQueues, Body: loadBody(id), Properties: map[string]string{"n": strconv.Itoa(id)}})
		if err != nil {
			return err
		}
		phyOffset, err := phyOffset(r.MsgID)
		if err != nil {
			return err
		}
		if r.Code != wire.Success {
			return fmt.Errorf("message %d was answered %d", id, r.Code)
		}
		l.mu.Lock()
		l.acked[id] = ack{spot{r.QueueID, r.QueueOffset}, phyOffset}
		l.mu.Unlock()
	}
}

// loadBody is message id's body, 10 to 2000 bytes.
func loadBody(id int) []byte {
	text := fmt.Sprintf("message %09d;", id)
	return []byte(strings.Repeat(text, 1+id*7919%110))
}

// phyOffset is the last half of a message id.
func phyOffset(msgID string) (int64, error) {
	b, err := hex.DecodeString(msgID)
	if err != nil || len(b) != 16 {
		return 0, fmt.Errorf("message id %q: %w", msgID, err)
	}
	var n int64
	for _, x := range b[8:] {
		n = n<<8 | int64(x)
	}
	return n, nil
}

func (l *load) acks() map[int]ack {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.acked)
}

// check pulls what it has not looked at yet. Every acknowledged message has to
// be where its sender was told, none may be there twice, and queues have no gap.
func (l *load) check(t *testing.T) error {
	t.Helper()
	ctx := within(t, 2*time.Minute)
	c := dial(t, l.target)
	defer c.Close()
	for q := range int32(loadQueues) {
		records, err := c.PullAll(ctx, l.topic, q, l.checked[q])
		if err != nil {
			return err
		}
		for _, r := range records {
			if r.QueueOffset != l.checked[q] {
				return fmt.Errorf("queue %d: offset %d where %d is due", q, r.QueueOffset, l.checked[q])
			}
			if err := l.found(r); err != nil {
				return err
			}
			l.checked[q]++
		}
	}
	for id, a := range l.acks() {
		if _, ok := l.stored[id]; !ok {
			return fmt.Errorf("message %d was acknowledged at %+v and is not there; queues end at %v", id, a, l.checked)
		}
	}
	return nil
}

// found judges one stored message.
func (l *load) found(r wire.Record) error {
	id, err := strconv.Atoi(r.Property("n"))
	at := spot{r.QueueID, r.QueueOffset}
	switch {
	case err != nil || id >= int(l.next.Load()):
		return fmt.Errorf("%v has message %q, which was not sent", at, r.Property("n"))
	case string(r.Body) != string(loadBody(id)):
		return fmt.Errorf("%v has message %d with another body", at, id)
	}
	l.mu.Lock()
	a, acked := l.acked[id]
	l.mu.Unlock()
	if acked && (a.spot != at || a.phyOffset != r.PhyOffset) {
		return fmt.Errorf("message %d is at %v, physical offset %d; its sender was told %+v", id, at, r.PhyOffset, a)
	}
	if before, again := l.stored[id]; again && before != at {
		return fmt.Errorf("message %d is at %v and at %v", id, before, at)
	}
	l.stored[id] = at
	return nil
}

// checkLog reads the log's files, without the broker: they have every
// acknowledged message once, and all else that was served.
func (l *load) checkLog(dir string) error {
	log, err := logscan.Read(dir)
	if err != nil {
		return err
	}
	times := map[int]int{}
	for _, r := range log.Records {
		if r.Topic != l.topic {
			continue
		}
		if err := l.found(r); err != nil {
			return fmt.Errorf("log: %w", err)
		}
		id, _ := strconv.Atoi(r.Property("n")) // found has read it
		times[id]++
	}
	for id := range l.stored {
		if times[id] != 1 {
			return fmt.Errorf("log: message %d is there %d times", id, times[id])
		}
	}
	return nil
}
