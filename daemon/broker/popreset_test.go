package broker

import (
	"fmt"
	"testing"
	"time"

	"pairmq/internal/remoting"
)

// sent sends n messages called after name to queue 0 of T.
func (c *client) sent(name string, n int) {
	c.t.Helper()
	for i := range n {
		c.expect(c.send("T", "", fmt.Sprint(name, i)), remoting.RespSuccess, "")
	}
}

// acks acknowledges messages of pop.
func (c *client) acks(all ...[]string) {
	c.t.Helper()
	for _, ack := range all {
		c.expect(c.call(remoting.ReqAckMessage, "", ack...), remoting.RespSuccess, "")
	}
}

// nothingComes fails if anything is popped of T within an hour.
func (c *client) nothingComes(when string) {
	c.t.Helper()
	for range 60 {
		if got, _ := c.pop("T"); got != "" {
			c.t.Fatalf("%s there comes %s", when, got)
		}
		time.Sleep(time.Minute)
	}
}

// TestResetWhileMessagesArePopped: what was in flight is forgotten, whichever way it
// goes; handles from before are of no use.
func TestResetWhileMessagesArePopped(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		c.sent("m", 5)
		got, old := c.pop("T")
		if got != "m0/0 m1/0 m2/0 m3/0 m4/0" {
			t.Fatalf("popped %q", got)
		}
		c.acks(old[0])
		reset := func(offset string) {
			t.Helper()
			c.expect(c.call(remoting.ReqInvokeBrokerToResetOffset, "", "topic", "T", "group", "CG", "queueId", "0", "offset", offset, "timestamp", "0", "isForce", "true"), remoting.RespSuccess, "")
		}
		reset("0")
		got, fresh := c.pop("T", "invisibleTime", "20000")
		if got != "m0/0 m1/0 m2/0 m3/0 m4/0" {
			t.Fatalf("after a reset to 0: %q", got)
		}
		c.expect(c.call(remoting.ReqAckMessage, "", old[1]...), remoting.RespNoMessage, "handle")
		c.acks(fresh...)
		c.nothingComes("after a reset, with everything acknowledged,")
		reset("3")
		if got, _ = c.pop("T"); got != "m3/0 m4/0" {
			t.Fatalf("after a reset to 3: %q", got)
		}
		reset("5")
		c.nothingComes("after a reset to the end")
		if at, _ := r.st.Offset("CG", "T", 0); at != 5 {
			t.Errorf("the group is at %d, want 5", at)
		}
	})
}

// TestDeletedTopicWhileMessagesArePopped: nothing of it comes in the one that is made again,
// whose offsets begin anew; the retry topic of its messages goes with it.
func TestDeletedTopicWhileMessagesArePopped(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		r.topic("%RETRY%CG_Other", 1)
		c := r.client()
		c.sent("m", 3)
		_, old := c.pop("T")
		time.Sleep(11 * time.Second)
		if _, ok := r.st.Topic("%RETRY%CG_T"); !ok {
			t.Fatal("no retry topic")
		}
		c.sent("n", 3)
		if got, _ := c.pop("T", "maxMsgNums", "1"); got == "" {
			t.Fatal("nothing was popped")
		}
		waits := c.begin(remoting.ReqPopMessage, "", popFieldsOf("T", "consumerGroup", "Other", "initMode", "1", "pollTime", "5000")...)
		if got, _ := popped(t, <-waits); got != "m0/0 m1/0 m2/0 n0/0 n1/0 n2/0" { // a young queue, from its beginning
			t.Fatalf("another group has %q", got)
		}
		waits = c.begin(remoting.ReqPopMessage, "", popFieldsOf("T", "consumerGroup", "Other", "pollTime", "5000")...)
		if !pending(waits) {
			t.Fatal("a pop of nothing was answered")
		}
		c.expect(c.call(remoting.ReqDeleteTopicInBroker, "", "topic", "T"), remoting.RespSuccess, "")
		for name, want := range map[string]bool{"T": false, "%RETRY%CG_T": false, "%RETRY%CG_Other": true} {
			if _, ok := r.st.Topic(name); ok != want {
				t.Errorf("topic %s is there: %v", name, ok)
			}
		}
		c.expect(c.call(remoting.ReqAckMessage, "", old[0]...), remoting.RespTopicNotExist, "")
		if resp := <-waits; resp.Code != remoting.RespPollingTimeout {
			t.Errorf("a pop that was held was answered %s", remoting.ResponseName(resp.Code))
		}
		r.topic("T", 1)
		c.sent("again", 1)
		got, acks := c.pop("T")
		if got != "again0/0" {
			t.Fatalf("made again: %q", got)
		}
		c.acks(acks...)
		c.nothingComes("after the topic was made again")
	})
}

// TestDeletedGroupWhileMessagesArePopped: with its offsets it begins anew.
func TestDeletedGroupWhileMessagesArePopped(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		c.sent("m", 3)
		_, old := c.pop("T")
		c.acks(old[0], old[1])
		c.expect(c.call(remoting.ReqDeleteSubscriptiongroup, "", "groupName", "CG", "cleanOffset", "true"), remoting.RespSuccess, "")
		time.Sleep(10 * time.Minute)
		if _, ok := r.st.Topic("%RETRY%CG_T"); ok {
			t.Error("messages come again of a group that was deleted")
		}
		got, acks := c.pop("T")
		if got != "m0/0 m1/0 m2/0" {
			t.Fatalf("made again: %q", got)
		}
		c.acks(acks...)
		c.nothingComes("after the group was made again")
	})
}

// TestOffsetsBeyondTheEnd: a consumer has committed nonsense. As with RocketMQ a pop goes
// on at the end of the queue.
func TestOffsetsBeyondTheEnd(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		c.sent("m", 1)
		_, acks := c.pop("T")
		c.acks(acks...)
		c.expect(c.call(remoting.ReqUpdateConsumerOffset, "", "consumerGroup", "CG", "topic", "T", "queueId", "0", "commitOffset", "1000000"), remoting.RespSuccess, "")
		_, _ = c.pop("T")
		c.sent("n", 1)
		if got, _ := c.pop("T"); got != "n0/0" {
			t.Errorf("popped %q", got)
		}
	})
}
