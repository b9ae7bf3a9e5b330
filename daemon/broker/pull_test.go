package broker

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store"
	"pairmq/store/record"
	"pairmq/store/table"
)

// bodies returns the bodies of the records in an answer to a pull.
func bodies(t testing.TB, resp *remoting.Command) string {
	t.Helper()
	var all []string
	for b := resp.Body; len(b) > 0; {
		v, err := record.Parse(b, record.Limits{})
		if err != nil {
			t.Fatalf("the answer has no record at byte %d: %v", len(resp.Body)-len(b), err)
		}
		all = append(all, string(v.Body()))
		b = b[v.Size():]
	}
	return strings.Join(all, " ")
}

// offsets returns the header fields of an answer to a pull.
func offsets(resp *remoting.Command) string {
	f := resp.Fields
	return fmt.Sprintf("%s %s..%s from broker %s", f.Get("nextBeginOffset"), f.Get("minOffset"), f.Get("maxOffset"), f.Get("suggestWhichBrokerId"))
}

// TestPullOutcomes is reference semantics: what each position in a queue gives.
func TestPullOutcomes(t *testing.T) {
	tests := []struct {
		name    string
		changes []string
		code    int32
		remark  string
		offsets string
		bodies  string
	}{
		{"all", nil, 0, "FOUND", "13 10..13 from broker 0", "m0 m1 m2"},
		{"from the middle", []string{"queueOffset", "12"}, 0, "FOUND", "13 10..13 from broker 0", "m2"},
		{"two of three", []string{"maxMsgNums", "2"}, 0, "FOUND", "12 10..13 from broker 0", "m0 m1"},
		{"few bytes", []string{"maxMsgBytes", "1"}, 0, "FOUND", "11 10..13 from broker 0", "m0"},
		{"one tag", []string{"subscription", "TagB || TagC"}, 0, "FOUND", "13 10..13 from broker 0", "m1"},
		{"a tag nobody has", []string{"subscription", "TagX"}, 20, "NO_MATCHED_MESSAGE", "13 10..13 from broker 0", ""},
		{"at the end", []string{"queueOffset", "13"}, 19, "OFFSET_OVERFLOW_ONE", "13 10..13 from broker 0", ""},
		{"beyond the end", []string{"queueOffset", "14"}, 21, "OFFSET_OVERFLOW_BADLY", "13 10..13 from broker 0", ""},
		{"before the start", []string{"queueOffset", "9"}, 21, "OFFSET_TOO_SMALL", "10 10..13 from broker 0", ""},
		{"negative", []string{"queueOffset", "-1"}, 21, "OFFSET_TOO_SMALL", "10 10..13 from broker 0", ""},
		{"a queue never used", []string{"queueId", "1", "queueOffset", "0"}, 19, "NO_MATCHED_LOGIC_QUEUE", "0 0..0 from broker 0", ""},
		{"a queue never used, elsewhere", []string{"queueId", "1", "queueOffset", "5"}, 21, "NO_MATCHED_LOGIC_QUEUE", "0 0..0 from broker 0", ""},
		{"an empty queue", []string{"queueId", "2", "queueOffset", "0"}, 19, "NO_MESSAGE_IN_QUEUE", "0 0..0 from broker 0", ""},
	}
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 4)
		r.st.queues[queueKey{"T", 0}], r.st.queues[queueKey{"T", 2}] = &fakeQueue{min: 10}, &fakeQueue{}
		c := r.client()
		for i, tag := range []string{"TagA", "TagB", ""} {
			c.send("T", tag, fmt.Sprint("m", i))
		}
		for _, code := range []int32{remoting.ReqPullMessage, remoting.ReqLitePullMessage} {
			for _, test := range tests {
				resp := c.call(code, "", pullFields("T", append([]string{"queueOffset", "10"}, test.changes...)...)...)
				if resp.Code != test.code || resp.Remark != test.remark || offsets(resp) != test.offsets || bodies(t, resp) != test.bodies {
					t.Errorf("%s: answered %d %s, %s, %q, want %d %s, %s, %q", test.name,
						resp.Code, resp.Remark, offsets(resp), bodies(t, resp), test.code, test.remark, test.offsets, test.bodies)
				}
			}
		}
	})
}

// TestPullCodes covers the statuses that the fake store does not give.
func TestPullCodes(t *testing.T) {
	for s, want := range map[store.Status]int32{store.MessageWasRemoving: 20, store.OffsetFoundNull: 19, store.Status(99): 21} {
		if got := pullCode(s, 7); got != want {
			t.Errorf("pullCode(%v) = %d, want %d", s, got, want)
		}
	}
}

