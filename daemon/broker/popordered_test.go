package broker

import (
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
)

// orderly are the fields of an ordered pop by an attempt.
func orderly(attempt string, changes ...string) []string {
	return append([]string{"order", "true", "attemptId", attempt}, changes...)
}

// TestOrderedPop pops a queue round by round: none while one before it is in flight, and
// none behind a message that is not acknowledged.
func TestOrderedPop(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		c.sent("m", 5)
		pop := func(want, attempt string, changes ...string) [][]string {
			t.Helper()
			got, acks := c.pop("T", orderly(attempt, changes...)...)
			if got != want {
				t.Fatalf("attempt %q pops %q, want %q", attempt, got, want)
			}
			return acks
		}
		at := func(want int64) {
			t.Helper()
			if got, _ := r.st.Offset("CG", "T", 0); got != want {
				t.Errorf("the group is at %d, want %d", got, want)
			}
		}
		lost := pop("m0/0 m1/0 m2/0", "a", "maxMsgNums", "3")
		pop("", "b")
		pop("", "")
		acks := pop("m0/0 m1/0 m2/0", "a", "maxMsgNums", "3") // its answer was lost
		c.expect(c.call(remoting.ReqAckMessage, "", lost[0]...), remoting.RespNoMessage, "handle")
		c.acks(acks[0], acks[2], acks[2], acks[0])
		at(1)
		pop("", "b")
		resp := c.call(remoting.ReqNotification, "", popFieldsOf("T", orderly("b")...)...)
		if has := resp.Fields.Get("hasMsg"); has != "false" {
			t.Errorf("a queue that is in flight has messages: %s", has)
		}
		resp = c.call(remoting.ReqNotification, "", popFieldsOf("T", orderly("a")...)...)
		if has := resp.Fields.Get("hasMsg"); has != "true" {
			t.Errorf("for its own attempt it has messages: %s", has)
		}
		time.Sleep(10 * time.Second)
		resp = c.call(remoting.ReqPopMessage, "", popFieldsOf("T", orderly("b")...)...)
		if got, want := resp.Fields.Get("orderCountInfo"), "0 qo0%1 1;0 qo0%2 1;0 0 0"; got != want {
			t.Errorf("orderCountInfo %q, want %q", got, want)
		}
		if got := resp.Fields.Get("reviveQid"); got != "999" {
			t.Errorf("reviveQid %s, want 999", got)
		}
		got, acks := popped(t, resp)
		if got != "m1/1 m2/1 m3/0 m4/0" {
			t.Fatalf("after its time comes %q", got)
		}
		batch := ackBatchOf(acks[0], 1, 0b1110) // all but the first
		c.expect(c.call(remoting.ReqBatchAckMessage, batch), remoting.RespSuccess, "")
		at(1)
		time.Sleep(20 * time.Second)
		c.acks(acks[0]) // late, but nobody has popped it again
		at(5)
		if got, _ := c.pop("T"); got != "" {
			t.Errorf("there comes %q", got)
		}
		if _, ok := r.st.Topic("%RETRY%CG_T"); ok {
			t.Error("what was popped in order comes again in a retry topic")
		}
	})
}

