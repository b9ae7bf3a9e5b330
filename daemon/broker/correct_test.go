package broker

import (
	"encoding/json"
	"strings"
	"testing"

	"pairmq/internal/remoting"
	"pairmq/store"
)

// TestWhatOperatorsAskOfGroups: the topic T has two queues with ten messages a second
// apart in the first, of which CG has consumed seven; see resetTest.
func TestWhatOperatorsAskOfGroups(t *testing.T) {
	const mq0, mq1 = `{"brokerName":"broker-a","queueId":0,"topic":"T"}`, `{"brokerName":"broker-a","queueId":1,"topic":"T"}`
	span := func(queue, consumed, most, least string) string {
		return `{"consumeTimeStamp":` + consumed + `,"delayTime":0,"maxTimeStamp":` + most + `,"messageQueue":` + queue + `,"minTimeStamp":` + least + `}`
	}
	const sub = `{"classFilterMode":false,"codeSet":[],"expressionType":"TAG","subString":"*","subVersion":1,"tagsSet":[],"topic":"T"}`
	tests := []struct {
		name   string
		code   int32
		fields []string
		want   int32
		body   string
		remark string
	}{
		{"how far the slowest is", remoting.ReqQueryCorrectionOffset, []string{"topic", "T", "filterGroups", "", "compareGroup", "None"}, 0, `{"correctionOffsets":{0:3,1:0}}`, ""},
		{"without one", remoting.ReqQueryCorrectionOffset, []string{"topic", "T", "filterGroups", "a,Slow", "compareGroup", "None"}, 0, `{"correctionOffsets":{0:7,1:0}}`, ""},
		{"one is slower", remoting.ReqQueryCorrectionOffset, []string{"topic", "T", "filterGroups", "Slow", "compareGroup", "Slow"}, 0, `{"correctionOffsets":{0:9223372036854775807,1:0}}`, ""},
		{"of no topic", remoting.ReqQueryCorrectionOffset, []string{"topic", "None"}, 0, `{"correctionOffsets":{}}`, ""},
		{"since when", remoting.ReqQueryConsumeTimeSpan, []string{"topic", "T", "group", "All"}, 0,
			`{"consumeTimeSpanSet":[` + span(mq0, "10000", "10000", "1000") + `,` + span(mq1, "-1", "-1", "-1") + `]}`, ""},
		{"since when, of no topic", remoting.ReqQueryConsumeTimeSpan, []string{"topic", "None", "group", "CG"}, remoting.RespTopicNotExist, "", "None"},
		{"topics", remoting.ReqQueryTopicsByConsumer, []string{"group", "CG"}, 0, `{"brokerAddr":"` + fakeHost.String() + `","topicList":["T"]}`, ""},
		{"topics of nobody", remoting.ReqQueryTopicsByConsumer, []string{"group", "None"}, 0, `{"brokerAddr":"` + fakeHost.String() + `","topicList":[]}`, ""},
		{"subscription", remoting.ReqQuerySubscriptionByConsumer, []string{"group", "Online", "topic", "T"}, 0, `{"group":"Online","subscriptionData":` + sub + `,"topic":"T"}`, ""},
		{"no subscription", remoting.ReqQuerySubscriptionByConsumer, []string{"group", "Online", "topic", "U"}, 0, `{"group":"Online","subscriptionData":null,"topic":"U"}`, ""},
		{"a queue", remoting.ReqQueryConsumeQueue, []string{"topic", "T", "queueId", "0", "index", "9", "count", "5"}, 0,
			`{"maxQueueIndex":10,"minQueueIndex":0,"queueData":[{"eval":false,"physicOffset":OFFSET,"physicSize":SIZE,"tagsCode":0}]}`, ""},
		{"a queue and a group", remoting.ReqQueryConsumeQueue, []string{"topic", "T", "queueId", "1", "index", "0", "count", "5", "consumerGroup", "Online"}, 0,
			`{"maxQueueIndex":0,"minQueueIndex":0,"queueData":null,"subscriptionData":` + sub + `}`, "Index 0 of 1@T"},
		{"a queue and no group", remoting.ReqQueryConsumeQueue, []string{"topic", "T", "queueId", "0", "index", "0", "count", "-1", "consumerGroup", "None"}, 0,
			`{"filterData":"None@T is not online!","maxQueueIndex":10,"minQueueIndex":0,"queueData":null}`, ""},
		{"no queue", remoting.ReqQueryConsumeQueue, []string{"topic", "T", "queueId", "2", "index", "0", "count", "5"}, 1, "", "2@T is not exist"},
		{"no count", remoting.ReqQueryConsumeQueue, []string{"topic", "T", "queueId", "0", "index", "0"}, 1, "", "count is missing"},
		{"queues are clean", remoting.ReqCleanExpiredConsumequeue, nil, 0, "", ""},
		{"topics are clean", remoting.ReqCleanUnusedTopic, nil, 0, "", ""},
	}
	resetTest(t, func(t *testing.T, r *rig, c *client) {
		r.st.CommitOffset("Slow", "T", 0, 3)
		r.st.CommitOffset("All", "T", 0, 10)
		r.st.CommitOffset("All", "T", 1, 0)
		c.expect(c.call(remoting.ReqHeartBeat, heartbeatOf("a", "Online", "CLUSTERING", "T")), 0, "")
		last := r.st.stored("T", 0)[9]
		for _, tt := range tests {
			resp := c.call(tt.code, "", tt.fields...)
			c.expect(resp, tt.want, tt.remark)
			want := strings.NewReplacer("OFFSET", itoa(last.PhyOffset), "SIZE", itoa(r.st.end-last.PhyOffset)).Replace(tt.body)
			if string(resp.Body) != want {
				t.Errorf("%s: answered\n%s, want\n%s", tt.name, resp.Body, want)
			}
		}
		var spans struct {
			ConsumeTimeSpanSet []struct{ ConsumeTimeStamp, DelayTime int64 }
		}
		if err := json.Unmarshal(c.call(remoting.ReqQueryConsumeTimeSpan, "", "topic", "T", "group", "CG").Body, &spans); err != nil {
			t.Fatal(err)
		}
		if s := spans.ConsumeTimeSpanSet[0]; s.ConsumeTimeStamp != 7000 || s.DelayTime <= 0 {
			t.Errorf("the group has consumed up to %d, and is %d ms behind", s.ConsumeTimeStamp, s.DelayTime)
		}
		c.expect(c.call(remoting.ReqDeleteExpiredCommitlog, ""), 0, "")
		if r.st.cleaned != 1 {
			t.Errorf("the log was cleaned %d times, want once", r.st.cleaned)
		}
		r.st.getErr = store.ErrFailed
		c.expect(c.call(remoting.ReqDeleteExpiredCommitlog, ""), remoting.RespServiceNotAvailable, "failed")
	})
}

