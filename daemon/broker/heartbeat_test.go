package broker

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// ids returns the answer to GET_CONSUMER_LIST_BY_GROUP.
func (c *client) ids(group string) string {
	c.t.Helper()
	resp := c.call(remoting.ReqGetConsumerListByGroup, "", "consumerGroup", group)
	if resp.Code != 0 {
		return resp.Remark
	}
	return string(resp.Body)
}

func TestGoldenHeartbeat(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		c.expect(c.do(golden(t, "v4-heartbeat-push-consumer")), 0, "")
		if got, want := c.ids("CG1"), `{"consumerIdList":["192.0.2.2@20707#816306704695"]}`; got != want {
			t.Errorf("consumers %s, want %s", got, want)
		}
		topic, ok := r.st.Topic("%RETRY%CG1")
		if _, group := r.st.Group("CG1"); !ok || !group || topic.ReadQueueNums != 1 || topic.Perm != 6 || r.reg.notified != 1 {
			t.Errorf("retry topic %+v, group made: %v, registrar notified %d times", topic, group, r.reg.notified)
		}
		want := golden(t, "v4-notify-consumer-ids-changed")
		if got := c.pushes(); !slices.Equal(got, []string{"NOTIFY_CONSUMER_IDS_CHANGED " + want.Fields.Get("consumerGroup")}) {
			t.Errorf("pushed %q", got)
		}
		resp := c.call(remoting.ReqGetConsumerConnectionList, "", "consumerGroup", "CG1")
		const connections = `{"connectionSet":[{"clientAddr":"192.0.2.7:40404","clientId":"192.0.2.2@20707#816306704695","language":"JAVA","version":407}],` +
			`"consumeFromWhere":"CONSUME_FROM_FIRST_OFFSET","consumeType":"CONSUME_PASSIVELY","messageModel":"CLUSTERING",` +
			`"subscriptionTable":{"%RETRY%CG1":{"classFilterMode":false,"codeSet":[],"expressionType":"TAG","subString":"*","subVersion":1795404153866,"tagsSet":[],"topic":"%RETRY%CG1"},` +
			`"TopicTest":{"classFilterMode":false,"codeSet":[2598919,2598920],"expressionType":"TAG","subString":"TagA || TagB","subVersion":1795404153807,"tagsSet":["TagA","TagB"],"topic":"TopicTest"}}}`
		if string(resp.Body) != connections {
			t.Errorf("connections\n%s, want\n%s", resp.Body, connections)
		}
		resp = c.call(remoting.ReqGetProducerConnectionList, "", "producerGroup", "CLIENT_INNER_PRODUCER")
		if !strings.Contains(string(resp.Body), `"clientId":"192.0.2.2@20707#816306704695"`) {
			t.Errorf("producers %s", resp.Body)
		}
	})
}

