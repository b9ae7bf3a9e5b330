package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pairmq/internal/remoting"
	"pairmq/store/record"
)

// A poppedRecord is a message as a consumer that pops has it.
type poppedRecord struct {
	body  string
	again int32           // how often it had come before
	ack   remoting.Fields // of a request that acknowledges it
}

// pop pops of the topic Popped, to be invisible for so many ms, and waits for a message for
// up to five seconds.
func (d *daemonUnderTest) pop(invisible string) []poppedRecord {
	d.t.Helper()
	return d.popAs(invisible, [2]string{"order", "false"})
}

// popAs is pop with further fields.
func (d *daemonUnderTest) popAs(invisible string, more ...[2]string) (all []poppedRecord) {
	d.t.Helper()
	var f remoting.Fields
	for _, p := range [][2]string{
		{"consumerGroup", "poppers"}, {"topic", "Popped"}, {"queueId", "-1"}, {"maxMsgNums", "32"}, {"invisibleTime", invisible}, {"pollTime", "5000"},
		{"bornTime", "0"}, {"initMode", "0"}, {"expType", "TAG"}, {"exp", "TagA"},
	} {
		f.Add(p[0], p[1])
	}
	for _, p := range more {
		f.Add(p[0], p[1])
	}
	r := d.call(d.broker, &remoting.Command{Code: remoting.ReqPopMessage, Fields: f})
	if r.Code != remoting.RespSuccess && r.Code != remoting.RespPollingTimeout {
		d.t.Fatalf("a pop answers %d %q", r.Code, r.Remark)
	}
	for body := r.Body; len(body) > 0; {
		v, err := record.Parse(body, record.Limits{})
		if err != nil {
			d.t.Fatal(err)
		}
		kind, topic := "0", string(v.Topic())
		if strings.HasPrefix(topic, "%RETRY%") {
			kind = "1"
		}
		queue, offset := strconv.Itoa(int(v.QueueID())), strconv.FormatInt(v.QueueOffset(), 10)
		handle := strings.Join([]string{offset, r.Fields.Get("popTime"), r.Fields.Get("invisibleTime"), r.Fields.Get("reviveQid"), kind, "under-test", queue, offset}, " ")
		all = append(all, poppedRecord{string(v.Body()), v.ReconsumeTimes(), remoting.Fields{
			{Key: "consumerGroup", Value: "poppers"}, {Key: "topic", Value: topic}, {Key: "queueId", Value: queue}, {Key: "offset", Value: offset}, {Key: "extraInfo", Value: handle},
		}})
		body = body[v.Size():]
	}
	return all
}

// acknowledge acknowledges a message, which has to be in flight.
func (d *daemonUnderTest) acknowledge(m poppedRecord) {
	d.t.Helper()
	if r := d.call(d.broker, &remoting.Command{Code: remoting.ReqAckMessage, Fields: m.ack}); r.Code != remoting.RespSuccess {
		d.t.Fatalf("an acknowledgement of %s answers %d %q", m.body, r.Code, r.Remark)
	}
}

// mode returns what the broker says by which mode the group consumes.
func (d *daemonUnderTest) mode() string {
	r := d.call(d.broker, &remoting.Command{Code: remoting.ReqGetAllMessageRequestMode})
	if strings.Contains(string(r.Body), `"mode":"POP"`) {
		return "POP"
	}
	return "PULL"
}

