package broker

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"pairmq/internal/remoting"
	"pairmq/store"
	"pairmq/store/record"
	"pairmq/store/table"
)

// TestGoldenSends sends captured requests and compares the answers with the
// captured ones, the queue of an empty store being that of the capture.
func TestGoldenSends(t *testing.T) {
	for _, test := range []struct{ request, response string }{
		{"v4-send-v2-request", "v4-send-v2-response"},
		{"v4-send-v2-request-binary", "v4-send-v2-response-binary"},
		{"v5-send-v2-request", "v4-send-v2-response"},
	} {
		bubble(t, nil, func(t *testing.T, r *rig) {
			req, want := golden(t, test.request), golden(t, test.response)
			queue, err := req.Fields.Int32("e")
			if err != nil {
				t.Fatal(err)
			}
			_, r.st.end, err = record.ParseMessageID(want.Fields.Get("msgId"))
			if err != nil {
				t.Fatal(err)
			}
			first, err := want.Fields.Int64("queueOffset")
			if err != nil {
				t.Fatal(err)
			}
			r.st.queues[queueKey{"TopicTest", queue}] = &fakeQueue{min: first}
			got := r.client().do(req)
			for _, f := range want.Fields {
				if v := got.Fields.Get(f.Key); v != f.Value {
					t.Errorf("%s: %s is %q, want %q", test.request, f.Key, v, f.Value)
				}
			}
			if got.Code != want.Code || len(got.Fields) != len(want.Fields) || got.Serialize != want.Serialize {
				t.Errorf("%s: answered %+v, want %+v", test.request, got, want)
			}
			m := r.st.stored("TopicTest", queue)[0]
			props := req.Fields.Get("i")
			if !strings.HasSuffix(props, "\x02") {
				props += "\x02"
			}
			if want := props + "CLUSTER\x01DefaultCluster"; m.Properties != want || string(m.Body) != "hello" {
				t.Errorf("%s: stored %q with %q, want hello with %q", test.request, m.Body, m.Properties, want)
			}
			if m.BornHost.String() != "192.0.2.7:40404" || fmt.Sprint(m.BornTimestamp) != req.Fields.Get("g") {
				t.Errorf("%s: born %v at %d", test.request, m.BornHost, m.BornTimestamp)
			}
		})
	}
}

func TestGoldenBatch(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("TopicTest", 4)
		req := golden(t, "v4-send-batch-request")
		r.st.end = 0xA33
		r.st.queues[queueKey{"TopicTest", 3}] = &fakeQueue{min: 3}
		got, want := r.client().do(req), golden(t, "v4-send-batch-response")
		for _, f := range want.Fields {
			v := got.Fields.Get(f.Key)
			if f.Key == "msgId" { // only the first: 4.9.7 stores other properties, so that its records have other sizes
				f.Value, v = f.Value[:33], v[:33]
			}
			if v != f.Value || len(got.Fields.Get(f.Key)) != len(want.Fields.Get(f.Key)) {
				t.Errorf("%s is %q, want %q", f.Key, got.Fields.Get(f.Key), want.Fields.Get(f.Key))
			}
		}
		if n := len(r.st.stored("TopicTest", 3)); n != 3 || got.Code != want.Code {
			t.Errorf("code %d with %d messages stored, want 0 with 3", got.Code, n)
		}
	})
}