// TestNotices: everybody in a group hears of a change, and nobody of anything else.
func TestNotices(t *testing.T) {
	const notice = "NOTIFY_CONSUMER_IDS_CHANGED CG"
	bubble(t, nil, func(t *testing.T, r *rig) {
		a, b, other := r.client(), r.client(), r.client()
		told := func(what string, wantA, wantB bool) {
			t.Helper()
			gotA, gotB := slices.Equal(a.pushes(), []string{notice}), slices.Equal(b.pushes(), []string{notice})
			if gotA != wantA || gotB != wantB {
				t.Errorf("%s: told a %v, b %v, want %v, %v", what, gotA, gotB, wantA, wantB)
			}
		}
		other.call(remoting.ReqHeartBeat, heartbeatOf("o", "Other", "CLUSTERING", "T"))
		other.pushes()
		a.call(remoting.ReqHeartBeat, heartbeatOf("a", "CG", "CLUSTERING", "T"))
		told("a joins", true, false)
		b.call(remoting.ReqHeartBeat, heartbeatOf("b", "CG", "CLUSTERING", "T"))
		told("b joins", true, true)
		if got, want := a.ids("CG"), `{"consumerIdList":["a","b"]}`; got != want {
			t.Errorf("consumers %s, want %s", got, want)
		}
		a.call(remoting.ReqHeartBeat, heartbeatOf("a", "CG", "CLUSTERING", "T"))
		b.call(remoting.ReqHeartBeat, heartbeatOf("b", "CG", "CLUSTERING", "T"))
		told("both beat again", false, false)
		a.call(remoting.ReqHeartBeat, strings.ReplaceAll(heartbeatOf("a", "CG", "CLUSTERING", "T"), `"subVersion":1`, `"subVersion":2`))
		told("a new version of the same topics", false, false)
		a.call(remoting.ReqHeartBeat, heartbeatOf("a", "CG", "CLUSTERING", "T", "T2"))
		told("a subscribes to more", true, true)
		b.call(remoting.ReqHeartBeat, heartbeatOf("b", "CG", "CLUSTERING", "T"))
		told("b still subscribes to less", false, false)
		a.call(remoting.ReqHeartBeat, heartbeatOf("a", "CG", "CLUSTERING", "T"))
		told("a subscribes to less", true, true)
		a.call(remoting.ReqHeartBeat, heartbeatOf("a2", "CG", "CLUSTERING", "T"))
		told("a has a new id", true, true)
		b.call(remoting.ReqUnregisterClient, "", "clientID", "b", "consumerGroup", "CG", "producerGroup", "CLIENT_INNER_PRODUCER")
		told("b leaves", true, false)
		b.call(remoting.ReqUnregisterClient, "", "clientID", "b", "consumerGroup", "CG")
		told("b leaves again", false, false)
		b.call(remoting.ReqHeartBeat, heartbeatOf("b", "CG", "CLUSTERING", "T"))
		told("b is back", true, true)
		_ = b.conn.Close()
		told("b's connection ends", true, false)
		if got := other.pushes(); len(got) != 0 {
			t.Errorf("another group was told: %q", got)
		}
	})
}

func TestNoticesCanBeOff(t *testing.T) {
	quiet := func(o *Options, st *fakeStore) { o.NoNotifyConsumers = true }
	group := func(o *Options, st *fakeStore) {
		g := table.DefaultGroup("CG")
		g.NotifyConsumerIDsChangedEnable = false
		_ = st.PutGroup(g)
	}
	for _, change := range []func(*Options, *fakeStore){quiet, group} {
		bubble(t, change, func(t *testing.T, r *rig) {
			c := r.client()
			c.call(remoting.ReqHeartBeat, heartbeatOf("a", "CG", "CLUSTERING", "T"))
			if got := c.pushes(); len(got) != 0 {
				t.Errorf("pushed %q", got)
			}
		})
	}
}

// TestSubscriptionsOfMixedGroup: members that subscribe to different topics do
// not push each other's out.
func TestSubscriptionsOfMixedGroup(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T1", 1)
		r.topic("T2", 1)
		a, b := r.client(), r.client()
		a.call(remoting.ReqHeartBeat, heartbeatOf("a", "CG", "CLUSTERING", "T1"))
		b.call(remoting.ReqHeartBeat, heartbeatOf("b", "CG", "CLUSTERING", "T2"))
		for _, topic := range []string{"T1", "T2"} {
			a.expect(a.call(remoting.ReqPullMessage, "", pullFields(topic, "sysFlag", "0")...), remoting.RespPullNotFound, "")
		}
		_ = b.conn.Close()
		synctest.Wait()
		a.expect(a.call(remoting.ReqPullMessage, "", pullFields("T1", "sysFlag", "0")...), remoting.RespPullNotFound, "")
		a.expect(a.call(remoting.ReqPullMessage, "", pullFields("T2", "sysFlag", "0")...), remoting.RespSubscriptionNotExist, "T2")
	})
}

// TestSilentClientsExpire: after 120 s without a heartbeat a client is gone,
// although its connection is there.
func TestSilentClientsExpire(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		silent, alive := r.client(), r.client()
		silent.call(remoting.ReqHeartBeat, heartbeatOf("silent", "CG", "CLUSTERING", "T"))
		for range 4 {
			alive.call(remoting.ReqHeartBeat, heartbeatOf("alive", "CG", "CLUSTERING", "T"))
			time.Sleep(29 * time.Second)
		}
		if got, want := alive.ids("CG"), `{"consumerIdList":["alive","silent"]}`; got != want {
			t.Errorf("after 116 s: consumers %s, want %s", got, want)
		}
		alive.pushes()
		time.Sleep(20 * time.Second)
		if got, want := alive.ids("CG"), `{"consumerIdList":["alive"]}`; got != want {
			t.Errorf("after 136 s: consumers %s, want %s", got, want)
		}
		if got := alive.pushes(); len(got) != 1 {
			t.Errorf("the one left was told %q", got)
		}
		time.Sleep(130 * time.Second)
		if got := alive.ids("CG"); got != "no consumer for this group, CG" {
			t.Errorf("in the end: consumers %s", got)
		}
		r.nobodyOnline()
	})
}