// TestPoppedMessagesOfAPair: the one that takes over knows the group's offset and that it
// pops. Nothing that is not acknowledged is lost; of what is acknowledged messages behind
// one that is not come again, and none before it.
func TestPoppedMessagesOfAPair(t *testing.T) {
	names := newNames(t)
	a := names.newSlave().as("SYNC_MASTER", "0")
	b := names.newSlave()
	a.start()
	b.start()
	b.follows(a)
	for i := range 6 {
		if r := a.send("Popped", fmt.Sprint("m", i)); r.Code != remoting.RespSuccess {
			t.Fatalf("send: %d %q", r.Code, r.Remark)
		}
	}
	got := a.pop("600000")
	if len(got) != 6 {
		t.Fatalf("popped %d messages, want 6", len(got))
	}
	set := `{"topic":"Popped","consumerGroup":"poppers","mode":"POP","popShareQueueNum":0}`
	if r := a.call(a.broker, &remoting.Command{Code: remoting.ReqSetMessageRequestMode, Body: []byte(set)}); r.Code != remoting.RespSuccess {
		t.Fatalf("the mode: %d %q", r.Code, r.Remark)
	}
	eventually(t, "the slave knows that the group pops", func() bool { return b.mode() == "POP" })
	for _, i := range []int{0, 1, 3} { // m2, m4 and m5 are in flight
		a.acknowledge(got[i])
	}
	if r := b.change(remoting.ReqPopMessage, "consumerGroup", "poppers", "topic", "Popped", "queueId", "-1"); r.Code == remoting.RespSuccess {
		t.Error("a slave has a message popped")
	}
	if r := a.change(remoting.ReqDemoteBroker); r.Code != remoting.RespSuccess {
		t.Fatalf("demote answers %d %q", r.Code, r.Remark)
	}
	b.is("SYNC_MASTER", "2")
	a.follows(b)
	if b.mode() != "POP" {
		t.Error("the new master does not know that the group pops")
	}
	if r := b.call(b.broker, &remoting.Command{Code: remoting.ReqAckMessage, Fields: got[2].ack}); r.Code != remoting.RespSuccess {
		t.Errorf("a handle of the old master's answers %d %q, want success, as of what is not in flight", r.Code, r.Remark)
	}
	var bodies []string
	again := b.pop("1")
	for _, m := range again {
		bodies = append(bodies, m.body)
	}
	if want := "m2 m3 m4 m5"; strings.Join(bodies, " ") != want {
		t.Fatalf("the new master gives %q, want %s", bodies, want)
	}
	// They time out at once, and come again until they are acknowledged, over one more change.
	left := map[string]bool{"m2": true, "m3": true, "m4": true, "m5": true}
	round := func(d *daemonUnderTest, n int) {
		t.Helper()
		eventually(t, "messages come again", func() bool {
			for _, m := range d.pop("60000") {
				if m.again == 0 || !left[m.body] {
					t.Fatalf("%s came for the %d. time", m.body, m.again+1)
				}
				d.acknowledge(m)
				delete(left, m.body)
				if n--; n == 0 {
					break
				}
			}
			return n <= 0
		})
	}
	round(b, 2)
	if len(left) != 2 {
		t.Fatalf("left are %v", left)
	}
	if r := b.change(remoting.ReqDemoteBroker); r.Code != remoting.RespSuccess {
		t.Fatalf("demote answers %d %q", r.Code, r.Remark)
	}
	a.is("SYNC_MASTER", "3")
	b.follows(a)
	eventually(t, "the rest comes", func() bool {
		for _, m := range a.pop("60000") {
			if !slices.Contains(bodies, m.body) {
				t.Fatalf("%s came, which was done with before the first of those", m.body)
			}
			a.acknowledge(m)
			delete(left, m.body)
		}
		return len(left) == 0
	})
	eventually(t, "the group is at the end", func() bool { return a.committed("poppers", "Popped") == 6 })
	stopAll(t, a, b, names)
}

// TestOrderedPopsOfAPair: the one that takes over gives again what is not acknowledged, in
// order and at once; handles of the other one do nothing.
func TestOrderedPopsOfAPair(t *testing.T) {
	names := newNames(t)
	a := names.newSlave().as("SYNC_MASTER", "0")
	b := names.newSlave()
	a.start()
	b.start()
	b.follows(a)
	for i := range 5 {
		if r := a.send("Popped", fmt.Sprint("m", i)); r.Code != remoting.RespSuccess {
			t.Fatalf("send: %d %q", r.Code, r.Remark)
		}
	}
	ordered := func(d *daemonUnderTest, attempt, want string) []poppedRecord {
		t.Helper()
		got := d.popAs("600000", [2]string{"order", "true"}, [2]string{"attemptId", attempt})
		var bodies []string
		for _, m := range got {
			bodies = append(bodies, m.body)
		}
		if all := strings.Join(bodies, " "); all != want {
			t.Fatalf("attempt %s pops %q, want %q", attempt, all, want)
		}
		return got
	}
	old := ordered(a, "first", "m0 m1 m2 m3 m4")
	a.acknowledge(old[0])
	a.acknowledge(old[2])
	eventually(t, "the slave knows the offset", func() bool { return b.committed("poppers", "Popped") == 1 })
	if r := a.change(remoting.ReqDemoteBroker); r.Code != remoting.RespSuccess {
		t.Fatalf("demote answers %d %q", r.Code, r.Remark)
	}
	b.is("SYNC_MASTER", "2")
	a.follows(b)
	b.acknowledge(old[1]) // as of what is not in flight
	if at := b.committed("poppers", "Popped"); at != 1 {
		t.Errorf("by a handle of the old master the group is at %d, want 1", at)
	}
	got := ordered(b, "second", "m1 m2 m3 m4")
	if r := b.call(b.broker, &remoting.Command{Code: remoting.ReqAckMessage, Fields: old[1].ack}); r.Code != remoting.RespNoMessage {
		t.Errorf("a handle of the old master's answers %d %q, want that it is void", r.Code, r.Remark)
	}
	b.acknowledge(got[0])
	b.acknowledge(got[3])
	eventually(t, "the slave knows the offset", func() bool { return a.committed("poppers", "Popped") == 2 })
	if r := b.change(remoting.ReqDemoteBroker); r.Code != remoting.RespSuccess {
		t.Fatalf("demote answers %d %q", r.Code, r.Remark)
	}
	a.is("SYNC_MASTER", "3")
	b.follows(a)
	for _, m := range ordered(a, "third", "m2 m3 m4") { // what it knew of the first attempt is forgotten
		a.acknowledge(m)
	}
	if at := a.committed("poppers", "Popped"); at != 5 {
		t.Errorf("the group is at %d, want 5", at)
	}
	stopAll(t, a, b, names)
}