// TestViewQueueIsBounded: no more than maxViewed entries at once, whatever is asked for.
func TestViewQueueIsBounded(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		for range maxViewed + 1 {
			c.send("T", "TagA", "b")
		}
		var got struct{ QueueData []queueEntry }
		resp := c.call(remoting.ReqQueryConsumeQueue, "", "topic", "T", "queueId", "0", "index", "0", "count", "2147483647")
		if err := json.Unmarshal(resp.Body, &got); err != nil {
			t.Fatal(err)
		}
		if n := len(got.QueueData); n != maxViewed || got.QueueData[0].TagsCode == 0 {
			t.Errorf("%d entries, want %d; the first is %+v", n, maxViewed, got.QueueData[0])
		}
	})
}

func TestCloneOffsets(t *testing.T) {
	tests := []struct {
		name   string
		fields []string
		code   int32
		want   int64 // of To in queue 0 of T, -1 for none
		other  int64 // of To in U
	}{
		{"one topic", []string{"srcGroup", "CG", "destGroup", "To", "topic", "T"}, 0, 7, -1},
		{"all topics", []string{"srcGroup", "CG", "destGroup", "To", "topic", ""}, 0, 7, 2},
		{"back", []string{"srcGroup", "Slow", "destGroup", "To", "topic", "T"}, 0, 3, -1},
		{"nothing", []string{"srcGroup", "None", "destGroup", "To", "topic", "T"}, 0, 5, -1},
		{"what it does not subscribe to", []string{"srcGroup", "Online", "destGroup", "To", "topic", "T"}, 0, 5, -1},
		{"that too", []string{"srcGroup", "Online", "destGroup", "To", "topic", "T", "offline", "true"}, 0, 1, -1},
		{"to no group", []string{"srcGroup", "CG", "destGroup", "a b", "topic", "T"}, remoting.RespSubscriptionGroupNotExist, 5, -1},
		{"no boolean", []string{"srcGroup", "CG", "destGroup", "To", "topic", "T", "offline", "x"}, remoting.RespSystemError, 5, -1},
	}
	for _, tt := range tests {
		resetTest(t, func(t *testing.T, r *rig, c *client) {
			r.topic("U", 1)
			r.st.CommitOffset("To", "T", 0, 5)
			r.st.CommitOffset("CG", "U", 0, 2)
			r.st.CommitOffset("CG", "Gone", 0, 2)
			r.st.CommitOffset("Slow", "T", 0, 3)
			r.st.CommitOffset("Online", "T", 0, 1)
			c.call(remoting.ReqHeartBeat, heartbeatOf("a", "Online", "CLUSTERING", "U"))
			if resp := c.call(remoting.ReqCloneGroupOffset, "", tt.fields...); resp.Code != tt.code {
				t.Errorf("%s: answered %d %q, want %d", tt.name, resp.Code, resp.Remark, tt.code)
			}
			at := func(topic string) int64 {
				if offset, ok := r.st.Offset("To", topic, 0); ok {
					return offset
				}
				return -1
			}
			if at("T") != tt.want || at("U") != tt.other || at("Gone") != -1 {
				t.Errorf("%s: the group is at %d, %d and %d, want %d, %d and none", tt.name, at("T"), at("U"), at("Gone"), tt.want, tt.other)
			}
		})
	}
	bubble(t, func(o *Options, _ *fakeStore) { o.ID = 1 }, func(t *testing.T, r *rig) {
		r.client().expect(r.client().call(remoting.ReqCloneGroupOffset, "", "srcGroup", "CG", "destGroup", "To"), remoting.RespServiceNotAvailable, "slave")
	})
}
