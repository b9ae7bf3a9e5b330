package broker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/record"
)

// popFieldsOf are the fields of a pop of group CG, with changes.
func popFieldsOf(topic string, changes ...string) []string {
	return with([]string{
		"consumerGroup", "CG", "topic", topic, "queueId", "-1", "maxMsgNums", "32", "invisibleTime", "10000", "pollTime", "0",
		"bornTime", "0", "initMode", "0", "expType", "TAG", "exp", "*", "order", "false",
	}, changes)
}

// popped returns what a response to a pop has: of each message its body, how often it
// was tried, and the fields of its acknowledgement.
func popped(t *testing.T, resp *remoting.Command) (bodies string, acks [][]string) {
	t.Helper()
	var all []string
	for body := resp.Body; len(body) > 0; {
		v, err := record.Parse(body, record.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		again := fmt.Sprint(v.ReconsumeTimes())
		for info := range strings.SplitSeq(resp.Fields.Get("orderCountInfo"), ";") {
			if count, ok := strings.CutPrefix(info, fmt.Sprintf("0 qo%d%%%d ", v.QueueID(), v.QueueOffset())); ok {
				again = count
			}
		}
		all = append(all, fmt.Sprintf("%s/%s", v.Body(), again))
		kind := "0"
		if strings.HasPrefix(string(v.Topic()), "%RETRY%") {
			kind = "1"
		}
		handle := fmt.Sprintf("%d %s %s %s %s broker-a %d %d", v.QueueOffset(), resp.Fields.Get("popTime"), resp.Fields.Get("invisibleTime"), resp.Fields.Get("reviveQid"),
			kind, v.QueueID(), v.QueueOffset())
		acks = append(acks, []string{"consumerGroup", "CG", "topic", string(v.Topic()), "queueId", itoa(v.QueueID()), "offset", itoa(v.QueueOffset()), "extraInfo", handle})
		body = body[v.Size():]
	}
	return strings.Join(all, " "), acks
}

func (c *client) pop(topic string, changes ...string) (string, [][]string) {
	c.t.Helper()
	resp := c.call(remoting.ReqPopMessage, "", popFieldsOf(topic, changes...)...)
	if resp.Code != remoting.RespSuccess && resp.Code != remoting.RespPollingTimeout {
		c.t.Fatalf("pop: %s %q", remoting.ResponseName(resp.Code), resp.Remark)
	}
	return popped(c.t.(*testing.T), resp)
}

// TestPop pops, acknowledges, and has what was not acknowledged come again.
func TestPop(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		for i := range 3 {
			c.send("T", "", fmt.Sprint("m", i))
		}
		got, acks := c.pop("T")
		if got != "m0/0 m1/0 m2/0" {
			t.Fatalf("popped %q", got)
		}
		if again, _ := c.pop("T"); again != "" {
			t.Errorf("what is invisible was popped: %q", again)
		}
		c.expect(c.call(remoting.ReqAckMessage, "", acks[0]...), remoting.RespSuccess, "")
		c.expect(c.call(remoting.ReqAckMessage, "", acks[2]...), remoting.RespSuccess, "")
		if at, _ := r.st.Offset("CG", "T", 0); at != 1 {
			t.Errorf("the group is at %d, want 1: the message there is not acknowledged", at)
		}
		time.Sleep(9 * time.Second)
		if again, _ := c.pop("T"); again != "" {
			t.Errorf("before its time: %q", again)
		}
		time.Sleep(2 * time.Second)
		got, again := c.pop("T")
		if got != "m1/1" {
			t.Fatalf("after its time: %q, want m1 for the second time", got)
		}
		if at, _ := r.st.Offset("CG", "T", 0); at != 3 {
			t.Errorf("the group is at %d, want 3", at)
		}
		c.expect(c.call(remoting.ReqAckMessage, "", again[0]...), remoting.RespSuccess, "")
		time.Sleep(30 * time.Minute)
		if got, _ := c.pop("T"); got != "" {
			t.Errorf("acknowledged, and again: %q", got)
		}
	})
}

// TestAPopIsHeld holds two pops, of which a message wakes one.
func TestAPopIsHeld(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 4)
		a, b := r.client(), r.client()
		first := a.begin(remoting.ReqPopMessage, "", popFieldsOf("T", "pollTime", "15000")...)
		if !pending(first) {
			t.Fatal("a pop of nothing was answered")
		}
		second := b.begin(remoting.ReqPopMessage, "", popFieldsOf("T", "pollTime", "15000")...)
		pending(second)
		asks := b.begin(remoting.ReqNotification, "", popFieldsOf("T", "pollTime", "5000")...)
		pending(asks)
		if n := a.call(remoting.ReqPollingInfo, "", "consumerGroup", "CG", "topic", "T", "queueId", "-1").Fields.Get("pollingNum"); n != "2" {
			t.Errorf("%s pops are held, want 2", n)
		}
		a.send("T", "", "m0")
		if got, _ := popped(t, <-first); got != "m0/0" {
			t.Errorf("the first one got %q", got)
		}
		if !pending(second) {
			t.Error("the second one was answered too")
		}
		time.Sleep(6 * time.Second)
		if got := (<-asks).Fields.Get("hasMsg"); got != "false" {
			t.Errorf("hasMsg %s, want false: it was popped", got)
		}
		time.Sleep(10 * time.Second)
		// m0 was not acknowledged and comes again.
		if got, _ := popped(t, <-second); got != "m0/1" {
			t.Errorf("the second one got %q", got)
		}
	})
}

