package interop

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/verify"
	"pairmq/tools/interop/wire"
)

// endedPair has each client be through with messages at the old master: those that its consumer
// sends back, up to dead letters, and those of transactions. The new one gives out none again.
type endedPair struct {
	*failover
	all []*ended
}

// An ended is what one client is through with.
type ended struct {
	client *agents.Agent
	back   agents.Subscription
	sold   string // topic of transactions
	halves []verify.Sent
	dead   int
}

func (e *endedPair) before(t *testing.T) {
	ctx := within(t, 2*time.Minute)
	var consumers []*agents.Consumer
	var producers []*agents.Transactions
	for _, client := range e.clients {
		id := dotless(client.Name)
		x := &ended{client: client, sold: "Sold_" + id}
		x.back = agents.Subscription{Group: "C_Ended_" + id, Topic: "Ended_" + id, Instance: "ended-0", Later: refusals, Next: []int{1}, Most: mostRetries}
		e.topic(t, x.sold, 4)
		e.topic(t, x.back.Topic, 4)
		e.topic(t, "%RETRY%"+x.back.Group, 1)
		producer, err := client.Transact(ctx, "P_"+x.sold, x.sold, 0, laterEach, someAtOnce.first, someAtOnce.then, false)
		if err != nil {
			t.Fatal(err)
		}
		consumer, err := client.Push(ctx, x.back)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Delay(ctx, "P_"+x.back.Topic, x.back.Topic, 0, laterEach, 0); err != nil {
			t.Fatal(err)
		}
		x.halves = someAtOnce.commits(producer.Sent())
		e.all, consumers, producers = append(e.all, x), append(consumers, consumer), append(producers, producer)
	}
	for i, x := range e.all {
		x.dead = e.backAgain(t, x.client, consumers[i], x.back)
		if err := producers[i].Wait(within(t, transactionTime), someAtOnce.asked(0, laterEach, 1)); err != nil {
			t.Error(err)
		}
		e.onceFrom(t, x.client, x.sold, x.halves)
		if err := producers[i].Stop(within(t, 30*time.Second)); err != nil { // whose last decision is on its way when it was asked
			t.Errorf("%s: %v", x.client.Name, err)
		}
	}
	behind, err := wire.Dial(t.Context(), e.slave.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer behind.Close()
	for _, x := range e.all {
		committed(within(t, metadataTime), t, &world{conn: behind}, x.back.Group, x.back.Topic, 4)
		committed(within(t, metadataTime), t, &world{conn: behind}, x.back.Group, "%RETRY%"+x.back.Group, 1)
		committed(within(t, metadataTime), t, &world{conn: behind}, "C_"+x.sold, x.sold, 4)
	}
}

// after has the same groups consume one message more, at the new master: it is all that comes.
func (e *endedPair) after(t *testing.T) {
	for _, x := range e.all {
		sold := agents.Subscription{Group: "C_" + x.sold, Topic: x.sold, Instance: "sold-1"}
		x.back.Instance = "ended-1"
		for _, sub := range []agents.Subscription{x.back, sold} {
			c, err := x.client.Push(within(t, time.Minute), sub)
			if err != nil {
				t.Fatal(err)
			}
			sent, err := x.client.Delay(within(t, time.Minute), "P_"+sub.Topic, sub.Topic, laterEach, laterEach+1, 0)
			if err != nil {
				t.Fatal(err)
			}
			waited := c.Wait(within(t, transactionTime), func(got []verify.Got) bool { return len(got) > 0 })
			if err := errors.Join(waited, c.Stop(within(t, 30*time.Second))); err != nil {
				t.Errorf("%s, %s: %v", x.client.Name, sub.Topic, err)
			}
			if r := verify.Deliveries(wantLater(2*laterEach), sent, c.Got()); r.Err() != nil || r.Redelivered != 0 {
				t.Errorf("%s, %s: %v, %d delivered twice", x.client.Name, sub.Topic, r.Err(), r.Redelivered)
			}
		}
		for topic, want := range map[string]int{"%DLQ%" + x.back.Group: x.dead, x.sold: len(x.halves) + 1, x.back.Topic: laterEach + 1} {
			queues := int32(4)
			if topic[0] == '%' {
				queues = 1
			}
			if err := e.has(t, topic, queues, want); err != nil {
				t.Error(fmt.Errorf("%s: %w", x.client.Name, err))
			}
		}
	}
}
