package broker

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/daemon/broker/schedule"
	"pairmq/internal/remoting"
	"pairmq/store"
	"pairmq/store/record"
	"pairmq/store/table"
)

// TestRetryTopic is what becomes of messages that consumers send to their retry
// topic, as they do when request 36 fails: another try waits, the last one goes to the
// dead letters.
func TestRetryTopic(t *testing.T) {
	tests := []struct {
		name     string
		version  int32
		j, l     string
		orderly  bool
		deadward bool
		most     int32 // retryMaxTimes of the group; 0: what it has by default
	}{
		{"first try", 407, "1", "16", false, false, 0},
		{"last try", 407, "16", "16", false, false, 0},
		{"one too many", 407, "17", "16", false, true, 0},
		{"the group's own limit", 407, "17", "-", false, true, 0},
		{"limit of an old client does not count", 120, "5", "3", false, false, 0},
		{"client-go's zero", 407, "0", "0", false, false, 0},
		{"a group's own two, the last", 407, "2", "-", false, false, 2},
		{"a group's own two, and one more", 407, "3", "-", false, true, 2},
		{"more than the group's own two, by the client", 407, "3", "3", false, false, 2},
		{"fewer than the group's own two, by the client", 407, "2", "1", false, true, 2},
		{"the group's own two of an old client", 120, "2", "16", false, false, 2},
		{"the group's own two and one more of an old client", 120, "3", "16", false, true, 2},
		{"orderly consumer gives up", 407, "3", "3", true, true, 0},
	}
	for _, test := range tests {
		bubble(t, nil, func(t *testing.T, r *rig) {
			r.topic("T", 1)
			g := table.DefaultGroup("CG")
			g.RetryMaxTimes = cmp.Or(test.most, g.RetryMaxTimes)
			_ = r.st.PutGroup(g)
			c := r.client()
			if test.orderly {
				c.expect(c.call(remoting.ReqLockBatchMQ, `{"consumerGroup":"CG","clientId":"c1","mqSet":[{"topic":"T","brokerName":"broker-a","queueId":0}]}`), 0, "")
			}
			fields := sendFields("%RETRY%CG", "j", test.j, "l", test.l, "i", "DELAY\x016\x02RETRY_TOPIC\x01T")
			resp := c.do(&remoting.Command{Code: remoting.ReqSendMessageV2, Version: test.version, Fields: pairs(fields), Body: []byte("b")})
			c.expect(resp, 0, "")
			if got := resp.Fields.Get("queueId"); got != "0" {
				t.Errorf("%s: stored in queue %s of the retry topic, want 0", test.name, got)
			}
			dead, waits := r.st.stored("%DLQ%CG", 0), r.st.stored("SCHEDULE_TOPIC_XXXX", 5)
			if got := len(dead) == 1; got != test.deadward || len(waits) == len(dead) {
				t.Fatalf("%s: %d dead letters, %d wait", test.name, len(dead), len(waits))
			}
			if test.deadward {
				if dead[0].Properties != "RETRY_TOPIC\x01T\x02CLUSTER\x01DefaultCluster" {
					t.Errorf("%s: stored with %q", test.name, dead[0].Properties)
				}
				return
			}
			if len(r.st.stored("%RETRY%CG", 0)) != 0 {
				t.Errorf("%s: the message is tried at once", test.name)
			}
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			again := r.st.stored("%RETRY%CG", 0)
			want := "DELAY\x016\x02RETRY_TOPIC\x01T\x02CLUSTER\x01DefaultCluster\x02REAL_TOPIC\x01%RETRY%CG\x02REAL_QID\x010"
			if len(again) != 1 || again[0].Properties != want || itoa(int64(again[0].ReconsumeTimes)) != test.j {
				t.Errorf("%s: after the delay there is %+v, want one with %q", test.name, again, want)
			}
		})
	}
}