// TestInvisibleTimeChanges: the new handle counts, and the old one does not.
func TestInvisibleTimeChanges(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		c.send("T", "", "m0")
		_, acks := c.pop("T")
		old := acks[0]
		resp := c.call(remoting.ReqChangeMessageInvisibletime, "", append(append([]string(nil), old...), "invisibleTime", "60000")...)
		c.expect(resp, remoting.RespSuccess, "")
		c.expect(c.call(remoting.ReqAckMessage, "", old...), remoting.RespNoMessage, "handle")
		time.Sleep(59 * time.Second)
		if got, _ := c.pop("T"); got != "" {
			t.Errorf("before its new time: %q", got)
		}
		time.Sleep(2 * time.Second)
		if got, _ := c.pop("T"); got != "m0/1" {
			t.Errorf("after its new time: %q", got)
		}
	})
}

// TestPopsAreRefused has requests that make no sense, or that this broker cannot serve.
func TestPopsAreRefused(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 2)
		c := r.client()
		for _, test := range []struct {
			code   int32
			words  string
			change []string
		}{
			{remoting.RespTopicNotExist, "None", []string{"topic", "None"}},
			{remoting.RespInvalidParameter, "queues", []string{"queueId", "2"}},
			{remoting.RespInvalidParameter, "maxMsgNums", []string{"maxMsgNums", "33"}},
			{remoting.RespInvalidParameter, "invisibleTime", []string{"invisibleTime", "86400001"}},
			{remoting.RespSystemError, "order", []string{"order", "maybe"}},
			{remoting.RespInvalidParameter, "attemptId", []string{"order", "true", "attemptId", strings.Repeat("a", 129)}},
			{remoting.RespInvalidParameter, "retry topic", []string{"consumerGroup", strings.Repeat("g", 125)}},
			{remoting.RespSubscriptionParseFailed, "", []string{"expType", "SQL92", "exp", "a >"}},
		} {
			c.expect(c.call(remoting.ReqPopMessage, "", popFieldsOf("T", test.change...)...), test.code, test.words)
		}
	})
}

// TestRequestModes sets a group to pop, and asks who pops what.
func TestRequestModes(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 4)
		r.group("CG")
		c := r.client()
		for _, id := range []string{"a", "b", "c"} {
			r.client().call(remoting.ReqHeartBeat, heartbeatOf(id, "CG", "CLUSTERING", "T"))
		}
		set := func(mode string, others int) *remoting.Command {
			return c.call(remoting.ReqSetMessageRequestMode, fmt.Sprintf(`{"topic":"T","consumerGroup":"CG","mode":%q,"popShareQueueNum":%d}`, mode, others))
		}
		ask := func(id string) (all []string) {
			body := string(c.call(remoting.ReqQueryAssignment, fmt.Sprintf(`{"topic":"T","consumerGroup":"CG","clientId":%q,"strategyName":"AVG","messageModel":"CLUSTERING"}`, id)).Body)
			for part := range strings.SplitSeq(body, `"queueId":`) {
				n, _, _ := strings.Cut(part, ",")
				all = append(all, n)
			}
			return append(all[1:], fmt.Sprint(strings.Contains(body, `"mode":"POP"`)))
		}
		for _, test := range []struct {
			mode   string
			others int
			a, c   string
		}{
			{"PULL", 0, "[0 1 false]", "[3 false]"}, {"POP", 0, "[-1 true]", "[-1 true]"}, {"POP", 1, "[0 1 2 true]", "[3 0 1 true]"}, {"POP", 2, "[-1 true]", "[-1 true]"},
		} {
			c.expect(set(test.mode, test.others), remoting.RespSuccess, "")
			if got := fmt.Sprint(ask("a")); got != test.a {
				t.Errorf("%s %d: a has %s, want %s", test.mode, test.others, got, test.a)
			}
			if got := fmt.Sprint(ask("c")); got != test.c {
				t.Errorf("%s %d: c has %s, want %s", test.mode, test.others, got, test.c)
			}
		}
		if got, want := string(c.call(remoting.ReqGetAllMessageRequestMode, "").Body),
			`{"messageRequestModeMap":{"T":{"CG":{"consumerGroup":"CG","mode":"POP","popShareQueueNum":2,"topic":"T"}}}}`; got != want {
			t.Errorf("402: %s, want %s", got, want)
		}
		c.expect(set("PUSH", 0), remoting.RespInvalidParameter, "PUSH")
	})
}
