package broker

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store"
)

// replyTopic is that of the rig's cluster.
const replyTopic = "DefaultCluster_REPLY_TOPIC"

// asker is the heartbeat of a client that has a producer alone.
func asker(id string) string {
	return `{"clientID":"` + id + `","producerDataSet":[{"groupName":"PG"}],"consumerDataSet":[]}`
}

// TestReplyIsPassedOn: to the client that has asked, wherever the reply comes from.
func TestReplyIsPassedOn(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		asks, other, answers := r.client(), r.client(), r.client()
		asks.expect(asks.call(remoting.ReqHeartBeat, asker("192.0.2.9@1")), 0, "")
		other.expect(other.call(remoting.ReqHeartBeat, asker("192.0.2.9@2")), 0, "")
		const props = "CORRELATION_ID\x01c1\x02REPLY_TO_CLIENT\x01192.0.2.9@1\x02MSG_TYPE\x01reply"
		resp := answers.call(remoting.ReqSendReplyMessageV2, "pong", sendFields(replyTopic, "i", props, "e", "-1", "h", "7", "k", "false")...)
		answers.expect(resp, 0, "")
		kept := r.st.stored(replyTopic, 0)
		if len(kept) != 1 || string(kept[0].Body) != "pong" || !strings.HasPrefix(kept[0].Properties, props) || resp.Fields.Get("queueOffset") != "0" ||
			len(resp.Fields.Get("msgId")) != 32 || resp.Fields.Get("queueId") != "0" {
			t.Errorf("answered %v, kept %+v", resp.Fields, kept)
		}
		long := []string{"producerGroup", "PG", "topic", replyTopic, "defaultTopic", "TBW102", "defaultTopicQueueNums", "4", "queueId", "0", "sysFlag", "0",
			"bornTimestamp", "1795404113251", "flag", "0", "properties", props}
		answers.expect(answers.call(remoting.ReqSendReplyMessage, "again", long...), 0, "")
		if got := other.commands(); len(got) != 0 {
			t.Errorf("who has not asked got %v", got)
		}
		got := asks.commands()
		if len(got) != 2 || string(got[0].Body) != "pong" || string(got[1].Body) != "again" || got[0].Code != remoting.ReqPushReplyMessageToClient {
			t.Fatalf("who has asked got %+v", got)
		}
		f := got[0].Fields
		for name, want := range map[string]string{
			"producerGroup": "PG", "topic": replyTopic, "defaultTopic": "TBW102", "defaultTopicQueueNums": "4", "queueId": "0", "sysFlag": "0",
			"bornTimestamp": "1795404113251", "flag": "7", "reconsumeTimes": "0", "unitMode": "false", "bornHost": "192.0.2.7:40404", "storeHost": fakeHost.String(),
			"storeTimestamp": itoa(time.Now().UnixMilli()), "properties": props + "\x02PUSH_REPLY_TIME\x01" + itoa(time.Now().UnixMilli()),
		} {
			if f.Get(name) != want {
				t.Errorf("%s is %q, want %q", name, f.Get(name), want)
			}
		}
	})
}

// TestReplyThatCannotBePassedOn is kept all the same, and its sender is told.
func TestReplyThatCannotBePassedOn(t *testing.T) {
	const to = "REPLY_TO_CLIENT\x01asker"
	tests := []struct {
		name    string
		change  func(*Options, *fakeStore)
		prepare func(*client) // of the client called asker
		fields  []string
		code    int32
		remark  string
		kept    int
	}{
		{"taken", nil, nil, sendFields(replyTopic, "i", to), 0, "", 1},
		{"taken and not kept", func(o *Options, _ *fakeStore) { o.NoKeepReplies = true }, nil, sendFields(replyTopic, "i", to), 0, "", 0},
		{"taken, and the disk is full", func(_ *Options, s *fakeStore) { s.putErr = store.ErrDiskFull }, nil, sendFields(replyTopic, "i", to), 0, "", 0},
		{"taken, and kept too late", func(_ *Options, s *fakeStore) { s.doneErr = store.ErrFlushTimeout }, nil, sendFields(replyTopic, "i", to), 0, "", 1},
		{"to nobody", nil, nil, sendFields(replyTopic), remoting.RespSystemError, "no property REPLY_TO_CLIENT", 1},
		{"to who never was there", nil, nil, sendFields(replyTopic, "i", "REPLY_TO_CLIENT\x01who"), remoting.RespSystemError, `no producer with the id "who"`, 1},
		{"to who has left", nil, func(c *client) {
			c.expect(c.call(remoting.ReqUnregisterClient, "", "clientID", "asker", "producerGroup", "PG"), 0, "")
		}, sendFields(replyTopic, "i", to), remoting.RespSystemError, "no producer", 1},
		{"to who is gone", nil, func(c *client) { _ = c.conn.Close() }, sendFields(replyTopic, "i", to), remoting.RespSystemError, "no producer", 1},
		{"to who has another id now", nil, func(c *client) { c.call(remoting.ReqHeartBeat, asker("other")) }, sendFields(replyTopic, "i", to), remoting.RespSystemError, "no producer", 1},
		{"refused", nil, func(c *client) { c.answer(&remoting.Response{Code: 1, Remark: "too late"}) }, sendFields(replyTopic, "i", to), remoting.RespSystemError, "too late", 1},
		{"not answered", nil, func(c *client) { c.answer(nil) }, sendFields(replyTopic, "i", to), remoting.RespSystemError, "timed out", 1},
		{"too large", func(o *Options, _ *fakeStore) { o.MaxMessageSize = 3 }, nil, sendFields(replyTopic, "i", to), remoting.RespMessageIllegal, "at most 3", 0},
		{"no such queue", nil, nil, sendFields(replyTopic, "i", to, "e", "9"), remoting.RespSystemError, "none has the id", 0},
		{"no header", nil, nil, nil, remoting.RespSystemError, "is missing", 0},
		{"properties that are none", nil, nil, sendFields(replyTopic, "i", "x\x02\x01\xff"), remoting.RespMessageIllegal, "", 0},
		{"a transaction", nil, nil, sendFields(replyTopic, "i", "TRAN_MSG\x01true"), remoting.RespMessageIllegal, "", 0},
		{"a slave", func(o *Options, s *fakeStore) { o.ID = 1 }, nil, sendFields(replyTopic, "i", to), remoting.RespServiceNotAvailable, "slave", 0},
	}
	for _, tt := range tests {
		bubble(t, tt.change, func(t *testing.T, r *rig) {
			c, answers := r.client(), r.client()
			c.call(remoting.ReqHeartBeat, asker("asker"))
			if tt.prepare != nil {
				tt.prepare(c)
				synctest.Wait() // until the broker knows
			}
			resp := answers.call(remoting.ReqSendReplyMessageV2, "pong", tt.fields...)
			if resp.Code != tt.code || !strings.Contains(resp.Remark, tt.remark) {
				t.Errorf("%s: answered %d %q, want %d with %q", tt.name, resp.Code, resp.Remark, tt.code, tt.remark)
			}
			if got := len(r.st.stored(replyTopic, 0)); got != tt.kept {
				t.Errorf("%s: %d are kept, want %d", tt.name, got, tt.kept)
			}
			r.b.clients.mu.RLock()
			defer r.b.clients.mu.RUnlock()
			for id, conn := range r.b.clients.ids {
				if m := r.b.clients.conns[conn]; m == nil || m.id != id || len(m.producers) == 0 {
					t.Errorf("%s: the id %s is remembered without its producers", tt.name, id)
				}
			}
		})
	}
}