// TestSendRefused goes through RocketMQ's checks in their order.
func TestSendRefused(t *testing.T) {
	long := strings.Repeat("p", 40000)
	tests := []struct {
		name    string
		changes []string
		body    string
		code    int32
		words   string
	}{
		{"no producer group", []string{"a", "-"}, "b", 1, "a (producerGroup) is missing"},
		{"no queue", []string{"e", "-"}, "b", 1, "e (queueId) is missing"},
		{"queue is no number", []string{"e", "zero"}, "b", 1, `e is "zero"`},
		{"queue beyond 32 bits", []string{"e", "4294967296"}, "b", 1, "e is"},
		{"born at no number", []string{"g", ""}, "b", 1, "g is"},
		{"path for a topic", []string{"b", "../x"}, "b", 29, "../x"},
		{"blank topic", []string{"b", " "}, "b", 29, "blank"},
		{"empty topic", []string{"b", ""}, "b", 29, "blank"},
		{"long topic", []string{"b", strings.Repeat("t", 128)}, "b", 29, "128"},
		{"the broker's own topic", []string{"b", "SCHEDULE_TOPIC_XXXX"}, "b", 16, "topic[SCHEDULE_TOPIC_XXXX] is forbidden"},
		{"no template", []string{"b", "New", "c", "Other"}, "b", 17, "New"},
		{"template that does not inherit", []string{"b", "New", "c", "T"}, "b", 17, "New"},
		{"queue beyond", []string{"e", "4"}, "b", 1, "4 queues"},
		{"body too long", nil, strings.Repeat("x", 1025), 13, "1025"},
		{"properties too long", []string{"i", "a\x01" + long}, "b", 13, "32767"},
		{"properties cut off", []string{"i", "a\x011\x02b"}, "b", 13, "properties"},
		{"properties of bytes", []string{"i", "a\x01\xff"}, "b", 13, "UTF-8"},
		{"delayed by a word", []string{"i", "DELAY\x01soon"}, "b", 13, "soon"},
		{"in a thousand years", []string{"i", "TIMER_DELAY_SEC\x0131536000000"}, "b", 13, "further away"},
		{"at the end of time", []string{"i", "TIMER_DELIVER_MS\x019223372036854775807"}, "b", 13, "allowed"},
		{"at no time", []string{"i", "TIMER_DELAY_MS\x01soon"}, "b", 13, "soon"},
		{"recalling at once", []string{"i", "TIMER_DEL_UNIQKEY\x01K\x02TIMER_DELAY_MS\x01-1"}, "b", 13, "recalls"},
		{"to where an Apache master notes what it gave out", []string{"b", "rmq_sys_REVIVE_LOG_DefaultCluster"}, "b", 16, "forbidden"},
		{"to where timed messages wait", []string{"b", "rmq_sys_wheel_timer"}, "b", 16, "forbidden"},
		{"half that is delayed", []string{"i", "TRAN_MSG\x01true\x02DELAY\x011"}, "b", 13, "cannot be delayed"},
		{"half that is timed", []string{"i", "TRAN_MSG\x01true\x02TIMER_DELAY_SEC\x011"}, "b", 13, "cannot be delayed"},
		{"prepared by flag", []string{"f", "4"}, "b", 13, "TRAN_MSG"},
		{"retry of a group with a bad name", []string{"b", "%RETRY%"}, "b", 26, "blank"},
		{"batch of nothing", []string{"m", "true"}, "", 13, "empty"},
		{"batch with a bad length", []string{"m", "true"}, "\x7f\xff\xff\xff0000000000000000000000", 13, "entry size"},
	}
	bubble(t, func(o *Options, _ *fakeStore) { o.MaxMessageSize = 1024 }, func(t *testing.T, r *rig) {
		r.topic("T", 4)
		c := r.client()
		for _, test := range tests {
			resp := c.call(remoting.ReqSendMessageV2, test.body, sendFields("T", test.changes...)...)
			if resp.Code != test.code || !strings.Contains(resp.Remark, test.words) {
				t.Errorf("%s: answered %d %q, want %d with %q", test.name, resp.Code, resp.Remark, test.code, test.words)
			}
		}
		if len(r.st.queues) != 0 {
			t.Errorf("something was stored: %v", r.st.queues)
		}
		resp := c.call(remoting.ReqSendMessage, "b", "topic", "T")
		c.expect(resp, remoting.RespSystemError, "producerGroup is missing")
	})
}

