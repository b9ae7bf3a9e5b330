package broker

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// topicFields are the fields of an UPDATE_AND_CREATE_TOPIC.
func topicFields(changes ...string) []string {
	return with([]string{"topic", "T", "defaultTopic", "TBW102", "readQueueNums", "4", "writeQueueNums", "4", "perm", "6",
		"topicFilterType", "SINGLE_TAG", "topicSysFlag", "0", "order", "false"}, changes)
}

func TestUpdateTopic(t *testing.T) {
	tests := []struct {
		name    string
		changes []string
		code    int32
		words   string
	}{
		{"plain", nil, 0, ""},
		{"other queues", []string{"readQueueNums", "8", "writeQueueNums", "0"}, 0, ""},
		{"no filter type", []string{"topicFilterType", "-"}, 0, ""},
		{"path", []string{"topic", "../x"}, 29, "../x"},
		{"system topic", []string{"topic", "TBW102"}, 29, "belongs to the system"},
		{"the cluster's topic", []string{"topic", "DefaultCluster"}, 29, "belongs to the system"},
		{"internal topic", []string{"topic", "rmq_sys_wheel_timer"}, 29, "belongs to the system"},
		{"negative queues", []string{"readQueueNums", "-1"}, 29, "-1 queues"},
		{"too many queues", []string{"writeQueueNums", "1025"}, 29, "1025"},
		{"no queues", []string{"writeQueueNums", "-"}, 1, "writeQueueNums is missing"},
		{"no number", []string{"readQueueNums", "x"}, 1, "readQueueNums"},
		{"no perm", []string{"perm", "-"}, 1, "perm is missing"},
		{"unknown perm", []string{"perm", "64"}, 29, "perm 64"},
		{"unknown filter type", []string{"topicFilterType", "BOTH"}, 29, "BOTH"},
		{"order is no boolean", []string{"order", "x"}, 1, "order"},
		{"sysFlag is no number", []string{"topicSysFlag", "x"}, 1, "topicSysFlag"},
		{"bad attribute", []string{"attributes", "message.type"}, 29, "message.type"},
	}
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		for _, test := range tests {
			now := r.reg.now
			resp := c.call(remoting.ReqUpdateAndCreateTopic, "", topicFields(test.changes...)...)
			if resp.Code != test.code || !strings.Contains(resp.Remark, test.words) {
				t.Errorf("%s: answered %d %q, want %d with %q", test.name, resp.Code, resp.Remark, test.code, test.words)
			}
			if told := r.reg.now > now; told != (test.code == 0) {
				t.Errorf("%s: name servers told: %v", test.name, told)
			}
		}
		got, _ := r.st.Topic("T")
		if got.ReadQueueNums != 4 || got.FilterType != singleTag || got.Perm != 6 {
			t.Errorf("the topic is %+v", got)
		}
		resp := c.call(remoting.ReqGetTopicConfig, "", "topic", "T")
		const want = `{"topicName":"T","readQueueNums":4,"writeQueueNums":4,"perm":6,"topicFilterType":"SINGLE_TAG","topicSysFlag":0,"order":false}`
		if string(resp.Body) != want {
			t.Errorf("topic config %s, want %s", resp.Body, want)
		}
		c.expect(c.call(remoting.ReqGetTopicConfig, "", "topic", "None"), remoting.RespTopicNotExist, "None")
	})
}

// TestTopicChangesWaitForNameServers, for tools ask these for the route next;
// but not for ever.
func TestTopicChangesWaitForNameServers(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.reg.gate = make(chan struct{})
		c := r.client()
		first := c.begin(remoting.ReqUpdateAndCreateTopic, "", topicFields("topic", "T1")...)
		synctest.Wait()
		second := c.begin(remoting.ReqUpdateAndCreateTopic, "", topicFields("topic", "T2")...)
		third := c.begin(remoting.ReqDeleteTopicInBroker, "", "topic", "T1")
		if !pending(first) || !pending(second) || r.reg.now != 1 {
			t.Errorf("answered before the name servers knew, who were told %d times", r.reg.now)
		}
		if _, ok := r.st.Topic("T2"); !ok {
			t.Error("the second change waits for the first one's name servers")
		}
		r.reg.gate <- struct{}{}
		c.expect(<-first, 0, "")
		if !pending(second) || !pending(third) || r.reg.now != 2 {
			t.Errorf("the next two were told %d times, want once together", r.reg.now-1)
		}
		start := time.Now()
		c.expect(<-second, 0, "")
		c.expect(<-third, 0, "")
		if took := time.Since(start); took != registerTime {
			t.Errorf("name servers that do not answer were waited for %v, want %v", took, registerTime)
		}
		last := c.begin(remoting.ReqUpdateAndCreateTopic, "", topicFields("topic", "T3")...)
		synctest.Wait()
		r.stop()
		c.expect(<-last, 0, "")
		c.expect(c.call(remoting.ReqUpdateAndCreateTopic, "", topicFields("topic", "T4")...), 0, "")
	})
}

