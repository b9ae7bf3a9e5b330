package interop

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"pairmq/tools/interop/target"
	"pairmq/tools/interop/wire"
)

const (
	idleConns  = 1000
	pollers    = 100
	probes     = 2000
	maxRSS     = 64 << 20         // bytes; pairmq's budget under any load
	maxLatency = 2 * time.Second  // of a probe's send; far above what is usual, below what a stall takes
	frameTime  = 60 * time.Second // for a peer to send the rest of a frame
)

// TestConnections has many peers do little, or nothing: 1000 that are idle,
// 100 whose pulls are held, and one that stops in the middle of a frame.
// Senders do not notice, and memory stays small.
func TestConnections(t *testing.T) {
	tg := startTarget(t, map[string]string{"flushDiskType": "ASYNC_FLUSH"})
	ctx := within(t, 4*time.Minute)
	probe := dial(t, tg)
	for _, topic := range []string{"Probe", "Silent"} {
		if err := probe.CreateTopic(ctx, topic, 4); err != nil {
			t.Fatal(err)
		}
	}
	alone := latencies(ctx, t, probe)

	half := dialFrom(ctx, t, tg, 0)
	frame, err := wire.SendRequest(wire.Message{Topic: "Probe", Body: make([]byte, 1<<20)}).Frame()
	if err != nil {
		t.Fatal(err)
	}
	if err := half.Write(frame[:len(frame)/2]); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	idle := make([]*wire.Conn, idleConns)
	for i := range idle {
		idle[i] = dialFrom(ctx, t, tg, i)
	}
	held := hold(ctx, t, tg)
	t.Logf("%d idle connections and %d pulls held after %v", len(idle), pollers, time.Since(begin).Round(time.Millisecond))

	crowded := latencies(ctx, t, probe)
	t.Logf("send p99: %v alone, %v in company", alone, crowded)
	if crowded > maxLatency {
		t.Errorf("a send took %v at p99 among idle peers", crowded)
	}
	memory(t, tg)
	for i, c := range idle {
		select {
		case <-c.Done():
			t.Errorf("idle connection %d was closed after %v", i, time.Since(begin))
		default:
		}
	}
	wake(ctx, t, probe, held)
	if tg.Kind != target.Pairmq {
		return // Apache's broker waits for the rest of a frame until its idle timeout
	}
	select {
	case <-half.Done():
		t.Logf("the peer with half a frame was dropped %v after it began", time.Since(begin).Round(time.Second))
	case <-time.After(frameTime):
		t.Errorf("the peer with half a frame was not dropped after %v", time.Since(begin).Round(time.Second))
	}
}

// dialFrom spreads connections over loopback addresses, as if from many hosts.
func dialFrom(ctx context.Context, t *testing.T, tg *target.Target, i int) *wire.Conn {
	t.Helper()
	c, err := wire.DialFrom(ctx, fmt.Sprintf("127.0.1.%d", 1+i%50), tg.Broker)
	if err != nil {
		t.Fatalf("connection %d: %v", i, err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// latencies sends one message after the other and returns the 99th percentile.
func latencies(ctx context.Context, t *testing.T, c *wire.Conn) time.Duration {
	t.Helper()
	took := make([]time.Duration, probes)
	for i := range took {
		begin := time.Now()
		if _, err := c.Send(ctx, wire.Message{Topic: "Probe", QueueID: int32(i % 4), Body: make([]byte, 512)}); err != nil {
			t.Fatal(err)
		}
		took[i] = time.Since(begin)
	}
	slices.Sort(took)
	return took[probes*99/100]
}

// hold has each poller ask for messages that do not exist, and returns what
// they will be told in the end.
func hold(ctx context.Context, t *testing.T, tg *target.Target) <-chan error {
	t.Helper()
	answers := make(chan error, pollers)
	for i := range pollers {
		c := dialFrom(ctx, t, tg, i)
		group := fmt.Sprintf("Poller-%d", i%10)
		if err := c.Heartbeat(ctx, fmt.Sprintf("127.0.1.%d@poller#%d", 1+i%50, i), group, "Silent"); err != nil {
			t.Fatal(err)
		}
		go func() {
			p, err := c.Pull(ctx, group, "Silent", int32(i%4), 0, 25*time.Second)
			if err == nil && (p.Code != wire.Success || len(p.Records) != 1) {
				err = fmt.Errorf("poller %d: answer %d %s with %d records", i, p.Code, p.Remark, len(p.Records))
			}
			answers <- err
		}()
	}
	return answers
}

// wake sends a message to each queue that is waited for: all pollers get it.
func wake(ctx context.Context, t *testing.T, c *wire.Conn, answers <-chan error) {
	t.Helper()
	for q := range int32(4) {
		if _, err := c.Send(ctx, wire.Message{Topic: "Silent", QueueID: q, Body: []byte("wake up")}); err != nil {
			t.Fatal(err)
		}
	}
	begin := time.Now()
	for range pollers {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	t.Logf("all pulls were answered within %v of the messages", time.Since(begin).Round(time.Millisecond))
}

func memory(t *testing.T, tg *target.Target) {
	t.Helper()
	now, high, err := tg.Process().RSS()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("resident memory: %.1f MiB, at most %.1f MiB", float64(now)/(1<<20), float64(high)/(1<<20))
	if tg.Kind == target.Pairmq && high > maxRSS {
		t.Errorf("resident memory reached %.1f MiB, budget %d MiB", float64(high)/(1<<20), maxRSS>>20)
	}
}
