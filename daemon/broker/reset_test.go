package broker

import (
	"testing"
	"time"

	"pairmq/internal/remoting"
)

// resetTest runs f with the topic T with two queues, ten messages a second apart in the first,
// and the group CG at 7.
func resetTest(t *testing.T, f func(t *testing.T, r *rig, c *client)) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 2)
		r.group("CG")
		c := r.client()
		for i := range 10 {
			r.st.mu.Lock()
			r.st.now = int64(1000 * (i + 1))
			r.st.mu.Unlock()
			c.send("T", "", itoa(i))
		}
		r.st.CommitOffset("CG", "T", 0, 7)
		f(t, r, c)
	})
}

func TestResetOffset(t *testing.T) {
	const first, second = `{"brokerName":"broker-a","queueId":0,"topic":"T"}`, `{"brokerName":"broker-a","queueId":1,"topic":"T"}`
	q := func(fields ...string) []string {
		return with([]string{"topic", "T", "group", "CG", "timestamp", "4000", "isForce", "true"}, fields)
	}
	both := func(a, b string) string { return `{"offsetTable":{` + first + `:` + a + `,` + second + `:` + b + `}}` }
	tests := []struct {
		name   string
		fields []string
		code   int32
		body   string
		want   int64 // of queue 0
	}{
		{"backwards", q(), 0, both("3", "0"), 3},
		{"forwards", q("timestamp", "9000"), 0, both("8", "0"), 8},
		{"forwards without force", q("timestamp", "9000", "isForce", "false"), 0, both("7", "0"), 7},
		{"backwards without force", q("isForce", "false"), 0, both("3", "0"), 3},
		{"to the end", q("timestamp", "-1"), 0, both("10", "0"), 10},
		{"to a time to come", q("timestamp", "99000"), 0, both("10", "0"), 10},
		{"one queue", q("queueId", "0", "offset", "-1"), 0, `{"offsetTable":{` + first + `:3}}`, 3},
		{"one queue to an offset", q("queueId", "0", "offset", "5", "isForce", "false"), 0, `{"offsetTable":{` + first + `:5}}`, 5},
		{"the other queue", q("queueId", "1"), 0, `{"offsetTable":{` + second + `:0}}`, 7},
		{"all queues have no offset", q("queueId", "-1", "offset", "5"), 0, both("3", "0"), 3},
		{"an offset that is not there", q("queueId", "0", "offset", "11"), remoting.RespInvalidParameter, "", 7},
		{"a queue that is not there", q("queueId", "2"), remoting.RespInvalidParameter, "", 7},
		{"no topic", q("topic", "None"), remoting.RespTopicNotExist, "", 7},
		{"no group", q("group", "None"), remoting.RespSubscriptionGroupNotExist, "", 7},
		{"no time", q("timestamp", "x"), remoting.RespSystemError, "", 7},
		{"no boolean", q("isForce", "x"), remoting.RespSystemError, "", 7},
		{"no queue number", q("queueId", "x"), remoting.RespSystemError, "", 7},
		{"no offset number", q("queueId", "0", "offset", "x"), remoting.RespSystemError, "", 7},
	}
	for _, tt := range tests {
		resetTest(t, func(t *testing.T, r *rig, c *client) {
			resp := c.call(remoting.ReqInvokeBrokerToResetOffset, "", tt.fields...)
			if resp.Code != tt.code || string(resp.Body) != tt.body {
				t.Errorf("%s: answered %d %q %s, want %d %s", tt.name, resp.Code, resp.Remark, resp.Body, tt.code, tt.body)
			}
			if got, _ := r.st.Offset("CG", "T", 0); got != tt.want {
				t.Errorf("%s: the group is at %d, want %d", tt.name, got, tt.want)
			}
		})
	}
	bubble(t, func(o *Options, _ *fakeStore) { o.ID = 1 }, func(t *testing.T, r *rig) {
		r.topic("T", 2)
		r.client().expect(r.client().call(remoting.ReqInvokeBrokerToResetOffset, "", q()...), remoting.RespServiceNotAvailable, "slave")
	})
}

