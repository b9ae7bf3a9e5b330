package interop

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/verify"
)

// messages is how many each client sends in produceConsume.
const messages = 10000

// produceConsume has each client send a corpus to a topic that does not exist
// yet, and a group of each client consume it: nine ways from client to client.
func produceConsume(t *testing.T, w *world) {
	for i, producer := range w.clients {
		seed := int64(i + 1)
		t.Run(producer.Name, func(t *testing.T) {
			topic := name(t)
			begin := time.Now()
			sent, err := producer.Produce(within(t, 3*time.Minute), "P_"+topic, topic, seed, 0, messages, 4)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d messages sent in %v", len(sent), time.Since(begin).Round(time.Millisecond))
			if err := allAccepted(sent); err != nil {
				t.Fatal(err)
			}
			consumeEverywhere(t, w, topic, verify.Corpus(seed, messages), sent)
		})
	}
}

// consumeEverywhere starts a group of each client at once.
func consumeEverywhere(t *testing.T, w *world, topic string, want []verify.Want, sent []verify.Sent) {
	consumers := map[string]*agents.Consumer{}
	for _, client := range w.clients {
		group := dotless("C_" + topic + "_" + client.Name)
		c, err := client.Push(within(t, time.Minute), agents.Subscription{Group: group, Topic: topic, Instance: topic})
		if err != nil {
			t.Fatal(err)
		}
		consumers[client.Name] = c
	}
	for _, client := range w.clients {
		t.Run("to-"+client.Name, func(t *testing.T) {
			c := consumers[client.Name]
			waited := c.Wait(within(t, 2*time.Minute), distinct(len(sent)))
			if err := c.Stop(within(t, 30*time.Second)); err != nil {
				t.Error(err)
			}
			r := verify.Deliveries(want, sent, c.Got())
			if err := r.Err(); err != nil {
				t.Error(err)
			}
			if waited != nil {
				t.Fatal(waited)
			}
			if r.Redelivered != 0 { // nobody joined, left, failed or tried again
				t.Errorf("%d messages were delivered twice", r.Redelivered)
			}
		})
	}
}

// allAccepted checks that every message was answered with success, once.
func allAccepted(sent []verify.Sent) error {
	seen := map[int]bool{}
	for _, s := range sent {
		switch {
		case s.Status != "SEND_OK" && s.Status != "ONEWAY":
			return fmt.Errorf("message %d was answered %s", s.Index, s.Status)
		case seen[s.Index]:
			return fmt.Errorf("message %d was sent twice", s.Index)
		}
		seen[s.Index] = true
	}
	if len(seen) != messages {
		return fmt.Errorf("%d messages were sent, want %d", len(seen), messages)
	}
	return nil
}

// committed waits until a group's offsets are at the ends of all queues.
func committed(ctx context.Context, t *testing.T, w *world, group, topic string, queues int) {
	t.Helper()
	eventually(ctx, t, "commits of "+group, func() error {
		for q := range int32(queues) {
			end, err := w.conn.MaxOffset(ctx, topic, q)
			if err != nil {
				return err
			}
			if at, ok, err := w.conn.ConsumerOffset(ctx, group, topic, q); err != nil || !ok || at != end {
				return fmt.Errorf("queue %d: committed %d (%v, %w), end %d", q, at, ok, err, end)
			}
		}
		return nil
	})
}
