package interop

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/verify"
	"pairmq/tools/interop/wire"
)

// broadcast has two consumers of a group get every message, each.
func broadcast(t *testing.T, w *world, client *agents.Agent) {
	const queues, half = 4, 200
	topic := name(t)
	w.topic(t, topic, queues)
	sent := w.send(t, topic, 0, half, queues)
	var pair []*agents.Consumer
	for i, a := range []*agents.Agent{client, w.second(t, client)} {
		c, err := a.Push(within(t, time.Minute), agents.Subscription{Group: "C_" + topic, Topic: topic, Broadcast: true, Instance: fmt.Sprintf("%s-%d", topic, i)})
		if err != nil {
			t.Fatal(err)
		}
		pair = append(pair, c)
	}
	sent = append(sent, w.send(t, topic, half, half, queues)...)
	for i, c := range pair {
		if err := c.Wait(within(t, time.Minute), distinct(len(sent))); err != nil {
			t.Fatalf("consumer %d: %v", i, err)
		}
		if err := c.Stop(within(t, 30*time.Second)); err != nil {
			t.Error(err)
		}
		r := verify.Deliveries(wantSmall(len(sent)), sent, c.Got())
		if err := r.Err(); err != nil || r.Redelivered != 0 {
			t.Errorf("consumer %d: %d delivered twice, %v", i, r.Redelivered, err)
		}
	}
}

// tags has consumers subscribe to some tags; the broker compares hashes, and
// Java hashes AaTag and BBTag alike.
func tags(t *testing.T, w *world, client *agents.Agent) {
	const queues, rounds = 4, 30
	topic := name(t)
	w.topic(t, topic, queues)
	all := []string{"TagA", "TagB", "TagC", "", "AaTag", "BBTag", "温度"}
	tagOf := map[int]string{}
	send := func(tag string, queue int) {
		t.Helper()
		i := len(tagOf)
		props := map[string]string{"n": fmt.Sprint(i)}
		if tag != "" {
			props["TAGS"] = tag
		}
		if _, err := w.conn.Send(within(t, 10*time.Second), wire.Message{Topic: topic, QueueID: int32(queue), Body: []byte("tagged"), Properties: props}); err != nil {
			t.Fatal(err)
		}
		tagOf[i] = tag
	}
	type subscription struct {
		name, expr string
		tags       []string
	}
	subscriptions := []subscription{
		{"two", "TagA || TagC", []string{"TagA", "TagC"}},
		{"collision", "AaTag", []string{"AaTag"}},
		{"all", "*", all},
	}
	if client.Java { // rocketmq-client-go hashes bytes where Java hashes UTF-16 units, and so never matches
		subscriptions = append(subscriptions, subscription{"chinese", "温度||TagB", []string{"温度", "TagB"}})
	}
	consumers := map[string]*agents.Consumer{}
	for _, s := range subscriptions {
		group := "C_" + topic + "_" + s.name
		c, err := client.Push(within(t, time.Minute), agents.Subscription{Group: group, Topic: topic, Expr: s.expr, Instance: group})
		if err != nil {
			t.Fatal(err)
		}
		consumers[s.name] = c
	}
	for range rounds {
		for i, tag := range all {
			send(tag, (len(tagOf)+i)%queues)
		}
	}
	for _, tag := range all { // the last of every tag in every queue: what comes later than these is not to come
		for q := range queues {
			send(tag, q)
		}
	}
	for _, s := range subscriptions {
		var want []int
		for i := range len(tagOf) {
			if slices.Contains(s.tags, tagOf[i]) {
				want = append(want, i)
			}
		}
		c := consumers[s.name]
		waited := c.Wait(within(t, time.Minute), distinct(len(want)))
		if err := c.Stop(within(t, 30*time.Second)); err != nil {
			t.Error(err)
		}
		if got := slices.Sorted(maps.Keys(indexes(c.Got()))); !slices.Equal(got, want) || len(c.Got()) != len(want) {
			t.Errorf("%q: %d deliveries of %v, want %v (%v)", s.expr, len(c.Got()), got, want, waited)
		}
	}
}