// TestAConsumerGoesOnFromAReset: it is told with its next pull, one that waits
// at once, and what it commits until it goes on from there counts for nothing.
func TestAConsumerGoesOnFromAReset(t *testing.T) {
	resetTest(t, func(t *testing.T, r *rig, c *client) {
		c.call(remoting.ReqHeartBeat, heartbeatOf("a", "CG", "CLUSTERING", "T"))
		other := r.client()
		waits := c.begin(remoting.ReqPullMessage, "", pullFields("T", "queueOffset", "10", "sysFlag", "6")...)
		others := other.begin(remoting.ReqPullMessage, "", pullFields("T", "queueOffset", "10", "sysFlag", "6", "consumerGroup", "Other")...)
		if !pending(waits) || !pending(others) {
			t.Fatal("a pull of what is not there yet is answered")
		}
		reset := func(to string) {
			c.expect(c.call(remoting.ReqInvokeBrokerToResetOffset, "", "topic", "T", "group", "CG", "timestamp", to, "isForce", "true"), 0, "")
		}
		at := func(when string, want int64) {
			t.Helper()
			if got, _ := r.st.Offset("CG", "T", 0); got != want {
				t.Errorf("%s the group is at %d, want %d", when, got, want)
			}
		}
		commit := func(offset string) {
			c.expect(c.call(remoting.ReqUpdateConsumerOffset, "", "consumerGroup", "CG", "topic", "T", "queueId", "0", "commitOffset", offset), 0, "")
		}
		moved := func(when string, resp *remoting.Command, to string) {
			t.Helper()
			if resp.Code != remoting.RespPullOffsetMoved || resp.Remark != "OFFSET_RESET" || resp.Fields.Get("nextBeginOffset") != to || resp.Fields.Get("maxOffset") != "10" {
				t.Errorf("%s a pull is answered with %d %q %v", when, resp.Code, resp.Remark, resp.Fields)
			}
		}
		reset("4000")
		moved("after a reset", <-waits, "3")
		if !pending(others) {
			t.Error("a pull of another group is answered")
		}
		commit("9")
		at("while its consumer does not know,", 3)
		if resp := c.call(remoting.ReqPullMessage, "", pullFields("T", "queueOffset", "7", "sysFlag", "5", "commitOffset", "8")...); resp.Code != 0 {
			t.Errorf("told already, a pull is answered with %d %q", resp.Code, resp.Remark)
		}
		at("while it does not obey,", 3)
		commit("3")
		commit("5")
		at("gone on,", 5)

		reset("2000")
		moved("reset again", c.call(remoting.ReqPullMessage, "", pullFields("T", "queueOffset", "7")...), "1")
		commit("9")
		at("while its consumer leaves,", 1)
		other.call(remoting.ReqQueryConsumerOffset, "", "consumerGroup", "CG", "topic", "T", "queueId", "0")
		commit("9")
		at("while somebody else looks,", 1)
		if got := answer(c.call(remoting.ReqQueryConsumerOffset, "", "consumerGroup", "CG", "topic", "T", "queueId", "0")); got != "0 offset=1" {
			t.Errorf("the offset is %s, want 1", got)
		}
		commit("2")
		at("taken over by another consumer,", 2)

		reset("2000")
		time.Sleep(resetTime)
		commit("9")
		at("a minute later", 9)
		if n := r.b.resets.count.Load(); n > 1 { // of queue 1, unless upkeep was at this very moment
			t.Errorf("%d resets are remembered", n)
		}
		time.Sleep(upkeepPeriod)
		if n := r.b.resets.count.Load(); n != 0 {
			t.Errorf("%d resets are remembered for ever", n)
		}
	})
}

// TestResetsAreBounded: who resets more than could ever be told is refused.
func TestResetsAreBounded(t *testing.T) {
	resetTest(t, func(t *testing.T, r *rig, c *client) {
		c.call(remoting.ReqHeartBeat, heartbeatOf("a", "CG", "CLUSTERING", "T"))
		refused := 0
		for i := range maxResets/maxQueues + 1 {
			topic := "Many" + itoa(i)
			r.topic(topic, maxQueues)
			if resp := c.call(remoting.ReqInvokeBrokerToResetOffset, "", "topic", topic, "group", "CG", "timestamp", "0", "isForce", "true"); resp.Code == remoting.RespSystemBusy {
				refused++
			}
		}
		if refused != 1 {
			t.Errorf("refused %d, want the last one", refused)
		}
	})
}

// TestResetByBroadcast: consumers that keep their offsets themselves are told by a push,
// in the form that 4.9.7's broker has.
func TestResetByBroadcast(t *testing.T) {
	resetTest(t, func(t *testing.T, r *rig, c *client) {
		all := []*client{r.client(), r.client()}
		for i, consumer := range all {
			consumer.call(remoting.ReqHeartBeat, heartbeatOf(itoa(int64(i)), "CG", "BROADCASTING", "T"))
		}
		clustered := r.client()
		clustered.call(remoting.ReqHeartBeat, heartbeatOf("other", "Other", "CLUSTERING", "T"))
		r.group("Other")
		for _, group := range []string{"CG", "Other"} {
			c.expect(c.call(remoting.ReqInvokeBrokerToResetOffset, "", "topic", "T", "group", group, "timestamp", "4000", "isForce", "true"), 0, "")
		}
		resets := func(c *client) (all []remoting.Command) {
			for _, cmd := range c.oneways() {
				if cmd.Code == remoting.ReqResetConsumerClientOffset {
					all = append(all, cmd)
				}
			}
			return all
		}
		const want = `{"offsetTable":{{"brokerName":"broker-a","queueId":0,"topic":"T"}:3,{"brokerName":"broker-a","queueId":1,"topic":"T"}:0}}`
		for i, consumer := range all {
			got := resets(consumer)
			if len(got) != 1 || string(got[0].Body) != want {
				t.Fatalf("consumer %d is told %+v, want one 220 with %s", i, got, want)
			}
			for _, f := range pairs([]string{"topic", "T", "group", "CG", "timestamp", "4000", "isForce", "false"}) { // those of 4.9.7's push
				if have := got[0].Fields.Get(f.Key); have != f.Value {
					t.Errorf("the push has %s %q, want %q", f.Key, have, f.Value)
				}
			}
		}
		if got := resets(clustered); len(got) != 0 {
			t.Errorf("a consumer that is told with its next pull is sent %+v", got)
		}
	})
}
