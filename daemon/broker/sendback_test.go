package broker

import (
	"testing"

	"pairmq/internal/remoting"
	"pairmq/store"
	"pairmq/store/record"
	"pairmq/store/table"
)

// TestRetryTopic is what becomes of messages that consumers send to their retry
// topic: another try would have to wait, the last one goes to the dead letters.
func TestRetryTopic(t *testing.T) {
	tests := []struct {
		name     string
		version  int32
		j, l     string
		orderly  bool
		code     int32
		deadward bool
	}{
		{"first try", 407, "1", "16", false, 13, false},
		{"last try", 407, "16", "16", false, 13, false},
		{"one too many", 407, "17", "16", false, 0, true},
		{"the group's own limit", 407, "17", "-", false, 0, true},
		{"limit of an old client does not count", 120, "5", "3", false, 13, false},
		{"client-go's zero", 407, "0", "0", false, 13, false},
		{"orderly consumer gives up", 407, "3", "3", true, 0, true},
	}
	for _, test := range tests {
		bubble(t, nil, func(t *testing.T, r *rig) {
			r.topic("T", 1)
			r.group("CG")
			c := r.client()
			if test.orderly {
				c.expect(c.call(remoting.ReqLockBatchMQ, `{"consumerGroup":"CG","clientId":"c1","mqSet":[{"topic":"T","brokerName":"broker-a","queueId":0}]}`), 0, "")
			}
			fields := sendFields("%RETRY%CG", "j", test.j, "l", test.l, "i", "DELAY\x016\x02RETRY_TOPIC\x01T")
			resp := c.do(&remoting.Command{Code: remoting.ReqSendMessageV2, Version: test.version, Fields: pairs(fields), Body: []byte("b")})
			c.expect(resp, test.code, "")
			dead := r.st.stored("%DLQ%CG", 0)
			if got := len(dead) == 1; got != test.deadward {
				t.Fatalf("%s: %d dead letters", test.name, len(dead))
			}
			if test.deadward && dead[0].Properties != "RETRY_TOPIC\x01T\x02CLUSTER\x01DefaultCluster" {
				t.Errorf("%s: stored with %q", test.name, dead[0].Properties)
			}
			if len(r.st.stored("%RETRY%CG", 0)) != 0 {
				t.Errorf("%s: the message would be tried at once", test.name)
			}
		})
	}
}

func TestSendBack(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		c.send("T", "TagA", "first")
		c.send("T", "TagA", "second")
		second := itoa(r.st.stored("T", 0)[1].PhyOffset)
		back := func(changes ...string) *remoting.Command {
			return c.call(remoting.ReqConsumerSendMsgBack, "", with([]string{"offset", second, "group", "CG", "delayLevel", "0", "maxReconsumeTimes", "16"}, changes)...)
		}
		c.expect(back(), remoting.RespMessageIllegal, "delayed")
		c.expect(back("delayLevel", "3"), remoting.RespMessageIllegal, "delayed")
		c.expect(back("offset", "1"), remoting.RespSystemError, "no message")
		c.expect(back("offset", "-"), remoting.RespSystemError, "offset is missing")
		c.expect(back("group", "no group"), remoting.RespSubscriptionGroupNotExist, "")
		if _, ok := r.st.Topic("%DLQ%CG"); ok {
			t.Fatal("dead letters without a need")
		}
		c.expect(back("delayLevel", "-1"), 0, "")
		c.expect(back("maxReconsumeTimes", "0"), 0, "")
		dead := r.st.stored("%DLQ%CG", 0)
		if len(dead) != 2 {
			t.Fatalf("%d dead letters, want 2", len(dead))
		}
		m, id := dead[0], record.MessageID(fakeHost, r.st.stored("T", 0)[1].PhyOffset)
		want := "TAGS\x01TagA\x02CLUSTER\x01DefaultCluster\x02RETRY_TOPIC\x01T\x02ORIGIN_MESSAGE_ID\x01" + id
		if string(m.Body) != "second" || m.ReconsumeTimes != 1 || m.Properties != want {
			t.Errorf("buried %q, tried %d times, with\n%q, want\n%q", m.Body, m.ReconsumeTimes, m.Properties, want)
		}
	})
}