func TestTopicList(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		c.expect(c.call(remoting.ReqUpdateAndCreateTopicList, `{"topicConfigList":[
			{"topicName":"A","readQueueNums":1,"writeQueueNums":2,"perm":6,"topicFilterType":"MULTI_TAG","attributes":{"+message.type":"FIFO"}},
			{"topicName":"B","readQueueNums":1,"writeQueueNums":1,"perm":4}]}`), 0, "")
		c.expect(c.call(remoting.ReqUpdateAndCreateTopicList, `{"topicConfigList":[{"topicName":"C","perm":6},{"topicName":"../x","perm":6}]}`), remoting.RespInvalidParameter, "../x")
		c.expect(c.call(remoting.ReqUpdateAndCreateTopicList, `{"topicConfigList":[{"topicName":"D","perm":6,"attributes":{"a,b":"c"}}]}`), remoting.RespInvalidParameter, "a,b")
		c.expect(c.call(remoting.ReqUpdateAndCreateTopicList, `[`), remoting.RespSystemError, "not understood")
		var all struct {
			DataVersion      table.DataVersion
			TopicConfigTable map[string]table.Topic
		}
		if err := json.Unmarshal(c.call(remoting.ReqGetAllTopicConfig, "").Body, &all); err != nil {
			t.Fatal(err)
		}
		names := slices.Sorted(maps.Keys(all.TopicConfigTable))
		if want := []string{"A", "B", "C", "DefaultCluster", "DefaultCluster_REPLY_TOPIC", "OFFSET_MOVED_EVENT", "RMQ_SYS_TRANS_HALF_TOPIC", "RMQ_SYS_TRANS_OP_HALF_TOPIC", "SCHEDULE_TOPIC_XXXX", "SELF_TEST_TOPIC", "TBW102", "TRANS_CHECK_MAX_TIME_TOPIC", "broker-a", "rmq_sys_wheel_timer"}; !slices.Equal(names, want) {
			t.Errorf("topics %q, want %q", names, want)
		}
		if a := all.TopicConfigTable["A"]; a.Attributes["message.type"] != "FIFO" || a.FilterType != multiTag || all.DataVersion.Counter == 0 {
			t.Errorf("A is %+v in version %+v", a, all.DataVersion)
		}
	})
}

func TestAttributes(t *testing.T) {
	old := map[string]string{"a": "1", "b": "2"}
	tests := []struct{ text, want, err string }{
		{"", "map[a:1 b:2]", ""},
		{"+c=3", "map[a:1 b:2 c:3]", ""},
		{"-a, +b=9", "map[b:9]", ""},
		{"-x", "map[a:1 b:2]", ""},
		{"+c", "", "+c"}, {"+c=", "", "+c="}, {"-a=1", "", "-a=1"}, {"c=3", "", "c=3"}, {",", "", "neither"}, {"+=3", "", "+=3"},
		{"+" + strings.Repeat("k", 257) + "=1", "", "kkk"},
	}
	for _, test := range tests {
		got, err := changeAttributes(old, test.text)
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("changeAttributes(%q) = %v, %v, want an error with %q", test.text, got, err, test.err)
			}
		} else if err != nil || fmt.Sprint(got) != test.want {
			t.Errorf("changeAttributes(%q) = %v, %v, want %s", test.text, got, err, test.want)
		}
	}
	if fmt.Sprint(old) != "map[a:1 b:2]" {
		t.Errorf("the old attributes have become %v", old)
	}
	var many []string
	for i := range maxAttributes + 1 {
		many = append(many, fmt.Sprintf("+k%d=v", i))
	}
	if _, err := changeAttributes(nil, strings.Join(many, ",")); err == nil {
		t.Error("33 attributes are taken")
	}
}

func TestDeleteTopic(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		c.expect(c.call(remoting.ReqDeleteTopicInBroker, "", "topic", "T"), 0, "")
		c.expect(c.call(remoting.ReqDeleteTopicInBroker, "", "topic", "T"), 0, "")
		c.expect(c.call(remoting.ReqDeleteTopicInBroker, "", "topic", "TBW102"), remoting.RespInvalidParameter, "system")
		c.expect(c.call(remoting.ReqDeleteTopicInBroker, "", "topic", "../x"), remoting.RespInvalidParameter, "../x")
		if _, ok := r.st.Topic("T"); ok {
			t.Error("the topic is still there")
		}
		if _, ok := r.st.Topic("TBW102"); !ok {
			t.Error("the template is gone")
		}
		r.topic("T", 1)
		r.st.tableErr = fmt.Errorf("index: input/output error")
		c.expect(c.call(remoting.ReqDeleteTopicInBroker, "", "topic", "T"), remoting.RespSystemError, "its log says why")
		c.expect(c.call(remoting.ReqUpdateAndCreateTopic, "", topicFields()...), remoting.RespSystemError, "its log says why")
		c.expect(c.call(remoting.ReqUpdateAndCreateSubscriptiongroup, `{"groupName":"G"}`), remoting.RespSystemError, "its log says why")
		c.expect(c.send("Another", "", "m"), remoting.RespSystemError, "its log says why")
	})
}

