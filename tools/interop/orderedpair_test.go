package interop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/verify"
	"pairmq/tools/interop/wire"
)

// Orders go to the queues of a topic that two consumers of each client share.
const (
	ordersTopic  = "OrdersOfAPair"
	ordersQueues = 4
	ordersEach   = 16  // orders
	ordersBurst  = 120 // messages at a time
	ordersWork   = 15  // ms that a listener takes for one, so that they are at it when the master dies
)

// orderedPair has two ordered consumers of each client, who lock their queues at the old master
// and at the new one: each queue is seen in its order, and what comes again was not known to be
// consumed when the master died.
type orderedPair struct {
	*failover
	groups []*orderedGroup
	sent   []verify.Sent
}

type orderedGroup struct {
	name    string
	members []*agents.Consumer
	known   []int64 // by queue, how far the slave knew that it was when the master died
}

func (g *orderedGroup) got() (all []verify.Got) {
	for _, c := range g.members {
		all = append(all, c.Got()...)
	}
	return all
}

// start has the consumers come, long before there is something for them. The topic has more than
// one queue only when all are there: rocketmq-client-go never unlocks what it gives up to who comes
// later, which takes a minute.
func (o *orderedPair) start(t *testing.T) {
	t.Helper()
	o.topic(t, ordersTopic, 1)
	for _, client := range o.clients {
		g := &orderedGroup{name: "Orders_" + dotless(client.Name)}
		for k := range 2 {
			c, err := client.Push(within(t, time.Minute), agents.Subscription{Group: g.name, Topic: ordersTopic, Ordered: true,
				Instance: fmt.Sprintf("%s-%d", g.name, k), Work: ordersWork})
			if err != nil {
				t.Fatal(err)
			}
			g.members = append(g.members, c)
		}
		o.groups = append(o.groups, g)
	}
	ctx := within(t, time.Minute)
	for _, g := range o.groups {
		eventually(ctx, t, "consumers of "+g.name, func() error {
			if ids, err := consumerIDs(ctx, o.conn, g.name); err != nil || len(ids) != len(g.members) {
				return fmt.Errorf("they are %v, %v", ids, err)
			}
			return nil
		})
	}
	o.topic(t, ordersTopic, ordersQueues)
}

// consumerIDs are the ids of a group's consumers.
func consumerIDs(ctx context.Context, c *wire.Conn, group string) ([]string, error) {
	resp, err := c.Do(ctx, wire.NewCommand(wire.ConsumerList, "consumerGroup", group))
	if err != nil {
		return nil, err
	}
	var list struct{ ConsumerIDList []string }
	if err := json.Unmarshal(resp.Body, &list); err != nil {
		return nil, fmt.Errorf("consumers %s: %w", resp.Body, err)
	}
	return list.ConsumerIDList, nil
}

func (o *orderedPair) send(t *testing.T) {
	t.Helper()
	from := len(o.sent)
	more, err := o.clients[0].Order(within(t, time.Minute), "P_Orders", ordersTopic, from, from+ordersBurst, ordersEach)
	if err != nil {
		t.Fatal(err)
	}
	o.sent = append(o.sent, more...)
}

// arrived waits until each group has got all that was sent.
func (o *orderedPair) arrived(ctx context.Context, t *testing.T) {
	t.Helper()
	for _, g := range o.groups {
		eventually(ctx, t, "what was sent to "+g.name, func() error {
			if n := len(indexes(g.got())); n < len(o.sent) {
				return fmt.Errorf("%d of %d came", n, len(o.sent))
			}
			return nil
		})
	}
}

// before sends until both consumers of each group have their share.
func (o *orderedPair) before(t *testing.T) {
	shared := func() bool {
		for _, g := range o.groups {
			for _, c := range g.members {
				if c.Delivered() == 0 {
					return false
				}
			}
		}
		return true
	}
	for ctx := within(t, 90*time.Second); ; {
		o.send(t)
		o.arrived(ctx, t)
		if shared() {
			return
		}
	}
}

// fly sends what the consumers are at when the master dies, soon.
func (o *orderedPair) fly(t *testing.T) {
	t.Helper()
	o.send(t)
	behind, err := wire.Dial(t.Context(), o.slave.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer behind.Close()
	for _, g := range o.groups {
		for q := range int32(ordersQueues) {
			at, _, err := behind.ConsumerOffset(within(t, 20*time.Second), g.name, ordersTopic, q)
			if err != nil {
				t.Fatal(err)
			}
			g.known = append(g.known, at)
		}
	}
}

// after sends some more to the new master, and judges all that came.
func (o *orderedPair) after(t *testing.T) {
	o.send(t)
	o.arrived(within(t, 2*time.Minute), t)
	for _, g := range o.groups {
		var share []int
		for _, c := range g.members {
			if err := c.Stop(within(t, time.Minute)); err != nil {
				t.Error(err)
			}
			share = append(share, c.Delivered())
		}
		got := g.got()
		again, order := verify.Order(got)
		err := errors.Join(order, verify.Deliveries(wantOrders(len(o.sent), ordersEach), o.sent, got).Err())
		if err != nil {
			t.Errorf("%s: %v", g.name, err)
		}
		for i, times := range byIndex(got) {
			for _, m := range times[1:] {
				if m.Micros < o.killed.UnixMicro() || m.QueueOffset < g.known[m.QueueID] {
					t.Errorf("%s: message %d came again, at %d in queue %d; the slave knew of %v", g.name, i, m.QueueOffset, m.QueueID, g.known)
				}
			}
		}
		committed(within(t, 20*time.Second), t, o.world, g.name, ordersTopic, ordersQueues)
		o.logf(t, "%s: %d messages in order, %v deliveries, %d of them again", g.name, len(o.sent), share, again)
	}
}