// TestSendBack: each time a message waits longer, until it is a dead letter.
func TestSendBack(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		c.send("T", "TagA", "first")
		c.send("T", "TagA", "second")
		first := r.st.stored("T", 0)[1]
		back := func(m record.Message, changes ...string) *remoting.Command {
			c := r.client() // hours pass between calls
			return c.call(remoting.ReqConsumerSendMsgBack, "", with([]string{"offset", itoa(m.PhyOffset), "group", "CG", "delayLevel", "0", "maxReconsumeTimes", "16"}, changes)...)
		}
		c.expect(back(first, "offset", "1"), remoting.RespSystemError, "no message")
		c.expect(back(first, "offset", "-"), remoting.RespSystemError, "offset is missing")
		c.expect(back(first, "group", "no group"), remoting.RespSubscriptionGroupNotExist, "subscription group not exist, no group")
		props := "TAGS\x01TagA\x02CLUSTER\x01DefaultCluster\x02RETRY_TOPIC\x01T\x02ORIGIN_MESSAGE_ID\x01" + record.MessageID(fakeHost, first.PhyOffset) + "\x02WAIT\x01false"
		m := first
		for try := range 16 {
			c.expect(back(m), 0, "")
			level := min(3+try, 18)
			queue := r.st.stored("SCHEDULE_TOPIC_XXXX", int32(level-1))
			if len(queue) != 1 && level < 18 {
				t.Fatalf("try %d: %d messages at level %d, want 1", try, len(queue), level)
			}
			time.Sleep(schedule.DefaultLevels()[level-1])
			synctest.Wait()
			all := r.st.stored("%RETRY%CG", 0)
			if len(all) != try+1 {
				t.Fatalf("try %d: %d messages are tried again after the delay of level %d", try, len(all), level)
			}
			m = all[try]
			want := fmt.Sprintf("%s\x02DELAY\x01%d\x02REAL_TOPIC\x01%%RETRY%%CG\x02REAL_QID\x010", props, level)
			if got := inOrder(m.Properties); string(m.Body) != "second" || m.ReconsumeTimes != int32(try+1) || got != inOrder(want) {
				t.Fatalf("try %d: %q, tried %d times, with\n%q, want\n%q", try, m.Body, m.ReconsumeTimes, got, inOrder(want))
			}
		}
		if _, ok := r.st.Topic("%DLQ%CG"); ok {
			t.Fatal("dead letters without a need")
		}
		c.expect(back(m), 0, "")
		c.expect(back(first, "delayLevel", "-1"), 0, "")
		c.expect(back(first, "maxReconsumeTimes", "0"), 0, "")
		dead := r.st.stored("%DLQ%CG", 0)
		if len(dead) != 3 || dead[0].ReconsumeTimes != 17 || dead[1].ReconsumeTimes != 1 {
			t.Fatalf("dead letters %+v, want three", dead)
		}
		if want := props + "\x02DELAY\x010"; dead[1].Properties != want {
			t.Errorf("buried with\n%q, want\n%q", dead[1].Properties, want)
		}
		c.expect(back(first, "delayLevel", "99"), 0, "") // the highest there is
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if all := r.st.stored("%RETRY%CG", 0); len(all) != 17 {
			t.Errorf("of a level beyond the last %d messages came, want 1", len(all)-16)
		}
	})
}

// TestSendBackByTheGroup: retryMaxTimes of a group counts for requests 36 that name no
// limit, and for those of clients so old that theirs does not; else the client's does.
func TestSendBackByTheGroup(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		g := table.DefaultGroup("CG")
		g.RetryMaxTimes = 2
		_ = r.st.PutGroup(g)
		c := r.client()
		c.send("T", "TagA", "b")
		retries, dead := 0, 0
		for _, step := range []struct {
			most    string // maxReconsumeTimes; "": not said
			version int32
			dies    bool
		}{{"", 407, false}, {"16", 120, false}, {"", 407, true}, {"16", 120, true}, {"1", 407, true}, {"3", 407, false}} {
			m := r.st.stored("T", 0)[0]
			if retries > 0 {
				m = r.st.stored("%RETRY%CG", 0)[retries-1]
			}
			fields := []string{"offset", itoa(m.PhyOffset), "group", "CG", "delayLevel", "1"}
			if step.most != "" {
				fields = append(fields, "maxReconsumeTimes", step.most)
			}
			c.expect(c.do(&remoting.Command{Code: remoting.ReqConsumerSendMsgBack, Version: step.version, Fields: pairs(fields)}), 0, "")
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if step.dies {
				dead++
			} else {
				retries++
			}
			if n, d := len(r.st.stored("%RETRY%CG", 0)), len(r.st.stored("%DLQ%CG", 0)); n != retries || d != dead {
				t.Fatalf("a message tried %d times more, limit %q of version %d: %d come again, %d are dead, want %d and %d", m.ReconsumeTimes, step.most, step.version, n, d, retries, dead)
			}
		}
	})
}

// inOrder is a properties text with its entries in order.
func inOrder(props string) string {
	all := strings.Split(props, "\x02")
	slices.Sort(all)
	return strings.Join(all, "\x02")
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
		c.expect(c.do(golden(t, "v4-send-back-request")), 0, "")
		if waits := r.st.stored("SCHEDULE_TOPIC_XXXX", 2); len(waits) != 1 {
			t.Errorf("%d messages wait at level 3, want 1", len(waits))
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