// TestPullAroundWhatIsLost: a pull that found nothing but lost messages is answered at
// once, with the code on which clients go on at nextBeginOffset, also if it may wait.
func TestPullAroundWhatIsLost(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 4)
		r.st.getRes = &store.Result{Status: store.MessageWasRemoving, NextBeginOffset: 17, MinOffset: 10, MaxOffset: 40}
		c := r.client()
		for _, filter := range []string{"*", "TagA"} {
			for _, sysFlag := range []int32{pullSubscribes, pullSubscribes | pullSuspends} {
				began := time.Now()
				resp := c.call(remoting.ReqPullMessage, "", pullFields("T", "queueOffset", "12", "subscription", filter,
					"sysFlag", fmt.Sprint(sysFlag), "suspendTimeoutMillis", "15000")...)
				if resp.Code != remoting.RespPullRetryImmediately || offsets(resp) != "17 10..40 from broker 0" || len(resp.Body) > 0 || time.Since(began) > 0 {
					t.Errorf("%s, sysFlag %d: answered %d %s, %s, %d bytes, after %v", filter, sysFlag, resp.Code, resp.Remark, offsets(resp), len(resp.Body), time.Since(began))
				}
			}
		}
	})
}

// TestPullRefused goes through RocketMQ's checks in their order.
func TestPullRefused(t *testing.T) {
	tests := []struct {
		name    string
		changes []string
		code    int32
		words   string
	}{
		{"no group", []string{"consumerGroup", "-"}, 1, "consumerGroup is missing"},
		{"no version", []string{"subVersion", "-"}, 1, "subVersion is missing"},
		{"offset is no number", []string{"queueOffset", "x"}, 1, "queueOffset"},
		{"byte cap is no number", []string{"maxMsgBytes", "x"}, 1, "maxMsgBytes"},
		{"hold is no number", []string{"suspendTimeoutMillis", "x"}, 1, "suspendTimeoutMillis"},
		{"bad group", []string{"consumerGroup", "no group"}, 26, "no group"},
		{"group that may not consume", []string{"consumerGroup", "Off"}, 16, "Off"},
		{"no topic", []string{"topic", "../x"}, 17, "../x"},
		{"topic to write only", []string{"topic", "WriteOnly"}, 16, "WriteOnly"},
		{"negative queue", []string{"queueId", "-1"}, 29, "-1"},
		{"queue beyond", []string{"queueId", "4"}, 29, "4 queues"},
		{"no tag", []string{"subscription", " || "}, 23, "||"},
		{"too many tags", []string{"subscription", strings.Repeat("t||", maxTags+1)}, 23, "1024"},
		{"wrong expression", []string{"expressionType", "SQL92", "subscription", "a >"}, 23, "invalid SQL92 expression: at byte 3"},
		{"no expression", []string{"expressionType", "SQL92", "subscription", ""}, 23, "invalid SQL92 expression"},
		{"another language", []string{"expressionType", "JS", "subscription", "1"}, 23, "JS"},
		{"no heartbeat", []string{"sysFlag", "0"}, 24, "no consumer of group CG"},
	}
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 4)
		_ = r.st.PutTopic(table.Topic{Name: "WriteOnly", ReadQueueNums: 4, Perm: table.PermWrite})
		_ = r.st.PutGroup(table.Group{Name: "Off"})
		c := r.client()
		for _, test := range tests {
			resp := c.call(remoting.ReqPullMessage, "", pullFields("T", test.changes...)...)
			if resp.Code != test.code || !strings.Contains(resp.Remark, test.words) {
				t.Errorf("%s: answered %d %q, want %d with %q", test.name, resp.Code, resp.Remark, test.code, test.words)
			}
		}
		if r.st.gets != 0 {
			t.Errorf("the store was read %d times", r.st.gets)
		}
		r.st.getErr = fmt.Errorf("read /var/lib/pairmq/commitlog: input/output error")
		resp := c.call(remoting.ReqPullMessage, "", pullFields("T")...)
		c.expect(resp, remoting.RespSystemError, "its log says why")
	})
	bubble(t, func(o *Options, _ *fakeStore) { o.Perm = table.PermWrite }, func(t *testing.T, r *rig) {
		c := r.client()
		c.expect(c.call(remoting.ReqPullMessage, "", pullFields("T")...), remoting.RespNoPermission, "broker-a")
	})
}

func TestPullMakesGroups(t *testing.T) {
	bubble(t, func(o *Options, _ *fakeStore) { o.MaxGroups = 2 }, func(t *testing.T, r *rig) {
		r.topic("T", 4)
		c := r.client()
		for _, group := range []string{"CG", "TOOLS_CONSUMER", "CG2"} {
			c.expect(c.call(remoting.ReqPullMessage, "", pullFields("T", "consumerGroup", group)...), remoting.RespPullNotFound, "")
		}
		c.expect(c.call(remoting.ReqPullMessage, "", pullFields("T", "consumerGroup", "CG3")...), remoting.RespSubscriptionGroupNotExist, "2 subscription groups")
		if _, ok := r.st.Group("TOOLS_CONSUMER"); ok || len(r.st.groups) != 2 {
			t.Errorf("made %v, want CG and CG2", r.st.groups)
		}
	})
	bubble(t, func(o *Options, _ *fakeStore) { o.NoAutoCreateGroup = true }, func(t *testing.T, r *rig) {
		r.topic("T", 4)
		c := r.client()
		c.expect(c.call(remoting.ReqPullMessage, "", pullFields("T")...), remoting.RespSubscriptionGroupNotExist, "CG")
		c.expect(c.call(remoting.ReqPullMessage, "", pullFields("T", "consumerGroup", "TOOLS_CONSUMER")...), remoting.RespPullNotFound, "")
	})
}