// TestSendBackAtTheQuota: a consumer that sends a message back, or to its retry
// topic when that fails, is refused either way, and so keeps the message and tries
// again. Nothing is acknowledged that is nowhere.
func TestSendBackAtTheQuota(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		r.group("CG")
		c := r.client()
		c.send("T", "TagA", "first")
		r.st.putErr = store.ErrQuota
		at := itoa(r.st.stored("T", 0)[0].PhyOffset)
		back := func() *remoting.Command {
			return c.call(remoting.ReqConsumerSendMsgBack, "", "offset", at, "group", "CG", "delayLevel", "-1", "maxReconsumeTimes", "16")
		}
		c.expect(back(), remoting.RespServiceNotAvailable, "quota")
		retry := pairs(sendFields("%RETRY%CG", "j", "17", "l", "16"))
		c.expect(c.do(&remoting.Command{Code: remoting.ReqSendMessageV2, Version: 407, Fields: retry, Body: []byte("first")}), remoting.RespServiceNotAvailable, "quota")
		if dead := r.st.stored("%DLQ%CG", 0); len(dead) != 0 {
			t.Errorf("%d dead letters at the quota", len(dead))
		}
		r.st.putErr = nil
		c.expect(back(), 0, "")
		if dead := r.st.stored("%DLQ%CG", 0); len(dead) != 1 {
			t.Errorf("%d dead letters below the quota, want 1", len(dead))
		}
	})
}

func TestSendBackWithoutRetries(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		g := table.DefaultGroup("CG")
		g.RetryQueueNums = 0
		_ = r.st.PutGroup(g)
		c := r.client()
		c.expect(c.call(remoting.ReqConsumerSendMsgBack, "", "offset", "0", "group", "CG", "delayLevel", "0"), 0, "")
	})
	bubble(t, func(o *Options, _ *fakeStore) { o.ID = 1 }, func(t *testing.T, r *rig) {
		c := r.client()
		c.expect(c.call(remoting.ReqConsumerSendMsgBack, "", "offset", "0", "group", "CG", "delayLevel", "0"), remoting.RespServiceNotAvailable, "slave")
	})
	bubble(t, func(o *Options, _ *fakeStore) { o.Perm = table.PermRead }, func(t *testing.T, r *rig) {
		c := r.client()
		c.expect(c.call(remoting.ReqConsumerSendMsgBack, "", "offset", "0", "group", "CG", "delayLevel", "0"), remoting.RespNoPermission, "broker-a")
	})
}

// TestGoldenSendBack: the captured request asks for a delayed try.
func TestGoldenSendBack(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		r.st.end = 2611
		r.topic("TopicTest", 1)
		c.send("TopicTest", "", "b")
		c.expect(c.do(golden(t, "v4-send-back-request")), remoting.RespMessageIllegal, "delayed")
	})
}

// TestGoldenHalfMessage: a half message is refused, not delivered.
func TestGoldenHalfMessage(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		c.expect(c.do(golden(t, "v4-half-message-request")), remoting.RespMessageIllegal, "transactional")
		if len(r.st.queues) != 0 {
			t.Errorf("stored %v", r.st.queues)
		}
	})
}

// TestLongGroupName: the dead letter topic of a group may be too long for a record.
func TestLongGroupName(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		c.send("T", "", "b")
		group := string(make128('g'))
		c.expect(c.call(remoting.ReqConsumerSendMsgBack, "", "offset", "0", "group", group, "delayLevel", "-1"), remoting.RespMessageIllegal, "127")
		c.expect(c.call(remoting.ReqSendMessageV2, "b", sendFields("%RETRY%"+group)...), remoting.RespInvalidParameter, "127")
	})
}

func make128(c byte) []byte {
	b := make([]byte, 128)
	for i := range b {
		b[i] = c
	}
	return b
}