func TestGroups(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		c.expect(c.call(remoting.ReqUpdateAndCreateSubscriptiongroup, `{"groupName":"G","retryMaxTimes":3,"groupRetryPolicy":{"type":"CUSTOMIZED"},"unknown":1}`), 0, "")
		if g, _ := r.st.Group("G"); g.RetryMaxTimes != 3 || !g.ConsumeEnable || g.RetryQueueNums != 1 {
			t.Errorf("made %+v, want 3 tries and defaults", g)
		}
		c.expect(c.call(remoting.ReqUpdateAndCreateSubscriptiongroupList, `{"groupConfigList":[{"groupName":"G2"},{"groupName":"G3","consumeEnable":false}]}`), 0, "")
		if g, _ := r.st.Group("G3"); g.ConsumeEnable || !g.ConsumeBroadcastEnable {
			t.Errorf("made %+v, want no consumption and defaults", g)
		}
		for body, code := range map[string]int32{`{}`: 29, `{"groupName":"a/b"}`: 29, `{"groupName":"G","retryQueueNums":-1}`: 29, `{"groupName":"G","retryQueueNums":9999}`: 29, `{`: 1} {
			c.expect(c.call(remoting.ReqUpdateAndCreateSubscriptiongroup, body), code, "")
			c.expect(c.call(remoting.ReqUpdateAndCreateSubscriptiongroupList, `{"groupConfigList":[`+body+`]}`), code, "")
		}
		resp := c.call(remoting.ReqGetSubscriptiongroupConfig, "", "group", "G")
		if !strings.Contains(string(resp.Body), `"groupName":"G"`) {
			t.Errorf("group config %s", resp.Body)
		}
		c.expect(c.call(remoting.ReqGetSubscriptiongroupConfig, "", "group", "None"), remoting.RespSubscriptionGroupNotExist, "None")
		var all struct {
			SubscriptionGroupTable map[string]table.Group
			ForbiddenTable         map[string]any
		}
		if err := json.Unmarshal(c.call(remoting.ReqGetAllSubscriptiongroupConfig, "").Body, &all); err != nil || len(all.SubscriptionGroupTable) != 3 || all.ForbiddenTable == nil {
			t.Errorf("groups %+v, %v", all, err)
		}
	})
}

func TestDeleteGroup(t *testing.T) {
	tests := []struct {
		flag, value string
		keeps       bool
	}{{"removeOffset", "true", false}, {"cleanOffset", "true", false}, {"cleanOffset", "false", true}, {"removeOffset", "-", true}}
	for _, test := range tests {
		bubble(t, nil, func(t *testing.T, r *rig) {
			r.group("G")
			r.st.CommitOffset("G", "T", 0, 5)
			c := r.client()
			c.expect(c.call(remoting.ReqDeleteSubscriptiongroup, "", with([]string{"groupName", "G"}, []string{test.flag, test.value})...), 0, "")
			_, group := r.st.Group("G")
			if _, kept := r.st.Offset("G", "T", 0); kept != test.keeps || group {
				t.Errorf("%s=%s: offset kept %v, group kept %v", test.flag, test.value, kept, group)
			}
			c.expect(c.call(remoting.ReqDeleteSubscriptiongroup, "", "groupName", "G", "cleanOffset", "x"), remoting.RespSystemError, "cleanOffset")
			c.expect(c.call(remoting.ReqDeleteSubscriptiongroup, "", "groupName", "G", "removeOffset", "x"), remoting.RespSystemError, "removeOffset")
		})
	}
}

// TestSlaveTakesNoChanges: its tables are the master's.
func TestSlaveTakesNoChanges(t *testing.T) {
	bubble(t, func(o *Options, _ *fakeStore) { o.ID = 1 }, func(t *testing.T, r *rig) {
		c := r.client()
		for _, resp := range []*remoting.Command{
			c.call(remoting.ReqUpdateAndCreateTopic, "", topicFields()...),
			c.call(remoting.ReqDeleteTopicInBroker, "", "topic", "T"),
			c.call(remoting.ReqUpdateAndCreateSubscriptiongroup, `{"groupName":"G"}`),
			c.call(remoting.ReqDeleteSubscriptiongroup, "", "groupName", "G"),
		} {
			c.expect(resp, remoting.RespServiceNotAvailable, "slave")
		}
		c.expect(c.call(remoting.ReqHeartBeat, heartbeatOf("a", "CG", "CLUSTERING", "T")), 0, "")
		if r.st.writes != 0 {
			t.Errorf("%d changes were made", r.st.writes)
		}
	})
}

