package interop

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/target"
	"pairmq/tools/interop/verify"
	"pairmq/tools/interop/wire"
)

// TestPops has consumers of 5.4.0 that leave the allocation of queues to the broker: those
// that are told to pull, those that pop and share queues, by tags and expressions, those that
// refuse a message too often, and those whose broker is killed while they have messages.
func TestPops(t *testing.T) {
	t.Parallel() // it waits more than it works
	w := &world{target: startTarget(t, map[string]string{"flushDiskType": "ASYNC_FLUSH"}), peers: map[string]*peers.Peer{}}
	if w.target.Kind == target.ApacheV4 {
		t.Skip("4.x pops nothing")
	}
	w.dir = w.target.Dir
	w.peers["java"] = javaClient(t, w.dir, peers.V5)
	a := w.start(t, "java", "popper", often...)
	t.Run("before", func(t *testing.T) {
		for _, tt := range []struct {
			name string
			run  func(*testing.T, *world, *agents.Agent)
		}{{"Pull", assignedToPull}, {"Share", popShared}, {"Tags", popByTag}, {"Expressions", popByExpression}, {"Dead", popDead}} {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				own := *w
				own.conn = dial(t, w.target)
				tt.run(t, &own, a)
			})
		}
	})
	w.conn = dial(t, w.target) // one that idles for two minutes is closed
	t.Run("Crash", func(t *testing.T) { popAcrossCrash(t, w, a) })
}

// toPop makes a group that pops from a topic, shared with so many others, whose messages are
// dead letters after so many retries.
func (w *world) toPop(t *testing.T, topic, group string, share, retries int) {
	t.Helper()
	w.ask(t, wire.UpdateGroup, map[string]any{"groupName": group, "consumeEnable": true, "consumeFromMinEnable": true, "retryQueueNums": 1, "retryMaxTimes": retries,
		"brokerId": 0, "whichBrokerWhenConsumeSlowly": 1})
	w.ask(t, wire.SetRequestMode, map[string]any{"topic": topic, "consumerGroup": group, "mode": "POP", "popShareQueueNum": share})
}