// nobodyOnline checks that nothing is left of any client.
func (r *rig) nobodyOnline() {
	r.t.Helper()
	synctest.Wait()
	c := r.b.clients
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.consumers) != 0 || len(c.producers) != 0 || len(c.conns) != 0 || c.cost != 0 {
		r.t.Errorf("left: consumers %v, producers %v, %d connections, cost %d", c.consumers, c.producers, len(c.conns), c.cost)
	}
}

func TestClosedConnectionLeaves(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		c.call(remoting.ReqHeartBeat, heartbeatOf("a", "CG", "CLUSTERING", "T"))
		c.call(remoting.ReqHeartBeat, heartbeatOf("a", "CG2", "CLUSTERING", "T", "T2"))
		_ = c.conn.Close()
		r.nobodyOnline()
		c = r.client()
		c.expect(c.call(remoting.ReqGetConsumerConnectionList, "", "consumerGroup", "CG"), remoting.RespConsumerNotOnline, "CG")
		c.expect(c.call(remoting.ReqGetProducerConnectionList, "", "producerGroup", "CLIENT_INNER_PRODUCER"), remoting.RespSystemError, "no producer")
	})
}

func TestHeartbeatRefused(t *testing.T) {
	many := make([]string, 20)
	for i := range many {
		many[i] = fmt.Sprint("T", i)
	}
	tests := []struct {
		name, body string
		code       int32
		words      string
	}{
		{"no body", "", 1, "not understood"},
		{"no object", "[]", 1, "not understood"},
		{"no id", "{}", 1, "clientID of 0 bytes"},
		{"long id", heartbeatOf(strings.Repeat("c", 1025), "CG", "CLUSTERING"), 1, "clientID of 1025 bytes"},
		{"too deep", strings.Repeat(`{"a":`, 17) + "1" + strings.Repeat("}", 17), 1, "16 levels"},
		{"deep in arrays", strings.Repeat("[", 100000), 1, "16 levels"},
		{"too long", strings.Repeat(" ", maxJSONBody+1), 1, "1048577 bytes"},
		{"bad group", heartbeatOf("c", "../x", "CLUSTERING"), 29, "../x"},
		{"bad producer group", `{"clientID":"c","producerDataSet":[{"groupName":"a b"}]}`, 29, "a b"},
		{"bad topic", heartbeatOf("c", "CG", "CLUSTERING", "a/b"), 29, "a/b"},
		{"too many topics", heartbeatOf("c", "CG", "CLUSTERING", many...), 1, "21 topics"},
		{"no sets", `{"clientID":"c","brackets":"[[[[[[[[[[[[[[[[[[[[\"["}`, 0, ""},
	}
	bubble(t, func(o *Options, _ *fakeStore) { o.MaxSubscriptions = 10 }, func(t *testing.T, r *rig) {
		c := r.client()
		for _, test := range tests {
			resp := c.call(remoting.ReqHeartBeat, test.body)
			if resp.Code != test.code || !strings.Contains(resp.Remark, test.words) {
				t.Errorf("%s: answered %d %q, want %d with %q", test.name, resp.Code, resp.Remark, test.code, test.words)
			}
		}
		r.nobodyOnline()
	})
}

