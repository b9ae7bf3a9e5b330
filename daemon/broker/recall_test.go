package broker

import (
	"encoding/base64"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/record"
)

// TestRecallHandle: answers to sends have one where something waits that can be found.
func TestRecallHandle(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		now := time.Now().UnixMilli()
		for _, test := range []struct{ name, topic, props, want string }{
			{"a timed message", "T", "UNIQ_KEY\x01K1\x02TIMER_DELAY_MS\x0110000", "v1 T broker-a " + strconv.FormatInt((now+9999)/1000*1000+1, 10) + " K1"},
			{"one without a key", "T", "TIMER_DELAY_MS\x0110000", ""},
			{"one that is due", "T", "UNIQ_KEY\x01K1\x02TIMER_DELAY_MS\x010", ""},
			{"one with a level", "T", "UNIQ_KEY\x01K1\x02DELAY\x013", ""},
			{"an ordinary one", "T", "UNIQ_KEY\x01K1", ""},
		} {
			resp := c.call(remoting.ReqSendMessageV2, "b", sendFields(test.topic, "i", test.props)...)
			c.expect(resp, 0, "")
			got, err := base64.URLEncoding.DecodeString(resp.Fields.Get("recallHandle"))
			if err != nil || string(got) != test.want {
				t.Errorf("%s: the handle is %q, %v, want %q", test.name, got, err, test.want)
			}
		}
	})
}

// TestRecallRefused: RocketMQ's codes and remarks.
func TestRecallRefused(t *testing.T) {
	handle := func(parts ...string) string {
		return base64.URLEncoding.EncodeToString([]byte(strings.Join(append([]string{"v1"}, parts...), " ")))
	}
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		c.expect(c.send("T", "", "b"), 0, "")
		in := func(d time.Duration) string { return strconv.FormatInt(time.Now().Add(d).UnixMilli(), 10) }
		for _, test := range []struct {
			name, topic, handle string
			code                int32
			remark              string
		}{
			{"a topic that is not there", "None", handle("None", "broker-a", in(time.Minute), "K"), remoting.RespTopicNotExist, "not exist"},
			{"no handle", "T", "", remoting.RespIllegalOperation, "recall handle is invalid"},
			{"no base64", "T", "v1 a b c d", remoting.RespIllegalOperation, "recall handle is invalid"},
			{"too few parts", "T", handle("T", "broker-a", in(time.Minute)), remoting.RespIllegalOperation, "recall handle is invalid"},
			{"another topic", "T", handle("U", "broker-a", in(time.Minute), "K"), remoting.RespIllegalOperation, "topic not match"},
			{"another broker", "T", handle("T", "broker-b", in(time.Minute), "K"), remoting.RespIllegalOperation, "broker service not available"},
			{"no time", "T", handle("T", "broker-a", "soon", "K"), remoting.RespIllegalOperation, "timestamp invalid"},
			{"too late", "T", handle("T", "broker-a", in(0), "K"), remoting.RespIllegalOperation, "timestamp invalid"},
			{"too far away", "T", handle("T", "broker-a", in(73*time.Hour), "K"), remoting.RespIllegalOperation, "timestamp invalid"},
			{"a key that is no property", "T", handle("T", "broker-a", in(time.Minute), "K\x02DELAY\x013"), remoting.RespIllegalOperation, "recall handle is invalid"},
		} {
			resp := c.call(remoting.ReqRecallMessage, "", "topic", test.topic, "producerGroup", "PG", "recallHandle", test.handle)
			if resp.Code != test.code || !strings.Contains(resp.Remark, test.remark) {
				t.Errorf("%s: %d %q, want %d %q", test.name, resp.Code, resp.Remark, test.code, test.remark)
			}
		}
		resp := c.call(remoting.ReqRecallMessage, "", "topic", "T", "producerGroup", "PG", "recallHandle", handle("T", "broker-a", in(time.Minute), "K"))
		if c.expect(resp, 0, ""); resp.Fields.Get("msgId") != "K" {
			t.Errorf("msgId is %q, want K", resp.Fields.Get("msgId"))
		}
		all := r.st.stored("rmq_sys_wheel_timer", 0)
		if len(all) != 1 || string(all[0].Body) != "0" {
			t.Fatalf("stored %v, want one", all)
		}
		for name, want := range map[string]string{"TIMER_DEL_UNIQKEY": "K", "UNIQ_KEY": "K", "TAGS": "_RECALL_TAG_", "REAL_TOPIC": "T", "REAL_QID": "0", "PGROUP": "PG"} {
			if got, _ := record.Property(all[0].Properties, name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
	})
	bubble(t, func(o *Options, _ *fakeStore) { o.NoRecall = true }, func(t *testing.T, r *rig) {
		c := r.client()
		c.expect(c.call(remoting.ReqRecallMessage, "", "topic", "T", "recallHandle", ""), remoting.RespNoPermission, "forbidden")
	})
	bubble(t, func(o *Options, _ *fakeStore) { o.ID = 1 }, func(t *testing.T, r *rig) {
		c := r.client()
		c.expect(c.call(remoting.ReqRecallMessage, "", "topic", "T", "recallHandle", ""), remoting.RespSlaveNotAvailable, "not available")
	})
}

// TestRecalledBeyondTheirShare: where as many are recalled as may be, one more is refused,
// by request 370 and as a message.
func TestRecalledBeyondTheirShare(t *testing.T) {
	bubble(t, func(_ *Options, st *fakeStore) {
		for at := range int64(1 << 16) {
			st.recalled = append(st.recalled, at)
		}
	}, func(t *testing.T, r *rig) {
		c := r.client()
		c.expect(c.send("T", "", "b"), 0, "")
		synctest.Wait() // they are known
		due := strconv.FormatInt(time.Now().Add(time.Minute).UnixMilli(), 10)
		handle := base64.URLEncoding.EncodeToString([]byte("v1 T broker-a " + due + " K"))
		c.expect(c.call(remoting.ReqRecallMessage, "", "topic", "T", "producerGroup", "PG", "recallHandle", handle), remoting.RespServiceNotAvailable, "as many messages are recalled")
		c.expect(c.call(remoting.ReqSendMessageV2, "0", sendFields("T", "i", "TIMER_DEL_UNIQKEY\x01K\x02TIMER_DELIVER_MS\x01"+due)...), remoting.RespServiceNotAvailable, "as many messages are recalled")
		if n := len(r.st.stored("rmq_sys_wheel_timer", 0)); n != 0 {
			t.Errorf("%d are stored all the same", n)
		}
	})
}
