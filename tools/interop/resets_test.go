package interop

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/target"
	"pairmq/tools/interop/verify"
	"pairmq/tools/interop/wire"
)

// resetBroadcast sends a consumer by broadcast, which keeps its offsets itself, back to the
// beginning: it is told over its connection, and gets everything once more. 4.9.7 goes on where
// its file says, if it has written that by then, for it does not write what it was told.
func resetBroadcast(t *testing.T, w *world, client *agents.Agent) {
	const queues, n = 4, 40
	topic := name(t)
	group := "C_" + topic
	w.topic(t, topic, queues)
	sent := w.send(t, topic, 0, n, queues)
	ctx := within(t, 3*time.Minute)
	c, err := client.Push(ctx, agents.Subscription{Group: group, Topic: topic, Broadcast: true, Instance: topic})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(ctx, distinct(n)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.conn.Do(ctx, wire.NewCommand(wire.ResetOffset, "group", group, "topic", topic, "timestamp", 1, "isForce", true)); err != nil {
		t.Fatal(err)
	}
	again := n
	if client.Name == "java-"+peers.V4 {
		again = 0
	}
	sent = append(sent, w.send(t, topic, n, n, queues)...)
	waited := c.Wait(ctx, func(got []verify.Got) bool { return distinct(2*n)(got) && len(got) >= 2*n+again })
	if err := errors.Join(waited, c.Stop(ctx)); err != nil {
		t.Fatal(err)
	}
	r := verify.Deliveries(wantSmall(2*n), sent, c.Got())
	if err := r.Err(); err != nil || r.Redelivered < again {
		t.Errorf("%v, %d delivered twice, want %d", err, r.Redelivered, again)
	}
}

// resetQueue sends a running consumer back to an offset of one queue, as 5.x's options -q and
// -o do: it gets what is behind that once more, and nothing of the other queues.
func resetQueue(t *testing.T, w *world, client *agents.Agent) {
	if w.target.Kind == target.ApacheV4 {
		t.Skip("4.x resets all queues of a topic")
	}
	const queues, n, queue, from = 4, 40, 2, 3
	topic := name(t)
	group := "C_" + topic
	w.topic(t, topic, queues)
	sent := w.send(t, topic, 0, n, queues)
	ctx := within(t, 3*time.Minute)
	c, err := client.Push(ctx, agents.Subscription{Group: group, Topic: topic, Instance: topic})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(ctx, distinct(n)); err != nil {
		t.Fatal(err)
	}
	committed(within(t, 30*time.Second), t, w, group, topic, queues)
	if client.Name == "java-"+peers.V5 {
		command := fmt.Sprintf("resetOffsetByTime -g %s -t %s -b %s -q %d -s -1 -o %d", group, topic, w.target.Broker, queue, from)
		out, err := w.peers[client.Name].Admin(ctx, w.dir, w.target.Namesrv, strings.Fields(command)...)
		if err != nil {
			t.Fatal(err)
		}
		if complaint.MatchString(out) {
			t.Errorf("mqadmin %s prints\n%s", command, out)
		}
	} else if _, err := w.conn.Do(ctx, wire.NewCommand(wire.ResetOffset, "group", group, "topic", topic, "timestamp", -1, "isForce", true, "queueId", queue, "offset", from)); err != nil {
		t.Fatal(err)
	}
	const again = n/queues - from
	waited := c.Wait(ctx, func(got []verify.Got) bool { return len(got) >= n+again })
	committed(within(t, 30*time.Second), t, w, group, topic, queues)
	if err := errors.Join(waited, c.Stop(ctx)); err != nil {
		t.Fatal(err)
	}
	r := verify.Deliveries(wantSmall(n), sent, c.Got())
	if err := r.Err(); err != nil || r.Redelivered != again {
		t.Errorf("%v, %d delivered twice, want %d", err, r.Redelivered, again)
	}
	for i, times := range byIndex(c.Got()) {
		want := 1
		if s := sent[i]; s.QueueID == queue && s.QueueOffset >= from {
			want = 2
		}
		if len(times) != want {
			t.Errorf("message %d of queue %d came %d times, want %d", i, times[0].QueueID, len(times), want)
		}
	}
}
