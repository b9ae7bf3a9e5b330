package interop

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/verify"
	"pairmq/tools/interop/wire"
)

// cleanNow is the request that has segments given back which are not to be kept any longer.
const cleanNow = 329

// TestSendBackFallback has consumers refuse messages that the broker has given back while
// their listeners were at work: request 36 fails, so that the clients send the messages to the
// group's retry topic themselves. They come again, counted, and are dead letters when they are
// refused once more. rocketmq-client-go has no such way.
func TestSendBackFallback(t *testing.T) {
	t.Parallel()                                          // it waits more than it works
	const n, segment, work = 2, 2 << 20, 25 * time.Second // as many as a client has listeners
	w := newWorldWith(t, map[string]string{"flushDiskType": "ASYNC_FLUSH", "messageDelayLevel": delayLevels, "mappedFileSizeCommitLog": fmt.Sprint(segment),
		"maxMessageSize": fmt.Sprint(1 << 20), "storeMaxBytes": fmt.Sprint(24 * segment)})
	w.warm(t)
	ctx := within(t, 4*time.Minute)
	w.topic(t, "Fills", 1)
	type group struct {
		client *agents.Agent
		sub    agents.Subscription
		c      *agents.Consumer
	}
	var groups []*group
	for _, client := range w.clients {
		if !client.Java {
			continue
		}
		topic := "Fallback_" + dotless(client.Name)
		g := &group{client: client, sub: agents.Subscription{Group: "C_" + topic, Topic: topic, Instance: topic, Later: []int{9}, Next: []int{1}, Most: 1, Work: int(work.Milliseconds())}}
		groups = append(groups, g)
		w.topic(t, topic, n)
		w.topic(t, "%RETRY%"+g.sub.Group, 1) // clients look for one that is made later after half a minute only
		var err error
		if g.c, err = client.Push(ctx, g.sub); err != nil {
			t.Fatal(err)
		}
	}
	for _, g := range groups {
		if _, err := g.client.Delay(ctx, "P_"+g.sub.Topic, g.sub.Topic, 0, n, 0); err != nil {
			t.Fatal(err)
		}
	}
	var last int64
	for _, g := range groups {
		for q := range int32(n) {
			records, err := w.conn.PullAll(ctx, g.sub.Topic, q, 0)
			if err != nil || len(records) != 1 {
				t.Fatalf("%d records in queue %d, %v", len(records), q, err)
			}
			last = max(last, records[0].PhyOffset)
		}
	}
	for filled := 0; ; filled++ {
		if _, err := w.conn.Send(ctx, wire.Message{Topic: "Fills", Body: make([]byte, segment/4)}); err != nil {
			t.Fatal(err)
		}
		if filled%8 < 7 {
			continue
		}
		if _, err := w.conn.Do(ctx, wire.NewCommand(cleanNow)); err != nil {
			t.Fatal(err)
		}
		info, err := runtimeInfo(ctx, w.target.Broker)
		if err != nil {
			t.Fatal(err)
		}
		if first, err := strconv.ParseInt(info["commitLogMinOffset"], 10, 64); err != nil {
			t.Fatal(err)
		} else if first > last {
			break
		}
	}
	gone := time.Now()
	for _, g := range groups {
		for _, got := range g.c.Got() {
			if began := time.UnixMicro(got.Micros); gone.Sub(began) > work {
				t.Fatalf("%s: message %d was refused before it was gone: this machine is too busy", g.client.Name, got.Index)
			}
		}
	}
	for _, g := range groups {
		waited := g.c.Wait(ctx, func(got []verify.Got) bool { return len(got) >= 2*n })
		dead, err := g.client.Push(ctx, agents.Subscription{Group: "D_" + g.sub.Group, Topic: "%DLQ%" + g.sub.Group, Instance: "dead"})
		if err != nil {
			t.Fatal(err)
		}
		if err := dead.Wait(ctx, distinct(n)); err != nil {
			t.Error(err)
		}
		for _, c := range []*agents.Consumer{g.c, dead} {
			if err := c.Stop(ctx); err != nil {
				t.Error(err)
			}
		}
		if waited != nil {
			t.Fatal(waited)
		}
		for i, times := range byIndex(g.c.Got()) {
			if len(times) != 2 || times[0].Reconsumed != 0 || times[1].Reconsumed != 1 {
				t.Errorf("%s: message %d came %d times, want twice: %+v", g.client.Name, i, len(times), times)
			}
			for _, got := range times {
				if err := sameLater(got, g.sub.Topic); err != nil {
					t.Error(err)
				}
			}
		}
		for _, got := range dead.Got() {
			if got.Properties["RETRY_TOPIC"] != g.sub.Topic {
				t.Errorf("dead letter %d says that it comes from %q", got.Index, got.Properties["RETRY_TOPIC"])
			}
		}
		if got := len(dead.Got()); got != n {
			t.Errorf("%s: %d dead letters, want %d", g.client.Name, got, n)
		}
	}
}