// TestSendStatus is what producers are told of each way a Put can end.
func TestSendStatus(t *testing.T) {
	other := errors.New("open /var/lib/pairmq/commitlog: input/output error")
	tests := []struct {
		name      string
		put, done error
		code      int32
		stored    bool
		words     string
	}{
		{"stored", nil, nil, 0, true, ""},
		{"late", nil, fmt.Errorf("%w: 5s", store.ErrFlushTimeout), 10, true, "not on disk in time"},
		{"failed meanwhile", nil, fmt.Errorf("%w: %w", store.ErrFailed, other), 14, false, "disk has failed"},
		{"disk full", fmt.Errorf("%w: 0 bytes", store.ErrDiskFull), nil, 14, false, "disk is full"},
		{"quota reached", fmt.Errorf("%w: 1000 bytes of topic T", store.ErrQuota), nil, 14, false, "topicMaxBytes"},
		{"failed", store.ErrFailed, nil, 14, false, "disk has failed"},
		{"stopping", store.ErrReadOnly, nil, 14, false, "stopping"},
		{"too large for a segment", store.ErrTooLarge, nil, 13, false, "segment"},
		{"unknown", other, nil, 1, false, "its log says why"},
	}
	for _, test := range tests {
		bubble(t, nil, func(t *testing.T, r *rig) {
			r.topic("T", 4)
			r.st.putErr, r.st.doneErr = test.put, test.done
			c := r.client()
			resp := c.send("T", "", "b")
			c.expect(resp, test.code, test.words)
			if strings.Contains(resp.Remark, "/var") {
				t.Errorf("%s: the remark %q names a path", test.name, resp.Remark)
			}
			if got := resp.Fields.Get("msgId") != ""; got != test.stored {
				t.Errorf("%s: fields %v, stored: %v", test.name, resp.Fields, test.stored)
			}
			if got := strings.Contains(r.log.String(), "input/output"); got != (test.name == "unknown") {
				t.Errorf("%s: the log is %q", test.name, r.log.String())
			}
		})
	}
}

// TestSendsArePipelined: a send that waits for its flush holds nothing up.
func TestSendsArePipelined(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 4)
		r.st.held = make(chan func(error), 3)
		c := r.client()
		var got [3]<-chan *remoting.Command
		for i := range got {
			got[i] = c.begin(remoting.ReqSendMessageV2, fmt.Sprint(i), sendFields("T")...)
		}
		synctest.Wait()
		if len(r.st.held) != 3 || !pending(got[0]) {
			t.Fatalf("%d sends are in the store, want 3 and no answer", len(r.st.held))
		}
		for i := range got {
			(<-r.st.held)(nil)
			if resp := <-got[i]; resp.Fields.Get("queueOffset") != fmt.Sprint(i) {
				t.Errorf("send %d: queueOffset %s", i, resp.Fields.Get("queueOffset"))
			}
		}
	})
}

func TestSendMakesTopics(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		tests := []struct {
			topic, queues string
			want          int32
		}{{"Four", "4", 4}, {"Many", "400", 8}, {"None", "0", 1}, {"%RETRY%CG", "4", 1}}
		for i, test := range tests {
			c.expect(c.call(remoting.ReqSendMessageV2, "b", sendFields(test.topic, "d", test.queues)...), 0, "")
			got, ok := r.st.Topic(test.topic)
			if want := groupTopic(test.topic, test.want); !ok || got.WriteQueueNums != want.WriteQueueNums || got.ReadQueueNums != want.ReadQueueNums || got.Perm != want.Perm {
				t.Errorf("%s: made %+v, want %+v", test.topic, got, want)
			}
			if r.reg.notified != i+1 {
				t.Errorf("%s: the registrar was notified %d times, want %d", test.topic, r.reg.notified, i+1)
			}
		}
		c.expect(c.call(remoting.ReqSendMessageV2, "b", sendFields("Four")...), 0, "")
		if r.reg.notified != len(tests) {
			t.Errorf("a topic that is there is made again")
		}
		if _, ok := r.st.Group("CG"); !ok {
			t.Error("the group of a retry topic was not made")
		}
	})
}

func TestSendMakesNoTopics(t *testing.T) {
	bubble(t, func(o *Options, st *fakeStore) {
		o.NoAutoCreateTopic = true
		_ = st.PutTopic(table.Topic{Name: "TBW102", WriteQueueNums: 8, Perm: 7}) // from the time when it was on
	}, func(t *testing.T, r *rig) {
		c := r.client()
		c.expect(c.send("New", "", "b"), remoting.RespTopicNotExist, "New")
		if _, ok := r.st.Topic("TBW102"); ok {
			t.Error("the template is still there: clients would think that they may make topics")
		}
	})
}