// TestInvisibleInOrder: a round is invisible until its last message is visible again.
func TestInvisibleInOrder(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		c.sent("m", 3)
		_, acks := c.pop("T", orderly("a")...)
		change := func(ack []string, ms string, code int32) {
			t.Helper()
			resp := c.call(remoting.ReqChangeMessageInvisibletime, "", append(ack, "invisibleTime", ms)...)
			c.expect(resp, code, "")
			if code == remoting.RespSuccess && resp.Fields.Get("reviveQid") != "999" {
				t.Errorf("a change answers %v", resp.Fields)
			}
		}
		began := time.Now()
		waits := c.begin(remoting.ReqPopMessage, "", popFieldsOf("T", orderly("b", "pollTime", "60000")...)...)
		if !pending(waits) {
			t.Fatal("popped what is in flight")
		}
		change(acks[0], "20000", remoting.RespSuccess)
		change(acks[1], "1000", remoting.RespSuccess)
		change(acks[2], "0", remoting.RespSuccess)
		c.acks(acks[2])
		change(acks[2], "5000", remoting.RespNoMessage)
		got, again := popped(t, <-waits)
		if took := time.Since(began); got != "m0/1 m1/1 m2/1" || took < 20*time.Second || took > 21*time.Second {
			t.Fatalf("after %v there comes %q", took, got)
		}
		change(acks[0], "1000", remoting.RespNoMessage)
		waits = c.begin(remoting.ReqPopMessage, "", popFieldsOf("T", orderly("c", "pollTime", "60000")...)...)
		if !pending(waits) {
			t.Fatal("popped what is in flight")
		}
		began = time.Now()
		for _, ack := range again { // the consumer gives all back
			change(ack, "0", remoting.RespSuccess)
		}
		if got, _ := popped(t, <-waits); got != "m0/2 m1/2 m2/2" || time.Since(began) > time.Second {
			t.Errorf("given back, after %v there comes %q", time.Since(began), got)
		}
	})
}

// TestARoundThatIsDoneWakesItsPop: of two pops that are held, the one that takes from the
// queue, though the other waits for longer.
func TestARoundThatIsDoneWakesItsPop(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 2)
		c := r.client()
		for _, body := range []string{"m0", "m1"} {
			c.expect(c.call(remoting.ReqSendMessageV2, body, sendFields("T", "e", "1")...), remoting.RespSuccess, "")
		}
		got, acks := c.pop("T", orderly("a", "queueId", "1", "maxMsgNums", "1")...)
		if got != "m0/0" {
			t.Fatalf("popped %q", got)
		}
		hold := func(queue string) <-chan *remoting.Command {
			t.Helper()
			waits := r.client().begin(remoting.ReqPopMessage, "", popFieldsOf("T", orderly("b", "queueId", queue, "pollTime", "15000")...)...)
			if !pending(waits) {
				t.Fatalf("of queue %s comes %v", queue, <-waits)
			}
			return waits
		}
		hold("0")
		waits := hold("1")
		began := time.Now()
		c.acks(acks...)
		if got, _ := popped(t, <-waits); got != "m1/0" || time.Since(began) > time.Second {
			t.Errorf("after %v comes %q", time.Since(began), got)
		}
	})
}

// TestInOrderAndWithout: a group that pops a queue both ways has it one way at a time.
func TestInOrderAndWithout(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		c.sent("m", 3)
		_, acks := c.pop("T", "maxMsgNums", "2")
		began := time.Now()
		waits := c.begin(remoting.ReqPopMessage, "", popFieldsOf("T", orderly("a", "pollTime", "60000")...)...)
		if !pending(waits) {
			t.Fatal("popped in order behind what is in flight without")
		}
		c.acks(acks[0])
		if !pending(waits) {
			t.Fatal("popped in order behind what is in flight without")
		}
		got, acks := popped(t, <-waits) // m1 is in the retry topic
		if got != "m2/0" || time.Since(began) > 15*time.Second {
			t.Fatalf("after %v comes %q", time.Since(began), got)
		}
		if got, _ := c.pop("T", orderly("b")...); got != "" {
			t.Errorf("of the retry topic comes %q in order", got)
		}
		got, retried := c.pop("T")
		if got != "m1/1" {
			t.Errorf("without order comes %q", got)
		}
		c.acks(retried...)
		if got, _ := c.pop("T"); got != "" {
			t.Errorf("without order comes %q, which is in flight in order", got)
		}
		time.Sleep(11 * time.Second)
		got, without := c.pop("T")
		if got != "m2/0" {
			t.Fatalf("after its time comes %q", got)
		}
		c.expect(c.call(remoting.ReqAckMessage, "", acks[0]...), remoting.RespNoMessage, "handle")
		c.acks(without...)
		c.nothingComes("with everything acknowledged")
		c.sent("n", 1)
		_, acks = c.pop("T", orderly("c")...)
		other := with(append([]string(nil), acks[0]...), []string{"extraInfo", "3 1 10000 0 0 broker-a 0 3"})
		c.expect(c.call(remoting.ReqAckMessage, "", other...), remoting.RespNoMessage, "handle")
		c.acks(acks...)
		if at, _ := r.st.Offset("CG", "T", 0); at != 4 {
			t.Errorf("the group is at %d, want 4", at)
		}
	})
}