// ask sends a request whose body is JSON.
func (w *world) ask(t *testing.T, code int, body map[string]any) *wire.Command {
	t.Helper()
	req := wire.NewCommand(code)
	var err error
	if req.Body, err = json.Marshal(body); err != nil {
		t.Fatal(err)
	}
	resp, err := w.conn.Do(within(t, 30*time.Second), req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// assigned is which queues the broker tells a consumer, and the mode of all of them.
func (w *world) assigned(t *testing.T, topic, group, id string) (queues []int, mode string) {
	t.Helper()
	resp := w.ask(t, wire.QueryAssignment, map[string]any{"topic": topic, "consumerGroup": group, "clientId": id, "strategyName": "AVG", "messageModel": "CLUSTERING"})
	var body struct {
		All []struct {
			Queue struct {
				ID int `json:"queueId"`
			} `json:"messageQueue"`
			Mode string `json:"mode"`
		} `json:"messageQueueAssignments"`
	}
	if err := json.Unmarshal(resp.Body, &body); err != nil {
		t.Fatalf("%v in %.300s", err, resp.Body)
	}
	for _, q := range body.All {
		queues = append(queues, q.Queue.ID)
		if mode != "" && mode != q.Mode {
			t.Errorf("modes %s and %s in %s", mode, q.Mode, resp.Body)
		}
		mode = q.Mode
	}
	slices.Sort(queues)
	return queues, mode
}

// assignedToPull: without a mode set, such a consumer is told to pull, and does.
func assignedToPull(t *testing.T, w *world, a *agents.Agent) {
	const topic, group, queues, n = "AssignedToPull", "AssignedPullers", 4, 40
	w.topic(t, topic, queues)
	sent := w.send(t, topic, 0, n, queues)
	ctx := within(t, 3*time.Minute)
	c, err := a.Push(ctx, agents.Subscription{Group: group, Topic: topic, Instance: "pulls", Pop: 60_000})
	if err != nil {
		t.Fatal(err)
	}
	waited := c.Wait(ctx, distinct(n))
	for _, id := range clientIDs(t, w, group) {
		if got, mode := w.assigned(t, topic, group, id); !slices.Equal(got, []int{0, 1, 2, 3}) || mode != "PULL" {
			t.Errorf("it is assigned %v to %s", got, mode)
		}
	}
	committed(within(t, 30*time.Second), t, w, group, topic, queues)
	if err := errors.Join(waited, c.Stop(ctx)); err != nil {
		t.Fatal(err)
	}
	r := verify.Deliveries(wantSmall(n), sent, c.Got())
	if err := r.Err(); err != nil || r.Redelivered != 0 {
		t.Errorf("%v, %d delivered twice", err, r.Redelivered)
	}
	for _, g := range c.Got() {
		if g.Properties["POP_CK"] != "" {
			t.Errorf("message %d was popped", g.Index)
		}
	}
}

// popShared: each of three consumers pops from its own queues and the next one's.
func popShared(t *testing.T, w *world, a *agents.Agent) {
	const topic, group, queues, each, share, n = "Shared", "Sharers", 6, 3, 1, 60
	w.topic(t, topic, queues)
	w.toPop(t, topic, group, share, 16)
	ctx := within(t, 4*time.Minute)
	var consumers []*agents.Consumer
	for i := range each {
		c, err := a.Push(ctx, agents.Subscription{Group: group, Topic: topic, Instance: fmt.Sprint("share-", i), Pop: 60_000})
		if err != nil {
			t.Fatal(err)
		}
		consumers = append(consumers, c)
	}
	eventually(ctx, t, "all consumers", func() error {
		if ids := clientIDs(t, w, group); len(ids) != each {
			return fmt.Errorf("%v are online", ids)
		}
		return nil
	})
	owners := map[int]int{}
	for _, id := range clientIDs(t, w, group) {
		got, mode := w.assigned(t, topic, group, id)
		if len(got) != 2*queues/each || mode != "POP" {
			t.Errorf("%s is assigned %v to %s, want %d queues", id, got, mode, 2*queues/each)
		}
		for _, q := range got {
			owners[q]++
		}
	}
	for q := range queues {
		if owners[q] != 2 {
			t.Errorf("queue %d is popped by %d, want two", q, owners[q])
		}
	}
	// At first they have what they were told when there were fewer of them.
	sent, got := 0, func() (all []verify.Got) {
		for _, c := range consumers {
			all = append(all, c.Got()...)
		}
		return all
	}
	eventually(ctx, t, "each consumer has the queues that it shares", func() error {
		var before []int
		for _, c := range consumers {
			before = append(before, c.Delivered())
		}
		w.send(t, topic, sent, n, queues)
		sent += n
		eventually(ctx, t, "all of a round", func() error {
			if got := len(indexes(got())); got != sent {
				return fmt.Errorf("%d of %d", got, sent)
			}
			return nil
		})
		for i, c := range consumers {
			from := map[int32]bool{}
			for _, g := range c.Got()[before[i]:] {
				from[g.QueueID] = true
			}
			if len(from) == 0 || len(from) > 2*queues/each {
				return fmt.Errorf("consumer %d had messages of %d queues, want up to %d", i, len(from), 2*queues/each)
			}
		}
		return nil
	})
	for i, times := range byIndex(got()) {
		if len(times) != 1 && i >= sent-n { // before, a consumer may have had to give up a queue with what it had popped
			t.Errorf("message %d came %d times", i, len(times))
		}
	}
	for _, c := range consumers {
		if err := c.Stop(ctx); err != nil {
			t.Error(err)
		}
	}
}

// popFiltered has a consumer pop what it wants of messages with four tags and a price.
func popFiltered(t *testing.T, w *world, a *agents.Agent, sub agents.Subscription, wants func(tag string, price int) bool) {
	const queues, n = 4, 120
	w.topic(t, sub.Topic, queues)
	w.toPop(t, sub.Topic, sub.Group, 0, 16)
	ctx := within(t, 3*time.Minute)
	c, err := a.Push(ctx, sub)
	if err != nil {
		t.Fatal(err)
	}
	var want []int
	for i := range n {
		tag, price := fmt.Sprintf("Tag%c", 'A'+i/4%4), i%20
		m := wire.Message{Topic: sub.Topic, QueueID: int32(i % queues), Body: fmt.Appendf(nil, "body %d", i),
			Properties: map[string]string{"n": fmt.Sprint(i), "TAGS": tag, "price": fmt.Sprint(price)}}
		if _, err := w.conn.Send(ctx, m); err != nil {
			t.Fatal(err)
		}
		if wants(tag, price) {
			want = append(want, i)
		}
	}
	waited := c.Wait(ctx, distinct(len(want)))
	// Behind all, also of those that it does not want.
	eventually(ctx, t, "its offsets", func() error { return popped(w, t, sub.Group, sub.Topic, queues, n/queues) })
	if err := errors.Join(waited, c.Stop(ctx)); err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, g := range c.Got() {
		got = append(got, g.Index)
		if g.Properties["POP_CK"] == "" {
			t.Errorf("message %d was not popped", g.Index)
		}
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("it popped %v, want %v", got, want)
	}
}

func popByTag(t *testing.T, w *world, a *agents.Agent) {
	popFiltered(t, w, a, agents.Subscription{Group: "TagPoppers", Topic: "PoppedByTag", Expr: "TagA || TagC", Instance: "tags", Pop: 60_000},
		func(tag string, _ int) bool { return tag == "TagA" || tag == "TagC" })
}

func popByExpression(t *testing.T, w *world, a *agents.Agent) {
	popFiltered(t, w, a, agents.Subscription{Group: "SQLPoppers", Topic: "PoppedBySQL", Expr: "price BETWEEN 5 AND 11 AND TAGS <> 'TagB'", SQL: true, Instance: "sql", Pop: 60_000},
		func(tag string, price int) bool { return price >= 5 && price <= 11 && tag != "TagB" })
}

// popDead: what is popped and refused more often than its group retries is a dead letter.
func popDead(t *testing.T, w *world, a *agents.Agent) {
	const topic, group, queues, n, retries = "PoppedAndDead", "DeadPoppers", 2, 6, 2
	w.topic(t, topic, queues)
	w.toPop(t, topic, group, 0, retries)
	ctx := within(t, 4*time.Minute)
	c, err := a.Push(ctx, agents.Subscription{Group: group, Topic: topic, Instance: "dead", Pop: 60_000, Delays: []int{1, 1, 1, 1}, Later: []int{9, 0, 0}})
	if err != nil {
		t.Fatal(err)
	}
	w.send(t, topic, 0, n, queues)
	dead := []int{0, 3}
	eventually(ctx, t, "dead letters", func() error {
		letters, err := w.conn.PullAll(ctx, "%DLQ%"+group, 0, 0)
		if err != nil {
			return err
		}
		var got []int
		for _, r := range letters {
			i, _ := strconv.Atoi(r.Property("n"))
			got = append(got, i)
		}
		if slices.Sort(got); !slices.Equal(got, dead) {
			return fmt.Errorf("they are %v, want %v", got, dead)
		}
		return nil
	})
	if err := c.Stop(ctx); err != nil {
		t.Error(err)
	}
	for i, times := range byIndex(c.Got()) {
		want := 1
		if slices.Contains(dead, i) {
			want += retries
		}
		if len(times) != want {
			t.Errorf("message %d came %d times, want %d", i, len(times), want)
		}
	}
}

// popAcrossCrash kills the broker while messages are popped and not acknowledged. What was done
// with half a minute before, by which time the broker has kept it, does not come again; the rest
// does, once more than it was refused, and nothing is lost or stays in flight.
func popAcrossCrash(t *testing.T, w *world, a *agents.Agent) {
	const topic, group, queues, part, refusedLong, kept = "PoppedAcross", "CrashPoppers", 4, 40, 4, 40
	w.topic(t, topic, queues)
	w.toPop(t, topic, group, 0, 16)
	ctx := within(t, 4*time.Minute)
	sub := agents.Subscription{Group: group, Topic: topic, Instance: "across", Pop: 120_000, Delays: []int{8, 8, 8, 8, kept}, Later: make([]int, 3*part), Next: make([]int, 3*part)}
	sub.Later[0], sub.Next[0] = 1, refusedLong
	for i := part; i < 2*part; i += 3 {
		sub.Later[i] = 1
	}
	c, err := a.Push(ctx, sub)
	if err != nil {
		t.Fatal(err)
	}
	again := func(got []verify.Got) bool {
		last := map[int]int{}
		for _, g := range got {
			last[g.Index] = max(last[g.Index], int(g.Reconsumed))
		}
		for i := range last {
			if last[i] < sub.Later[i] {
				return false
			}
		}
		return true
	}
	w.send(t, topic, 0, part, queues)
	if err := c.Wait(ctx, func(got []verify.Got) bool { return distinct(part)(got) && again(got) }); err != nil {
		t.Fatal(err)
	}
	w.conn = dial(t, w.target)
	w.send(t, topic, part, part, queues)
	if err := c.Wait(ctx, distinct(2*part)); err != nil {
		t.Fatal(err)
	}
	w.target.Kill()
	if err := w.target.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.conn = dial(t, w.target)
	w.send(t, topic, 2*part, part, queues)
	waited := c.Wait(ctx, func(got []verify.Got) bool { return distinct(3*part)(got) && again(got) })
	retry := "%RETRY%" + group + "_" + topic
	eventually(ctx, t, "nothing in flight", func() error {
		end, err := w.conn.MaxOffset(ctx, retry, 0)
		return errors.Join(err, popped(w, t, group, topic, queues, 3*part/queues), popped(w, t, group, retry, 1, int(end)))
	})
	if err := errors.Join(waited, c.Stop(ctx)); err != nil {
		t.Fatal(err)
	}
	repeated := 0
	for i, times := range byIndex(c.Got()) {
		want, most := 1+sub.Later[i], 1+sub.Later[i]
		switch {
		case i == 0:
			most += 2 // it is in flight by what is kept, and its retry is not done with
		case i >= part && i < 2*part:
			most++ // the broker forgets what it has not kept
		}
		if len(times) < want || len(times) > most {
			t.Errorf("message %d came %d times, want %d to %d", i, len(times), want, most)
		}
		repeated += len(times) - want
	}
	t.Logf("%d deliveries of %d messages, %d repeated by the crash", len(c.Got()), 3*part, repeated)
}