// TestTopicsByUseLeaveRoom: an eighth of the topics, and of the groups, is left to who makes
// them on purpose.
func TestTopicsByUseLeaveRoom(t *testing.T) {
	bubble(t, func(o *Options, _ *fakeStore) { o.MaxTopics, o.MaxGroups = 15, 9 }, func(t *testing.T, r *rig) {
		c := r.client() // 11 system topics
		for _, name := range []string{"New", "Newer", "Newest"} {
			c.expect(c.send(name, "", "b"), 0, "")
		}
		c.expect(c.send("OneMore", "", "b"), remoting.RespTopicNotExist, "14 topics")
		make := func(name string) *remoting.Command {
			return c.call(remoting.ReqUpdateAndCreateTopic, "", "topic", name, "defaultTopic", "TBW102", "readQueueNums", "1", "writeQueueNums", "1", "perm", "6", "topicFilterType", "SINGLE_TAG", "order", "false")
		}
		c.expect(make("Wanted"), 0, "")
		c.expect(make("TooMuch"), remoting.RespTopicNotExist, "15 topics")

		commit := func(group string) *remoting.Command {
			return c.call(remoting.ReqUpdateConsumerOffset, "", "consumerGroup", group, "topic", "New", "queueId", "0", "commitOffset", "0")
		}
		for i := range 8 {
			c.expect(commit("G"+strconv.Itoa(i)), 0, "")
		}
		c.expect(commit("G8"), remoting.RespSubscriptionGroupNotExist, "8 subscription groups")
		c.expect(c.call(remoting.ReqUpdateAndCreateSubscriptiongroup, `{"groupName":"Wanted"}`), 0, "")
		c.expect(c.call(remoting.ReqUpdateAndCreateSubscriptiongroup, `{"groupName":"TooMuch"}`), remoting.RespSubscriptionGroupNotExist, "9 subscription groups")
	})
}

func TestSendChoosesQueue(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 4)
		_ = r.st.PutTopic(table.Topic{Name: "Closed", ReadQueueNums: 4, Perm: 6})
		c := r.client()
		seen := map[string]bool{}
		for range 200 {
			resp := c.call(remoting.ReqSendMessageV2, "b", sendFields("T", "e", "-7")...)
			seen[resp.Fields.Get("queueId")] = true
		}
		if len(seen) != 4 || !seen["0"] || !seen["3"] {
			t.Errorf("200 sends chose the queues %v, want 0 to 3", seen)
		}
		c.expect(c.call(remoting.ReqSendMessageV2, "b", sendFields("Closed", "e", "-1")...), remoting.RespNoPermission, "no queue")
	})
}

func TestSendByPermission(t *testing.T) {
	bubble(t, func(o *Options, _ *fakeStore) { o.Perm = table.PermRead }, func(t *testing.T, r *rig) {
		r.topic("T", 4)
		ordered := groupTopic("Ordered", 4)
		ordered.Order = true
		_ = r.st.PutTopic(ordered)
		c := r.client()
		c.expect(c.send("T", "", "b"), 0, "") // as RocketMQ: clients obey the route
		c.expect(c.send("Ordered", "", "b"), remoting.RespNoPermission, "broker-a")
	})
	bubble(t, func(o *Options, _ *fakeStore) { o.ID = 1 }, func(t *testing.T, r *rig) {
		r.topic("T", 4)
		c := r.client()
		c.expect(c.send("T", "", "b"), remoting.RespServiceNotAvailable, "slave")
		if len(r.st.topics) != 1 {
			t.Errorf("a slave has made topics: %v", r.st.topics)
		}
	})
	why := "mains is off"
	bubble(t, func(o *Options, _ *fakeStore) { o.Halted = func() string { return why } }, func(t *testing.T, r *rig) {
		c := r.client()
		c.expect(c.send("New", "", "b"), remoting.RespServiceNotAvailable, "mains is off")
		if _, made := r.st.topics["New"]; made {
			t.Errorf("a broker that stores nothing now has made topics: %v", r.st.topics)
		}
		why = ""
		r.topic("T", 4)
		c.expect(c.send("T", "", "b"), 0, "")
	})
}