func TestOnlineIsBounded(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Options, *fakeStore)
		bodies []string // all but the last fit
	}{
		{"groups", func(o *Options, _ *fakeStore) { o.MaxGroups = 1 },
			[]string{heartbeatOf("a", "CG", "CLUSTERING"), `{"clientID":"b","producerDataSet":[{"groupName":"P"}]}`}},
		{"consumer groups", func(o *Options, _ *fakeStore) { o.MaxGroups, o.NoAutoCreateGroup = 1, true },
			[]string{heartbeatOf("a", "CG", "CLUSTERING"), heartbeatOf("b", "CG2", "CLUSTERING")}},
		{"clients", func(o *Options, _ *fakeStore) { o.MaxClients = 2 },
			[]string{heartbeatOf("a", "CG", "CLUSTERING"), heartbeatOf("b", "CG", "CLUSTERING"), heartbeatOf("c", "CG", "CLUSTERING")}},
		{"all in all", func(o *Options, _ *fakeStore) { o.MaxOnline = 4 },
			[]string{heartbeatOf("a", "CG", "CLUSTERING", "T"), heartbeatOf("b", "CG", "CLUSTERING", "T")}},
	}
	for _, test := range tests {
		bubble(t, test.change, func(t *testing.T, r *rig) {
			for i, body := range test.bodies {
				c, want := r.clientAt("127.0.0.1:1"), int32(0)
				if i == len(test.bodies)-1 {
					want = remoting.RespSystemBusy
				}
				for range 2 { // the second time nothing is new
					if resp := c.call(remoting.ReqHeartBeat, body); resp.Code != want {
						t.Errorf("%s: heartbeat %d is answered %d %q, want %d", test.name, i, resp.Code, resp.Remark, want)
					}
				}
			}
		})
	}
}

// TestHeartbeatWithoutStore: consumers go on while the store takes no changes.
func TestHeartbeatWithoutStore(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.group("CG")
		r.st.tableErr = fmt.Errorf("index: no space")
		c := r.client()
		c.expect(c.call(remoting.ReqHeartBeat, heartbeatOf("a", "CG", "CLUSTERING", "T")), 0, "")
		if got := c.ids("CG"); !strings.Contains(got, `"a"`) {
			t.Errorf("consumers %s", got)
		}
		if !strings.Contains(r.log.String(), "retry topic not made") {
			t.Errorf("the log says nothing of it: %s", r.log)
		}
	})
}

// TestHeartbeatWithoutSubscriptions is 5.x's short form.
func TestHeartbeatWithoutSubscriptions(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		c.call(remoting.ReqHeartBeat, heartbeatOf("a", "CG", "CLUSTERING", "T"))
		c.pushes()
		c.call(remoting.ReqHeartBeat, `{"clientID":"a","withoutSub":true,"consumerDataSet":[{"groupName":"CG","messageModel":"CLUSTERING"}]}`)
		c.expect(c.call(remoting.ReqPullMessage, "", pullFields("T", "sysFlag", "0")...), remoting.RespPullNotFound, "")
		if got := c.pushes(); len(got) != 0 {
			t.Errorf("pushed %q", got)
		}
	})
}

// TestNewerSubscriptionWins: of one topic the newest version counts.
func TestNewerSubscriptionWins(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		c.send("T", "TagA", "a")
		c.send("T", "TagB", "b")
		beat := func(tag string, version int) {
			c.call(remoting.ReqHeartBeat, fmt.Sprintf(`{"clientID":"a","consumerDataSet":[{"groupName":"CG","messageModel":"CLUSTERING",
				"subscriptionDataSet":[{"topic":"T","subString":%q,"subVersion":%d}]}]}`, tag, version))
		}
		for _, step := range []struct {
			tag     string
			version int
			want    string
		}{{"TagA", 5, "a"}, {"TagB", 4, "a"}, {"TagB", 6, "b"}, {"*", 7, "a b"}} {
			beat(step.tag, step.version)
			resp := c.call(remoting.ReqPullMessage, "", pullFields("T", "sysFlag", "0", "subVersion", "4")...)
			if got := bodies(t, resp); got != step.want {
				t.Errorf("after %s with version %d the group pulls %q (%s), want %q", step.tag, step.version, got, resp.Remark, step.want)
			}
		}
	})
}

