package interop

import (
	"fmt"
	"hash/crc32"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/verify"
)

// ordered has a producer choose queues with a selector, and ordered consumers
// take them over from each other while it sends.
func ordered(t *testing.T, w *world, client *agents.Agent) {
	const queues, orders, burst = 4, 16, 100
	topic := name(t)
	w.topic(t, topic, queues)
	var sent []verify.Sent
	send := func() {
		t.Helper()
		more, err := client.Order(within(t, time.Minute), "P_"+topic, topic, len(sent), len(sent)+burst, orders)
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, more...)
	}
	sub := agents.Subscription{Group: "C_" + topic, Topic: topic, Ordered: true, Instance: "first-" + topic}
	first, err := client.Push(within(t, time.Minute), sub)
	if err != nil {
		t.Fatal(err)
	}
	send()
	if err := first.Wait(within(t, time.Minute), distinct(len(sent))); err != nil {
		t.Fatal(err)
	}
	sub.Instance = "second-" + topic
	second, err := w.second(t, client).Push(within(t, time.Minute), sub)
	if err != nil {
		t.Fatal(err)
	}
	arrived := func() error {
		if n := len(indexes(append(first.Got(), second.Got()...))); n < len(sent) {
			return fmt.Errorf("%d of %d came", n, len(sent))
		}
		return nil
	}
	for joining := within(t, 90*time.Second); len(second.Got()) < burst; {
		send()
		eventually(joining, t, "the second consumer's share", arrived)
	}
	if err := second.Stop(within(t, 30*time.Second)); err != nil {
		t.Fatal(err)
	}
	before := len(first.Got())
	send()
	eventually(within(t, 90*time.Second), t, "all messages", arrived)
	if err := first.Stop(within(t, 30*time.Second)); err != nil {
		t.Fatal(err)
	}
	all := append(first.Got(), second.Got()...)
	if err := verify.Deliveries(wantOrders(len(sent), orders), sent, all).Err(); err != nil {
		t.Error(err)
	}
	again, err := verify.Order(all)
	if err != nil {
		t.Error(err)
	}
	if err := ordersKept(sent, orders); err != nil {
		t.Error(err)
	}
	t.Logf("%d messages, %d of them to the second consumer, %d after it left, %d delivered again",
		len(sent), len(second.Got()), len(first.Got())-before, again)
}

// ordersKept checks the producer's half: an order's messages are in one queue,
// in the order they were sent.
func ordersKept(sent []verify.Sent, orders int) error {
	last := map[int]verify.Sent{}
	for _, s := range sent {
		before, ok := last[s.Index%orders]
		if ok && (s.QueueID != before.QueueID || s.QueueOffset <= before.QueueOffset) {
			return fmt.Errorf("order %d: %+v was sent after %+v", s.Index%orders, s, before)
		}
		last[s.Index%orders] = s
	}
	return nil
}

func wantOrders(n, orders int) []verify.Want {
	all := make([]verify.Want, n)
	for i := range all {
		order := fmt.Sprint(i % orders)
		body := order + "/" + fmt.Sprint(i)
		all[i] = verify.Want{Length: len(body), CRC: crc32.ChecksumIEEE([]byte(body)), Tag: "TagO", Keys: "order-" + order,
			User: map[string]string{"n": fmt.Sprint(i), "order": order}}
	}
	return all
}
