package broker

import (
	"fmt"
	"strings"
	"testing"

	"pairmq/internal/remoting"
	"pairmq/store/record"
)

// answer is the code of an answer and what its one field says.
func answer(resp *remoting.Command) string {
	if len(resp.Fields) == 1 {
		return fmt.Sprintf("%d %s=%s", resp.Code, resp.Fields[0].Key, resp.Fields[0].Value)
	}
	return fmt.Sprint(resp.Code)
}

func TestOffsets(t *testing.T) {
	q := func(fields ...string) []string {
		return with([]string{"consumerGroup", "CG", "topic", "T", "queueId", "0"}, fields)
	}
	tests := []struct {
		name   string
		code   int32
		fields []string
		want   string
	}{
		{"nothing committed, first messages gone", remoting.ReqQueryConsumerOffset, q(), "22"},
		{"nothing committed, young queue", remoting.ReqQueryConsumerOffset, q("queueId", "1"), "0 offset=0"},
		{"nothing committed, empty queue", remoting.ReqQueryConsumerOffset, q("queueId", "3"), "0 offset=0"},
		{"nothing committed, zero not wanted", remoting.ReqQueryConsumerOffset, q("queueId", "1", "setZeroIfNotFound", "false"), "22"},
		{"zero is no boolean", remoting.ReqQueryConsumerOffset, q("setZeroIfNotFound", "x"), "1"},
		{"no topic", remoting.ReqQueryConsumerOffset, q("topic", "-"), "1"},
		{"no queue", remoting.ReqQueryConsumerOffset, q("queueId", "-"), "1"},
		{"negative queue", remoting.ReqQueryConsumerOffset, q("queueId", "-1"), "29"},

		{"commit", remoting.ReqUpdateConsumerOffset, q("commitOffset", "12"), "0"},
		{"committed", remoting.ReqQueryConsumerOffset, q(), "0 offset=12"},
		{"commit backwards", remoting.ReqUpdateConsumerOffset, q("commitOffset", "11"), "0"},
		{"is taken", remoting.ReqQueryConsumerOffset, q("setZeroIfNotFound", "false"), "0 offset=11"},
		{"commit of an unknown topic", remoting.ReqUpdateConsumerOffset, q("topic", "None", "commitOffset", "1"), "17"},
		{"commit of a bad group", remoting.ReqUpdateConsumerOffset, q("consumerGroup", "a b", "commitOffset", "1"), "26"},
		{"commit of no queue", remoting.ReqUpdateConsumerOffset, q("queueId", "4", "commitOffset", "1"), "29"},
		{"commit of a negative queue", remoting.ReqUpdateConsumerOffset, q("queueId", "-4", "commitOffset", "1"), "29"},
		{"commit of a negative offset", remoting.ReqUpdateConsumerOffset, q("commitOffset", "-1"), "29"},
		{"commit of nothing", remoting.ReqUpdateConsumerOffset, q(), "1"},

		{"max", remoting.ReqGetMaxOffset, q(), "0 offset=13"},
		{"max of an unknown queue", remoting.ReqGetMaxOffset, q("topic", "None"), "0 offset=0"},
		{"max of a negative queue", remoting.ReqGetMaxOffset, q("queueId", "-1"), "29"},
		{"min", remoting.ReqGetMinOffset, q(), "0 offset=10"},
		{"min of no number", remoting.ReqGetMinOffset, q("queueId", "x"), "1"},
		{"earliest", remoting.ReqGetEarliestMsgStoretime, q(), "0 timestamp=1000"},
		{"earliest of an empty queue", remoting.ReqGetEarliestMsgStoretime, q("queueId", "3"), "0 timestamp=-1"},
		{"earliest without a queue", remoting.ReqGetEarliestMsgStoretime, nil, "1"},
		{"by time", remoting.ReqSearchOffsetByTimestamp, q("timestamp", "2000"), "0 offset=11"},
		{"by time, upper", remoting.ReqSearchOffsetByTimestamp, q("timestamp", "2500", "boundaryType", "upper"), "0 offset=11"},
		{"by time, after all", remoting.ReqSearchOffsetByTimestamp, q("timestamp", "9000"), "0 offset=13"},
		{"by no time", remoting.ReqSearchOffsetByTimestamp, q(), "1"},
		{"by time of no queue", remoting.ReqSearchOffsetByTimestamp, nil, "1"},
	}
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 4)
		c := r.client()
		r.st.queues[queueKey{"T", 0}] = &fakeQueue{min: 10}
		for i := range 3 {
			r.st.now = int64(1000 * (i + 1))
			c.send("T", "", "m")
		}
		c.call(remoting.ReqSendMessageV2, "m", sendFields("T", "e", "1")...)
		for _, test := range tests {
			if got := answer(c.call(test.code, "", test.fields...)); got != test.want {
				t.Errorf("%s: answered %s, want %s", test.name, got, test.want)
			}
		}
	})
}

// TestOldQueueIsNotYoung: with much log behind its first message, a new group
// is told that it has no offset.
func TestOldQueueIsNotYoung(t *testing.T) {
	bubble(t, func(o *Options, _ *fakeStore) { o.YoungBytes = 1000 }, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		for _, want := range []string{"0 offset=0", "22"} {
			c.send("T", "", strings.Repeat("x", 700))
			if got := answer(c.call(remoting.ReqQueryConsumerOffset, "", "consumerGroup", "CG", "topic", "T", "queueId", "0")); got != want {
				t.Errorf("answered %s, want %s", got, want)
			}
		}
		r.st.getErr = fmt.Errorf("read error")
		if got := answer(c.call(remoting.ReqQueryConsumerOffset, "", "consumerGroup", "CG", "topic", "T", "queueId", "0")); got != "22" {
			t.Errorf("answered %s, want 22", got)
		}
	})
}

// TestOnewayCommit: Java commits without waiting for an answer.
func TestOnewayCommit(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		if err := c.conn.Oneway(&remoting.Command{Code: remoting.ReqUpdateConsumerOffset, Fields: pairs([]string{"consumerGroup", "CG", "topic", "T", "queueId", "0", "commitOffset", "5"})}); err != nil {
			t.Fatal(err)
		}
		if got := answer(c.call(remoting.ReqQueryConsumerOffset, "", "consumerGroup", "CG", "topic", "T", "queueId", "0")); got != "0 offset=5" {
			t.Errorf("answered %s", got)
		}
	})
}

func TestViewMessage(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		c.send("T", "", "first")
		_, offset, err := record.ParseMessageID(c.send("T", "", "second").Fields.Get("msgId"))
		if err != nil {
			t.Fatal(err)
		}
		if resp := c.call(remoting.ReqViewMessageByID, "", "offset", itoa(offset)); bodies(t, resp) != "second" {
			t.Errorf("answered %d %q", resp.Code, resp.Remark)
		}
		c.expect(c.call(remoting.ReqViewMessageByID, "", "offset", itoa(offset+1)), remoting.RespSystemError, "no message")
		c.expect(c.call(remoting.ReqViewMessageByID, ""), remoting.RespSystemError, "offset is missing")
	})
}