// TestGoldenTopicStats compares with a captured answer, but for the order of
// its keys, which is Java's hash order.
func TestGoldenTopicStats(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		r.topic("TopicTest", 4)
		for q, stamps := range [][]int64{{1795404170878, 4}, {1795404169864, 3}, {1795404169796, 4}, {1795404169815, 6}} {
			r.st.now = stamps[0]
			for range stamps[1] {
				c.call(remoting.ReqSendMessageV2, "m", sendFields("TopicTest", "e", itoa(q))...)
			}
		}
		got, want := c.call(remoting.ReqGetTopicStatsInfo, "", "topic", "TopicTest"), golden(t, "v4-topic-stats-response")
		const tps = `"topicPutTps":0.0,` // of 5.x
		if !strings.Contains(string(got.Body), tps) || sorted([]byte(strings.Replace(string(got.Body), tps, "", 1))) != sorted(want.Body) {
			t.Errorf("answered %d\n%s, want\n%s", got.Code, got.Body, want.Body)
		}
		c.expect(c.call(remoting.ReqGetTopicStatsInfo, "", "topic", "None"), remoting.RespTopicNotExist, "None")
	})
}

// sorted is the entries of an offsetTable in order.
func sorted(body []byte) string {
	entries := strings.Split(strings.TrimSuffix(strings.TrimPrefix(string(body), `{"offsetTable":{`), "}}"), "},{")
	for i := range entries {
		entries[i] = strings.Trim(entries[i], "{}")
	}
	slices.Sort(entries)
	return strings.Join(entries, "\n")
}

func TestConsumeStats(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		for _, topic := range []string{"T1", "T2"} {
			r.topic(topic, 2)
			c.send(topic, "", "a")
			c.send(topic, "", "b")
			r.st.CommitOffset("CG", topic, 0, 1)
		}
		r.st.CommitOffset("CG", "T1", 7, 9) // of a queue that was there once
		r.st.CommitOffset("CG", "Gone", 0, 1)
		entry := func(topic string) string {
			return `{"brokerName":"broker-a","queueId":0,"topic":"` + topic + `"}:{"brokerOffset":2,"consumerOffset":1,"lastTimestamp":1795404113000,"pullOffset":1},` +
				`{"brokerName":"broker-a","queueId":1,"topic":"` + topic + `"}:{"brokerOffset":0,"consumerOffset":0,"lastTimestamp":0,"pullOffset":0}`
		}
		stats := func(fields ...string) string {
			return string(c.call(remoting.ReqGetConsumeStats, "", with([]string{"consumerGroup", "CG"}, fields)...).Body)
		}
		whole := func(entries ...string) string {
			return `{"consumeTps":0.0,"offsetTable":{` + strings.Join(entries, ",") + `}}`
		}
		for _, test := range []struct{ what, got, want string }{
			{"all topics", stats(), whole(entry("T1"), entry("T2"))},
			{"one topic", stats("topic", "T2"), whole(entry("T2"))},
			{"an unknown group", stats("consumerGroup", "None"), whole()},
		} {
			if test.got != test.want {
				t.Errorf("%s:\n%s, want\n%s", test.what, test.got, test.want)
			}
		}
		c.call(remoting.ReqHeartBeat, heartbeatOf("a", "CG", "CLUSTERING", "T2"))
		if got, want := stats(), whole(entry("T2")); got != want {
			t.Errorf("online with one topic:\n%s, want\n%s", got, want)
		}
		c.call(remoting.ReqHeartBeat, heartbeatOf("b", "Other", "CLUSTERING", "T2"))
		for topic, want := range map[string]string{"T1": `{"groupList":["CG"]}`, "T2": `{"groupList":["CG","Other"]}`, "None": `{"groupList":[]}`} {
			if got := string(c.call(remoting.ReqQueryTopicConsumeByWho, "", "topic", topic).Body); got != want {
				t.Errorf("%s is consumed by %s, want %s", topic, got, want)
			}
		}
	})
}

func TestUnknownRequest(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		for _, code := range []int32{remoting.ReqGetClientConfig, remoting.ReqUpdateColdDataFlowCtrConfig, remoting.ReqUpdateBrokerConfig, -1, 99999} {
			c.expect(c.call(code, ""), remoting.RespRequestCodeNotSupported, fmt.Sprintf(" request type %d not supported", code))
		}
	})
}
