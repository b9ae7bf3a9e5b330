package broker

import (
	"encoding/json"
	"testing"
	"time"

	"pairmq/internal/remoting"
)

// TestBrokerStats: what comes in, goes out and is sent back, as statsAll asks for it.
func TestBrokerStats(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		r.topic("T", 1)
		r.group("CG")
		for range 20 {
			c.send("T", "", "body")
		}
		c.expect(c.call(remoting.ReqPullMessage, "", pullFields("T", "maxMsgNums", "5")...), 0, "")
		time.Sleep(40 * time.Second)
		stats := func(name, key string) (all map[string]statsItem) {
			t.Helper()
			resp := c.call(remoting.ReqViewBrokerStatsData, "", "statsName", name, "statsKey", key)
			c.expect(resp, 0, "")
			if err := json.Unmarshal(resp.Body, &all); err != nil {
				t.Fatalf("%s: %v", resp.Body, err)
			}
			return all
		}
		for _, tt := range []struct {
			name, key string
			want      statsItem
		}{
			{"TOPIC_PUT_NUMS", "T", statsItem{20, 0.5, 1}},
			{"GROUP_GET_NUMS", "T@CG", statsItem{5, 0.125, 5}},
			{"BROKER_PUT_NUMS", "DefaultCluster", statsItem{20, 0.5, 1}},
			{"BROKER_GET_NUMS", "DefaultCluster", statsItem{5, 0.125, 5}},
		} {
			for window, got := range stats(tt.name, tt.key) {
				if got != tt.want {
					t.Errorf("%s of %s, %s: %+v, want %+v", tt.name, tt.key, window, got, tt.want)
				}
			}
		}
		in, out := stats("TOPIC_PUT_SIZE", "T")["statsDay"], stats("GROUP_GET_SIZE", "T@CG")["statsDay"]
		if in.Sum <= 0 || in.Sum%20 != 0 || out.Sum <= 0 || out.Avg != float64(out.Sum) {
			t.Errorf("bytes in are %+v, bytes out %+v", in, out)
		}
		for _, tt := range [][2]string{{"TOPIC_PUT_NUMS", "None"}, {"GROUP_GET_NUMS", "T"}, {"SNDBCK_PUT_NUMS", "T@CG"}, {"GROUP_GET_LATENCY", "T@CG"}, {"", ""}} {
			c.expect(c.call(remoting.ReqViewBrokerStatsData, "", "statsName", tt[0], "statsKey", tt[1]), remoting.RespSystemError, "not exist")
		}
		c.expect(c.call(remoting.ReqDeleteTopicInBroker, "", "topic", "T"), 0, "")
		c.expect(c.call(remoting.ReqViewBrokerStatsData, "", "statsName", "TOPIC_PUT_NUMS", "statsKey", "T"), remoting.RespSystemError, "not exist")
	})
}

// TestAllConsumeStats: the form is RocketMQ's, with queues as keys.
func TestAllConsumeStats(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		for _, topic := range []string{"T1", "T2"} {
			r.topic(topic, 1)
			c.send(topic, "", "a")
			c.send(topic, "", "b")
		}
		r.group("CG")
		r.group("Idle")
		r.st.CommitOffset("CG", "T1", 0, 1)
		r.st.CommitOffset("CG", "Gone", 0, 1)
		const want = `{"consumeStatsList":[{"CG":[{"consumeTps":0.0,"offsetTable":{{"brokerName":"broker-a","queueId":0,"topic":"T1"}:` +
			`{"brokerOffset":2,"consumerOffset":1,"lastTimestamp":1795404113000,"pullOffset":1}}}]},{"Idle":[]}],"brokerAddr":"127.0.0.1:20911","totalDiff":1,"totalInflightDiff":0}`
		if got := string(c.call(remoting.ReqGetBrokerConsumeStats, "", "isOrder", "false").Body); got != want {
			t.Errorf("answered\n%s, want\n%s", got, want)
		}
		const none = `{"consumeStatsList":[{"CG":[]},{"Idle":[]}],"brokerAddr":"127.0.0.1:20911","totalDiff":0,"totalInflightDiff":0}`
		if got := string(c.call(remoting.ReqGetBrokerConsumeStats, "", "isOrder", "true").Body); got != none {
			t.Errorf("of ordered topics, answered\n%s, want\n%s", got, none)
		}
		c.expect(c.call(remoting.ReqGetBrokerConsumeStats, "", "isOrder", "x"), remoting.RespSystemError, "isOrder")
	})
}

func TestAllProducers(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		if got := string(c.call(remoting.ReqGetAllProducerInfo, "").Body); got != `{"data":{}}` {
			t.Errorf("nobody is online, and it answers %s", got)
		}
		c.call(remoting.ReqHeartBeat, `{"clientID":"a@1","producerDataSet":[{"groupName":"P1"},{"groupName":"P2"}]}`)
		var got struct{ Data map[string][]producerInfo }
		resp := c.call(remoting.ReqGetAllProducerInfo, "")
		if err := json.Unmarshal(resp.Body, &got); err != nil {
			t.Fatal(err)
		}
		for _, group := range []string{"P1", "P2"} {
			if g := got.Data[group]; len(g) != 1 || g[0].ClientID != "a@1" || g[0].RemoteIP[0] != '/' || g[0].LastUpdate != time.Now().UnixMilli() {
				t.Errorf("group %s is shown as %+v: %s", group, g, resp.Body)
			}
		}
	})
}
