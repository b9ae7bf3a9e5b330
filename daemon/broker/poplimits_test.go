package broker

import (
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
)

// TestTooManyPopsAreHeld: of one group in one topic, and of all; there is room again when
// one is answered, or its connection is gone.
func TestTooManyPopsAreHeld(t *testing.T) {
	bubble(t, func(o *Options, _ *fakeStore) { o.MaxPopHeld, o.MaxPopHeldQueue = 3, 2 }, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		r.topic("U", 1)
		a, b := r.clientAt("127.0.0.1:1"), r.clientAt("127.0.0.1:2")
		hold := func(c *client, topic string) <-chan *remoting.Command {
			t.Helper()
			got := c.begin(remoting.ReqPopMessage, "", popFieldsOf(topic, "pollTime", "15000")...)
			if !pending(got) {
				t.Fatalf("a pop was answered %v", <-got)
			}
			return got
		}
		full := func(topic string) {
			t.Helper()
			a.expect(a.call(remoting.ReqPopMessage, "", popFieldsOf(topic, "pollTime", "15000")...), remoting.RespPollingFull, "held")
			resp := a.call(remoting.ReqNotification, "", popFieldsOf(topic, "pollTime", "15000")...)
			a.expect(resp, remoting.RespSuccess, "")
			if resp.Fields.Get("hasMsg") != "false" || resp.Fields.Get("pollingFull") != "true" {
				t.Errorf("a notification says %v, want that too many are held", resp.Fields)
			}
			a.expect(a.call(remoting.ReqPopMessage, "", popFieldsOf(topic)...), remoting.RespPollingTimeout, "") // which is not to be held
		}
		hold(b, "T")
		second := hold(a, "T")
		full("T")
		hold(a, "U")
		full("U")
		_ = b.conn.Close()
		synctest.Wait()
		hold(a, "T")
		full("T")
		a.sent("m", 1)
		if got, _ := popped(t, <-second); got != "m0/0" {
			t.Errorf("popped %q", got)
		}
		hold(a, "U")
	})
}

// TestTooManyMessagesAreInFlight: of one queue by one group no more are popped until one
// is done with, which wakes a pop; of all queues pops are refused.
func TestTooManyMessagesAreInFlight(t *testing.T) {
	bubble(t, func(o *Options, _ *fakeStore) { o.MaxPoppedQueue, o.MaxPopped = 4, 6 }, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		c.sent("m", 6)
		got, acks := c.pop("T")
		if got != "m0/0 m1/0 m2/0 m3/0" {
			t.Fatalf("popped %q", got)
		}
		waits := c.begin(remoting.ReqPopMessage, "", popFieldsOf("T", "pollTime", "5000")...)
		if !pending(waits) {
			t.Fatalf("with as many in flight as may be: %v", <-waits)
		}
		c.acks(acks[1])
		got, more := popped(t, <-waits)
		if got != "m4/0" {
			t.Fatalf("with room for one more: %q", got)
		}
		other, others := c.pop("T", "consumerGroup", "Other")
		if other != "m0/0 m1/0" {
			t.Fatalf("another group has %q", other)
		}
		c.expect(c.call(remoting.ReqPopMessage, "", popFieldsOf("T", "consumerGroup", "Third")...), remoting.RespSystemBusy, "not acknowledged")
		for _, ack := range others {
			c.acks(with(ack, []string{"consumerGroup", "Other"}))
		}
		c.acks(acks[0], acks[2], acks[3], more[0])
		if got, _ = c.pop("T", "consumerGroup", "Third"); got != "m0/0 m1/0 m2/0 m3/0" {
			t.Errorf("with room again: %q", got)
		}
	})
}

// TestRoomByWhatIsDeadWakesAPop: messages of a queue of which no more may be in flight
// become dead letters, which nobody acknowledges.
func TestRoomByWhatIsDeadWakesAPop(t *testing.T) {
	bubble(t, func(o *Options, st *fakeStore) { o.MaxPoppedQueue = 2 }, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		c.sent("m", 3)
		if got, _ := c.pop("T", "invisibleTime", "2000"); got != "m0/0 m1/0" {
			t.Fatalf("popped %q", got)
		}
		g, _ := r.st.Group("CG")
		g.RetryMaxTimes = 0
		_ = r.st.PutGroup(g)
		began := time.Now()
		waits := c.begin(remoting.ReqPopMessage, "", popFieldsOf("T", "pollTime", "15000")...)
		if !pending(waits) {
			t.Fatal("a pop of a full queue was answered")
		}
		if got, _ := popped(t, <-waits); got != "m2/0" {
			t.Errorf("popped %q", got)
		}
		if waited := time.Since(began); waited > 5*time.Second {
			t.Errorf("there was room after 2 s, and a pop waited %v", waited)
		}
	})
}
