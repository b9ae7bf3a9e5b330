package interop

import (
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/verify"
)

// timed has a client send messages that wait for a time of their own, and take some
// back, and sees each of the others come once, neither early nor much too late.
func timed(t *testing.T, w *world, client *agents.Agent) {
	const n, recalled, seconds = 60, 20, 6
	topic := name(t)
	w.topic(t, topic, 4)
	c, err := client.Push(within(t, time.Minute), agents.Subscription{Group: "C_" + topic, Topic: topic, Expr: "TagL", Instance: topic})
	if err != nil {
		t.Fatal(err)
	}
	// Those first: they would have come when all of the others have.
	if _, err := client.Timed(within(t, time.Minute), "P_"+topic, topic, n, n+recalled, seconds, true); err != nil {
		t.Fatal(err)
	}
	sent, err := client.Timed(within(t, time.Minute), "P_"+topic, topic, 0, n, seconds, false)
	if err != nil {
		t.Fatal(err)
	}
	waited := c.Wait(within(t, time.Minute), distinct(n))
	if err := c.Stop(within(t, 30*time.Second)); err != nil {
		t.Error(err)
	}
	r := verify.Deliveries(wantLater(n), placeless(sent), c.Got())
	if err := r.Err(); err != nil || r.Redelivered != 0 || waited != nil {
		t.Fatalf("%v, %d delivered twice, %v", err, r.Redelivered, waited)
	}
	least, most := time.Hour, -time.Hour
	for _, g := range c.Got() {
		if g.Index >= n {
			t.Errorf("message %d was taken back, and came", g.Index)
		}
		over := time.Duration(g.Stored-g.Born)*time.Millisecond - seconds*time.Second
		least, most = min(least, over), max(most, over)
	}
	if least < -time.Second || most > mostLate {
		t.Errorf("messages came between %v and %v after their time", least, most)
	}
	t.Logf("%d messages, between %v and %v late", n, least, most)
}
