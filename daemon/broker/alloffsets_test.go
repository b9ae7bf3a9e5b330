package broker

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pairmq/internal/remoting"
	"pairmq/store/index"
	"pairmq/store/table"
)

// TestASlaveIsToldAllOffsets. The shape is 5.4.0's, which 4.9.7 reads as well:
// what is before offsetTable it does not know. The captures are
//
//	4.9.7  {"offsetTable":{"PeerTopic@cg2":{0:6}}}
//	5.4.0  {"dataVersion":{…},"groupTopicMap":{…},"offsetTable":{…}}
func TestASlaveIsToldAllOffsets(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		version := fmt.Sprintf(`{"dataVersion":{"stateVersion":0,"timestamp":%d,"counter":0},"offsetTable":`, r.b.started.UnixMilli())
		resp := c.call(remoting.ReqGetAllConsumerOffset, "")
		if want := version + `{}}`; string(resp.Body) != want {
			t.Errorf("without offsets the body is %s, want %s", resp.Body, want)
		}
		r.st.CommitOffset("cg2", "PeerTopic", 0, 6)
		r.st.CommitProgress("RMQ_SYS_TRANS_OP_HALF_TOPIC", 0, 2) // as offsets of a group that nobody configured
		r.st.CommitProgress("RMQ_SYS_TRANS_HALF_TOPIC", 0, 18)
		resp = c.call(remoting.ReqGetAllConsumerOffset, "")
		want := version + `{"PeerTopic@cg2":{0:6},"RMQ_SYS_TRANS_HALF_TOPIC@CID_RMQ_SYS_TRANS":{0:18},` +
			`"RMQ_SYS_TRANS_OP_HALF_TOPIC@CID_RMQ_SYS_TRANS":{0:2}}}`
		c.expect(resp, 0, "")
		if string(resp.Body) != want || len(resp.Fields) != 0 {
			t.Errorf("answered %s with %v, want %s", resp.Body, resp.Fields, want)
		}
		if err := r.st.ResetOffsets([]table.Offset{{Group: "cg2", Topic: "PeerTopic", Offset: 4}}); err != nil {
			t.Fatal(err)
		}
		want = strings.Replace(want, "{0:6}", "{0:4}", 1)
		if resp = c.call(remoting.ReqGetAllConsumerOffset, ""); string(resp.Body) != want {
			t.Errorf("after a reset answered %s, want %s", resp.Body, want)
		}
		want = strings.TrimSuffix(want, "}") + `,"resetTable":{"PeerTopic@cg2":{0:1}}}`
		if resp = c.call(remoting.ReqGetAllConsumerOffset, "", "resets", "true"); string(resp.Body) != want {
			t.Errorf("with resets answered %s, want %s", resp.Body, want)
		}
		c.expect(c.call(remoting.ReqGetAllConsumerOffset, "", "resets", "x"), remoting.RespSystemError, "resets")
		resp = c.call(remoting.ReqGetAllMessageRequestMode, "")
		c.expect(resp, 0, "")
		if want := `{"messageRequestModeMap":{}}`; string(resp.Body) != want { // as captured from 5.4.0
			t.Errorf("request modes are %s, want %s", resp.Body, want)
		}
	})
}

// TestDelayOffsets are those of the levels of which something was delivered, by
// whichever master, in RocketMQ's form, and for slaves of ours the log they belong to and
// how far transactions are; others are told of that as of consumer offsets.
func TestDelayOffsets(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		if resp := c.call(remoting.ReqGetAllDelayOffset, ""); resp.Code != 0 || string(resp.Body) != `{"offsetTable":{},"log":{"0":0}}` {
			t.Errorf("at first answered %d %s", resp.Code, resp.Body)
		}
		r.st.CommitProgress("SCHEDULE_TOPIC_XXXX", 17, 7)
		r.st.CommitProgress("SCHEDULE_TOPIC_XXXX", 1, 1)
		r.st.end = 4096
		if resp := c.call(remoting.ReqGetAllDelayOffset, ""); resp.Code != 0 || string(resp.Body) != `{"offsetTable":{2:1,18:7},"log":{"0":4096}}` {
			t.Errorf("answered %d %s", resp.Code, resp.Body)
		}
		if resp := c.call(remoting.ReqGetAllConsumerOffset, ""); resp.Code != 0 || strings.Contains(string(resp.Body), "SCHEDULE") {
			t.Errorf("among consumer offsets: %s", resp.Body)
		}
		r.st.CommitOffset("CID_RMQ_SYS_TRANS", "RMQ_SYS_TRANS_HALF_TOPIC", 0, 1000) // by a client
		if resp := c.call(remoting.ReqGetAllConsumerOffset, ""); resp.Code != 0 || strings.Contains(string(resp.Body), "TRANS") {
			t.Errorf("what a client committed is told: %s", resp.Body)
		}
		r.st.CommitProgress("RMQ_SYS_TRANS_HALF_TOPIC", 0, 5)
		r.st.CommitProgress("RMQ_SYS_TRANS_OP_HALF_TOPIC", 0, 0)
		if resp := c.call(remoting.ReqGetAllDelayOffset, ""); resp.Code != 0 || string(resp.Body) != `{"offsetTable":{2:1,18:7},"transactions":{"0":5,"1":0},"log":{"0":4096}}` {
			t.Errorf("answered %d %s", resp.Code, resp.Body)
		}
		if resp := c.call(remoting.ReqGetAllConsumerOffset, ""); !strings.Contains(string(resp.Body), `"offsetTable":{"RMQ_SYS_TRANS_HALF_TOPIC@CID_RMQ_SYS_TRANS":{0:5},"RMQ_SYS_TRANS_OP_HALF_TOPIC@CID_RMQ_SYS_TRANS":{0:0}}`) {
			t.Errorf("of transactions RocketMQ's slaves are told %s", resp.Body)
		}
	})
}