func TestStoredMessage(t *testing.T) {
	tests := []struct {
		name    string
		changes []string
		want    record.Message
	}{
		{"all fields", []string{"e", "2", "f", "769", "h", "7", "j", "3", "i", "a\x01b\x02"},
			record.Message{QueueID: 2, SysFlag: 769, Flag: 7, ReconsumeTimes: 3, Properties: "a\x01b\x02CLUSTER\x01DefaultCluster"}},
		{"no properties", []string{"i", "-"}, record.Message{Properties: "CLUSTER\x01DefaultCluster"}},
		{"this cluster already", []string{"i", "CLUSTER\x01DefaultCluster\x02a\x01b"}, record.Message{Properties: "CLUSTER\x01DefaultCluster\x02a\x01b"}},
		{"another cluster", []string{"i", "CLUSTER\x01Elsewhere\x02a\x01b"}, record.Message{Properties: "a\x01b\x02CLUSTER\x01DefaultCluster"}},
		{"no delay", []string{"i", "DELAY\x010"}, record.Message{Properties: "DELAY\x010\x02CLUSTER\x01DefaultCluster"}},
		{"an empty value", []string{"i", "TRAN_MSG\x01\x02a\x01b"}, record.Message{Properties: "TRAN_MSG\x01\x02a\x01b\x02CLUSTER\x01DefaultCluster"}},
	}
	for _, test := range tests {
		bubble(t, nil, func(t *testing.T, r *rig) {
			r.topic("T", 4)
			c := r.client()
			c.expect(c.call(remoting.ReqSendMessageV2, "b", sendFields("T", test.changes...)...), 0, "")
			got := r.st.stored("T", test.want.QueueID)
			if len(got) != 1 {
				t.Fatalf("%s: %d messages, want 1", test.name, len(got))
			}
			m := got[0]
			if m.SysFlag != test.want.SysFlag || m.Flag != test.want.Flag || m.ReconsumeTimes != test.want.ReconsumeTimes || m.Properties != test.want.Properties {
				t.Errorf("%s: stored %+v, want %+v", test.name, m, test.want)
			}
		})
	}
}

func TestSendOfMultiTagTopic(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		multi := groupTopic("T", 1)
		multi.FilterType = multiTag
		_ = r.st.PutTopic(multi)
		r.client().send("T", "TagA", "b")
		if got := r.st.stored("T", 0)[0].SysFlag; got != record.SysMultiTags {
			t.Errorf("sysFlag %#x, want %#x", got, record.SysMultiTags)
		}
	})
}

func TestOnewaySend(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		for _, topic := range []string{"T", "../x"} { // nothing comes back, not even an error
			if err := c.conn.Oneway(&remoting.Command{Code: remoting.ReqSendMessageV2, Fields: pairs(sendFields(topic)), Body: []byte("b")}); err != nil {
				t.Fatal(err)
			}
		}
		c.expect(c.send("T", "", "b"), 0, "")
		if n := len(r.st.stored("T", 0)); n != 2 {
			t.Errorf("%d messages stored, want 2", n)
		}
	})
}

// TestLongNames: request 10 has the same fields under long names.
func TestLongNames(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		resp := c.call(remoting.ReqSendMessage, "b", "producerGroup", "PG", "topic", "T", "defaultTopic", "TBW102",
			"defaultTopicQueueNums", "4", "queueId", "1", "sysFlag", "0", "bornTimestamp", "5", "flag", "9",
			"properties", "TAGS\x01TagA", "reconsumeTimes", "0", "unitMode", "false", "maxReconsumeTimes", "0", "batch", "false")
		c.expect(resp, 0, "")
		if m := r.st.stored("T", 1); len(m) != 1 || m[0].Flag != 9 || m[0].BornTimestamp != 5 || !strings.HasPrefix(m[0].Properties, "TAGS\x01TagA") {
			t.Errorf("stored %+v", m)
		}
	})
}

// TestMessagesThatMayBeTraced: with a topic for traces what is stored has what consumers of 5.x
// look at before they send any, as with a broker of 5.4.0; what comes back is left as it is.
func TestMessagesThatMayBeTraced(t *testing.T) {
	bubble(t, func(o *Options, _ *fakeStore) { o.TraceTopic = "RMQ_SYS_TRACE_TOPIC" }, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		const own = "CLUSTER\x01DefaultCluster\x02MSG_REGION\x01DefaultRegion\x02TRACE_ON\x01true"
		for _, props := range []string{"a\x01b", own + "\x02a\x01b"} {
			c.expect(c.call(remoting.ReqSendMessageV2, "b", sendFields("T", "i", props)...), 0, "")
		}
		all := r.st.stored("T", 0)
		if len(all) != 2 || all[0].Properties != "a\x01b\x02"+own || all[1].Properties != own+"\x02a\x01b" {
			t.Errorf("stored %+v", all)
		}
	})
}