func TestCheckClientConfig(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		for body, want := range map[string]int32{
			`{"clientId":"a","group":"CG"}`: 0,
			`{"clientId":"a","group":"CG","subscriptionData":{"topic":"T","subString":"TagA","expressionType":"TAG"},"namespace":null}`: 0,
			`{"clientId":"a","group":"CG","subscriptionData":{"topic":"T","subString":"||"}}`:                                           23,
			`{"clientId":"a","group":"CG","subscriptionData":{"topic":"T","subString":"a = 1","expressionType":"SQL92"}}`:               0,
			`{"clientId":"a","group":"CG","subscriptionData":{"topic":"T","subString":"a = ","expressionType":"SQL92"}}`:                23,
			`{"clientId":"a","group":"CG","subscriptionData":{"topic":"T","subString":"a = 1","expressionType":"SQL99"}}`:               23,
			`{`: 1,
			`{"subscriptionData":{"subString":"` + strings.Repeat("(", maxJSONBody) + `","expressionType":"SQL92"}}`: 23,
		} {
			c.expect(c.call(remoting.ReqCheckClientConfig, body), want, "")
		}
	})
}

// FuzzBodies: no body of any request that has one does any harm.
func FuzzBodies(f *testing.F) {
	f.Add(uint8(0), []byte(heartbeatOf("a", "CG", "CLUSTERING", "T")))
	f.Add(uint8(1), []byte(`{"consumerGroup":"CG","clientId":"c1","mqSet":[{"topic":"T","brokerName":"broker-a","queueId":0}]}`))
	f.Add(uint8(3), []byte(`{"topic":"T","consumerGroup":"CG","clientId":"a","strategyName":"AVG","messageModel":"CLUSTERING"}`))
	f.Add(uint8(4), []byte(`{"clientId":"a","group":"CG","subscriptionData":{"topic":"T","subString":"TagA"}}`))
	f.Add(uint8(5), []byte(`{"topicConfigList":[{"topicName":"T","readQueueNums":4,"writeQueueNums":4,"perm":6,"attributes":{"+a":"b"}}]}`))
	f.Add(uint8(6), []byte(`{"groupName":"CG","consumeEnable":true}`))
	f.Add(uint8(7), []byte(`{"groupConfigList":[{"groupName":"CG"}]}`))
	codes := []int32{remoting.ReqHeartBeat, remoting.ReqLockBatchMQ, remoting.ReqUnlockBatchMQ, remoting.ReqQueryAssignment, remoting.ReqCheckClientConfig,
		remoting.ReqUpdateAndCreateTopicList, remoting.ReqUpdateAndCreateSubscriptiongroup, remoting.ReqUpdateAndCreateSubscriptiongroupList}
	r := newRig(f, nil)
	r.topic("T", 4)
	c := r.client()
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		c.t = t
		code := codes[int(which)%len(codes)]
		resp := c.call(code, string(body))
		if resp.Code != 0 && resp.Remark == "" {
			t.Errorf("%s: refused with %d and no reason", remoting.RequestName(code), resp.Code)
		}
		if resp.Code == 0 && len(resp.Body) > 0 && !json.Valid(resp.Body) {
			t.Errorf("%s: answered with %q, which is no JSON", remoting.RequestName(code), resp.Body)
		}
	})
}

// TestHeartbeatOfClientGo: its sets of codes are texts, and its versions count nanoseconds.
func TestHeartbeatOfClientGo(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		const beat = `{"clientID":"192.0.2.3@7","producerDataSet":[],"consumerDataSet":[{"groupName":"G","consumeType":"CONSUME_PASSIVELY",` +
			`"messageModel":"CLUSTERING","consumeFromWhere":"CONSUME_FROM_FIRST_OFFSET","unitMode":false,"subscriptionDataSet":[{"classFilterMode":false,` +
			`"topic":"T","subString":"TagA || TagB","tagsSet":["TagA","TagB"],"codeSet":["2598919","2598920"],"subVersion":1795404153807123456,"expressionType":"TAG"}]}]}`
		c.expect(c.call(remoting.ReqHeartBeat, beat), 0, "")
		resp := c.call(remoting.ReqGetConsumerConnectionList, "", "consumerGroup", "G")
		if want := `"codeSet":[2598919,2598920],"expressionType":"TAG","subString":"TagA || TagB","subVersion":1795404153807123456`; !strings.Contains(string(resp.Body), want) {
			t.Errorf("connections\n%s, want it to have\n%s", resp.Body, want)
		}
	})
}