// TestASlaveOfOursIsToldWhatWasDeleted, and another one is not.
func TestASlaveOfOursIsToldWhatWasDeleted(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		r.topic("T", 1)
		c.send("T", "", "x")
		end := r.st.Stats().MaxPhyOffset
		c.call(remoting.ReqDeleteTopicInBroker, "", "topic", "T")
		want := fmt.Sprintf(`,"deletedTable":{"T":%d}}`, end)
		if resp := c.call(remoting.ReqGetAllTopicConfig, "", "deleted", "true"); !strings.HasSuffix(string(resp.Body), want) {
			t.Errorf("answered %s, want %s", resp.Body, want)
		}
		if resp := c.call(remoting.ReqGetAllTopicConfig, ""); strings.Contains(string(resp.Body), "deletedTable") {
			t.Errorf("nobody asked for %s", resp.Body)
		}
		c.expect(c.call(remoting.ReqGetAllTopicConfig, "", "deleted", "x"), remoting.RespSystemError, "deleted")
	})
}

func TestOffsetsOfSeveralQueues(t *testing.T) {
	st := newFakeStore()
	for q := range int32(3) {
		st.CommitOffset("g", "T", q, 10)
	}
	all := st.AllOffsets()
	slices.SortFunc(all["g"], func(a, b index.GroupOffset) int { return int(a.QueueID - b.QueueID) })
	got, err := appendOffsets(nil, all)
	if want := `{"T@g":{0:10,1:10,2:10}}`; string(got) != want || err != nil {
		t.Errorf("appendOffsets = %s, %v, want %s", got, err, want)
	}
}

// TestSlavesReadOurTables holds the answers to 21 and 201 against what masters
// of both versions sent: each member of theirs that 4.9.7 has must be there, as
// it was when we copied it. groupRetryPolicy is 5.4.0's default and not kept.
func TestSlavesReadOurTables(t *testing.T) {
	const (
		topic4 = `{"order":false,"perm":7,"readQueueNums":4,"topicFilterType":"SINGLE_TAG","topicName":"X","topicSysFlag":0,"writeQueueNums":4}`
		topic5 = `{"attributes":{},"order":false,"perm":7,"readQueueNums":4,"topicFilterType":"SINGLE_TAG","topicName":"X","topicSysFlag":0,"writeQueueNums":4}`
		group4 = `{"brokerId":0,"consumeBroadcastEnable":true,"consumeEnable":true,"consumeFromMinEnable":true,"groupName":"X",
			"notifyConsumerIdsChangedEnable":true,"retryMaxTimes":16,"retryQueueNums":1,"whichBrokerWhenConsumeSlowly":1}`
		group5 = `{"attributes":{},"brokerId":0,"consumeBroadcastEnable":true,"consumeEnable":true,"consumeFromMinEnable":true,
			"consumeMessageOrderly":false,"consumeTimeoutMinute":15,"groupName":"X","groupRetryPolicy":{"type":"CUSTOMIZED"},"groupSysFlag":0,
			"notifyConsumerIdsChangedEnable":true,"retryMaxTimes":16,"retryQueueNums":1,"whichBrokerWhenConsumeSlowly":1}`
	)
	optional := []string{"attributes", "groupRetryPolicy"}
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		for _, test := range []struct {
			name, entry, member string
			code                int32
		}{
			{"4.9.7 topic", topic4, "topicConfigTable", remoting.ReqGetAllTopicConfig},
			{"5.4.0 topic", topic5, "topicConfigTable", remoting.ReqGetAllTopicConfig},
			{"4.9.7 group", group4, "subscriptionGroupTable", remoting.ReqGetAllSubscriptiongroupConfig},
			{"5.4.0 group", group5, "subscriptionGroupTable", remoting.ReqGetAllSubscriptiongroupConfig},
		} {
			var topic table.Topic
			group := table.DefaultGroup("X")
			entry := any(&topic)
			if test.code == remoting.ReqGetAllSubscriptiongroupConfig {
				entry = &group
			}
			if err := json.Unmarshal([]byte(test.entry), entry); err != nil {
				t.Fatal(err)
			}
			if entry == any(&topic) {
				_ = r.st.PutTopic(topic) // the fake's error is for others
			} else {
				_ = r.st.PutGroup(group)
			}
			resp := c.call(test.code, "", "topicSeq", "0", "groupSeq", "0", "maxTopicNum", "2000", "maxGroupNum", "2000", "dataVersion", "")
			var got map[string]json.RawMessage
			var entries map[string]map[string]any
			if err := json.Unmarshal(resp.Body, &got); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(got[test.member], &entries); err != nil {
				t.Fatalf("%s: %v in %s", test.name, err, resp.Body)
			}
			var want map[string]any
			if err := json.Unmarshal([]byte(test.entry), &want); err != nil {
				t.Fatal(err)
			}
			maps.DeleteFunc(want, func(key string, _ any) bool { return slices.Contains(optional, key) })
			for key, value := range want {
				if entries["X"][key] != value {
					t.Errorf("%s: %s is %v, want %v", test.name, key, entries["X"][key], value)
				}
			}
			total := resp.Fields.Get("totalTopicNum") + resp.Fields.Get("totalGroupNum")
			if len(resp.Fields) != 1 || total != strconv.Itoa(len(entries)) || got["dataVersion"] == nil { // 5.4.0 asks on below that
				t.Errorf("%s: answered %d entries with fields %v and version %s; want all that there are as the total", test.name, len(entries), resp.Fields, got["dataVersion"])
			}
		}
	})
}