// TestRoundsEndWithTheirGroup: a reset and the deletion of a group or topic forget a round;
// an offset that somebody commits ends it as far.
func TestRoundsEndWithTheirGroup(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		c.sent("m", 4)
		pop := func(when, want string) [][]string {
			t.Helper()
			got, acks := c.pop("T", orderly("", "invisibleTime", "60000")...)
			if got != want {
				t.Fatalf("%s there comes %q, want %q", when, got, want)
			}
			return acks
		}
		old := pop("at first", "m0/0 m1/0 m2/0 m3/0")
		c.acks(old[0])
		reset := []string{"topic", "T", "group", "CG", "queueId", "0", "offset", "0", "timestamp", "0", "isForce", "true"}
		c.expect(c.call(remoting.ReqInvokeBrokerToResetOffset, "", reset...), remoting.RespSuccess, "")
		time.Sleep(time.Millisecond) // which tells handles apart
		acks := pop("after a reset", "m0/0 m1/0 m2/0 m3/0")
		c.expect(c.call(remoting.ReqAckMessage, "", old[1]...), remoting.RespNoMessage, "handle")
		c.acks(acks[3])
		c.expect(c.call(remoting.ReqUpdateConsumerOffset, "", "consumerGroup", "CG", "topic", "T", "queueId", "0", "commitOffset", "2"), remoting.RespSuccess, "")
		pop("in flight", "")
		time.Sleep(time.Minute)
		pop("behind a committed offset", "m2/1 m3/1")
		c.expect(c.call(remoting.ReqUpdateConsumerOffset, "", "consumerGroup", "CG", "topic", "T", "queueId", "0", "commitOffset", "3"), remoting.RespSuccess, "")
		c.expect(c.call(remoting.ReqDeleteSubscriptiongroup, "", "groupName", "CG", "cleanOffset", "true"), remoting.RespSuccess, "")
		acks = pop("made again", "m0/0 m1/0 m2/0 m3/0")
		c.expect(c.call(remoting.ReqDeleteTopicInBroker, "", "topic", "T"), remoting.RespSuccess, "")
		r.topic("T", 1)
		c.sent("n", 1)
		c.acks(acks[0]) // as of what is not in flight
		acks = pop("in a topic made again", "n0/0")
		c.acks(acks...)
		synctest.Wait()
		if at, _ := r.st.Offset("CG", "T", 0); at != 1 {
			t.Errorf("the group is at %d, want 1", at)
		}
	})
}

// TestRoundsCountAsFlights: they are bounded, can be taken once more when there are as
// many as may be, and are forgotten when nobody does.
func TestRoundsCountAsFlights(t *testing.T) {
	bubble(t, func(o *Options, _ *fakeStore) { o.MaxPopped = 3 }, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		c.sent("m", 4)
		if got, _ := c.pop("T", orderly("a")...); got != "m0/0 m1/0 m2/0" {
			t.Fatalf("popped %q", got)
		}
		c.expect(c.call(remoting.ReqPopMessage, "", popFieldsOf("T", "consumerGroup", "Other")...), remoting.RespSystemBusy, "not acknowledged")
		time.Sleep(11 * time.Second)
		if got, _ := c.pop("T", orderly("b")...); got != "m0/1 m1/1 m2/1" {
			t.Fatalf("after its time comes %q", got)
		}
		time.Sleep(25 * time.Hour)
		c = r.client() // the other was idle for too long
		if got, _ := c.pop("T", "consumerGroup", "Other"); got != "m0/0 m1/0 m2/0" {
			t.Errorf("another group has %q", got)
		}
		time.Sleep(11 * time.Second)
		if got, _ := c.pop("T", orderly("c")...); got != "m0/0 m1/0 m2/0" {
			t.Errorf("a day later comes %q", got)
		}
	})
}