// TestPullCommits: a pull may carry the offset that its group has consumed.
func TestPullCommits(t *testing.T) {
	tests := []struct {
		id      int64
		sysFlag string
		offset  string
		want    int64 // -1: nothing committed
	}{{0, "5", "7", 7}, {0, "4", "7", -1}, {0, "5", "-3", -1}, {1, "5", "7", -1}}
	for _, test := range tests {
		bubble(t, func(o *Options, _ *fakeStore) { o.ID = test.id }, func(t *testing.T, r *rig) {
			r.topic("T", 4)
			c := r.client()
			c.expect(c.call(remoting.ReqPullMessage, "", pullFields("T", "sysFlag", test.sysFlag, "commitOffset", test.offset)...), remoting.RespPullNotFound, "")
			got, ok := r.st.Offset("CG", "T", 0)
			if !ok {
				got = -1
			}
			if got != test.want {
				t.Errorf("%+v: committed %d", test, got)
			}
		})
	}
}

// TestPullBySubscription: the filter comes from the heartbeat of the group.
func TestPullBySubscription(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		c.send("TopicTest", "TagA", "a")
		c.send("TopicTest", "TagC", "c")
		c.expect(c.do(golden(t, "v4-heartbeat-push-consumer")), 0, "")
		req := golden(t, "v4-pull-request")
		for i := range req.Fields {
			switch f := &req.Fields[i]; f.Key {
			case "queueId", "sysFlag":
				f.Value = "0"
			case "subVersion":
				f.Value = "1795404153807" // what the captured heartbeat says
			}
		}
		if resp := c.do(req); resp.Code != 0 || bodies(t, resp) != "a" || offsets(resp) != "2 0..2 from broker 0" {
			t.Errorf("answered %d %s, %s, %q, want a", resp.Code, resp.Remark, offsets(resp), bodies(t, resp))
		}
		pull := func(changes ...string) *remoting.Command {
			return c.call(remoting.ReqPullMessage, "", pullFields("TopicTest", append([]string{"consumerGroup", "CG1", "sysFlag", "0"}, changes...)...)...)
		}
		c.expect(pull("subVersion", "1795404153808"), remoting.RespSubscriptionNotLatest, "1795404153807")
		c.expect(pull("topic", "TBW102"), remoting.RespSubscriptionNotExist, "TBW102")
		g := table.DefaultGroup("CG1")
		g.ConsumeBroadcastEnable = false
		_ = r.st.PutGroup(g)
		c.expect(pull(), 0, "FOUND")
		c.call(remoting.ReqHeartBeat, heartbeatOf("c1", "CG1", "BROADCASTING", "TopicTest"))
		c.expect(pull(), remoting.RespNoPermission, "broadcast")
	})
}

func TestGoldenLitePull(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		c.send("TopicTest", "TagA", "a")
		if resp := c.do(golden(t, "v5-lite-pull-request")); resp.Code != 0 || bodies(t, resp) != "a" {
			t.Errorf("answered %d %s, want a", resp.Code, resp.Remark)
		}
	})
}

func TestParseTags(t *testing.T) {
	tests := []struct {
		expression, tags string
		pass, stop       string
	}{
		{"*", "[]", "TagX", ""}, {"", "[]", "TagX", ""},
		{"TagA", "[TagA]", "TagA", "TagB"},
		{" TagA||TagB || ", "[TagA TagB]", "TagB", "TagD"},
		{"Ää||𝄞", "[Ää 𝄞]", "𝄞", "Ä"},
	}
	for _, test := range tests {
		tags, err := parseTags(test.expression)
		if err != nil || fmt.Sprint(tags) != test.tags {
			t.Errorf("parseTags(%q) = %q, %v, want %s", test.expression, tags, err, test.tags)
		}
		f := filterOf(tags)
		if f != nil && (!f.Match(record.TagsCode(test.pass)) || f.Match(record.TagsCode(test.stop))) {
			t.Errorf("%q: the filter is wrong", test.expression)
		}
		if f == nil && test.stop != "" {
			t.Errorf("%q filters nothing", test.expression)
		}
	}
	many := make([]string, 20)
	for i := range many {
		many[i] = fmt.Sprint("Tag", i)
	}
	f := filterOf(many)
	if !f.Match(record.TagsCode("Tag17")) || f.Match(record.TagsCode("Tag20")) || f.Match(math.MaxInt32) {
		t.Error("a filter of 20 tags is wrong")
	}
	if got := int32(record.TagsCode("TagA")); got != 2598919 {
		t.Errorf("hash of TagA is %d, Java's is 2598919", got)
	}
}
