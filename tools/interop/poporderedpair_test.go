package interop

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"pairmq/tools/interop/target"
	"pairmq/tools/interop/wire"
)

const (
	roundsTopic = "PoppedInOrderOfAPair"
	roundsGroup = "OrderedPairPoppers"
	roundsHold  = 10 * time.Minute // that what is popped is invisible
)

// popOrdersPair pops a queue in order, over the wire as TestPopOrdered does, and does not
// acknowledge all of it at the old master: at the new one it is popped at once from the first
// message that is not acknowledged, in its order.
type popOrdersPair struct {
	*failover
	old *wire.Popped // by the old master
}

// pops pops up to four messages, and returns them with their counts.
func (p *popOrdersPair) pops(ctx context.Context, t *testing.T, attempt, want string) *wire.Popped {
	t.Helper()
	popped, err := p.conn.PopOrdered(ctx, roundsGroup, roundsTopic, attempt, 4, roundsHold, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range popped.Records {
		got = append(got, fmt.Sprintf("%s/%d", r.Body, r.ReconsumeTimes))
	}
	if all := strings.Join(got, " "); all != want {
		t.Fatalf("attempt %q pops %q, want %q", attempt, all, want)
	}
	return &popped
}

func (p *popOrdersPair) acks(ctx context.Context, t *testing.T, popped *wire.Popped, want int, which ...int) {
	t.Helper()
	for _, i := range which {
		code, err := p.conn.AckOrdered(ctx, roundsGroup, target.BrokerName, popped, i)
		if err != nil || code != want {
			t.Errorf("an acknowledgement of %s answers %d, want %d: %v", popped.Records[i].Body, code, want, err)
		}
	}
}

// at waits until a broker has the group there.
func (p *popOrdersPair) at(ctx context.Context, t *testing.T, addr string, want int64) {
	t.Helper()
	eventually(ctx, t, "the offset at "+addr, func() error {
		c, err := wire.Dial(ctx, addr)
		if err != nil {
			return err
		}
		defer c.Close()
		got, _, err := c.ConsumerOffset(ctx, roundsGroup, roundsTopic, 0)
		if err == nil && got != want {
			err = fmt.Errorf("it is %d, want %d", got, want)
		}
		return err
	})
}

func (p *popOrdersPair) before(t *testing.T) {
	p.topic(t, roundsTopic, 1)
	ctx := within(t, metadataTime)
	for i := range 8 {
		if _, err := p.conn.Send(ctx, wire.Message{Topic: roundsTopic, Body: fmt.Append(nil, "m", i)}); err != nil {
			t.Fatal(err)
		}
	}
	p.old = p.pops(ctx, t, "a", "m0/0 m1/0 m2/0 m3/0")
	p.acks(ctx, t, p.old, wire.Success, 0, 1, 3)
	p.pops(ctx, t, "b", "")
	p.at(ctx, t, p.master.Addr, 2)
	p.at(ctx, t, p.slave.Addr, 2)
}

func (p *popOrdersPair) after(t *testing.T) {
	ctx := within(t, time.Minute)
	next := p.pops(ctx, t, "b", "m2/0 m3/0 m4/0 m5/0")
	p.pops(ctx, t, "a", "")
	p.acks(ctx, t, p.old, wire.NoMessage, 2)
	p.at(ctx, t, p.master.Addr, 2)
	p.acks(ctx, t, next, wire.Success, 0, 1, 2)
	p.pops(ctx, t, "a", "")
	p.acks(ctx, t, next, wire.Success, 3)
	last := p.pops(ctx, t, "c", "m6/0 m7/0")
	if err := p.conn.AckAllOrdered(ctx, roundsGroup, target.BrokerName, last); err != nil {
		t.Error(err)
	}
	p.at(ctx, t, p.master.Addr, 8)
	p.pops(ctx, t, "d", "")
}
