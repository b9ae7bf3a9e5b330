package interop

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/target"
	"pairmq/tools/interop/wire"
)

// What brokers take by default, and 5.4.0's clients, which allow groups shorter names than
// brokers and other clients do, in bytes.
const (
	maxMessageSize = 4 << 20
	maxTopicName   = 127
	maxGroupName   = 120
)

// limits has a client do what a broker allows and what it does not: sizes, names, permissions
// of topics, and of groups.
func limits(t *testing.T, w *world, client *agents.Agent) {
	topic := name(t)
	l := agents.Limits{Group: "C_" + topic, Topic: topic, ReadOnly: topic + "_Read", WriteOnly: topic + "_Written", Forbidden: "F_" + topic, MaxBody: maxMessageSize}
	l.Longest = topic + "_" + strings.Repeat("T", maxTopicName-len(topic)-1)
	l.LongestGroup = topic + "_" + strings.Repeat("G", maxGroupName-len(topic)-1)
	for _, topic := range []string{l.Topic, l.ReadOnly, l.WriteOnly, l.Longest} {
		w.topic(t, topic, 1)
		w.send(t, topic, 0, 1, 1)
	}
	w.permit(t, l.ReadOnly, 4)
	w.permit(t, l.WriteOnly, 2)
	w.allow(t, l.Forbidden, false, true)
	const forbidden, illegal = "code 16", "code 13"
	want := map[string]string{
		"small body": "SEND_OK", "largest body": "SEND_OK", "body too large": illegal, "property too long": illegal,
		"send to read": "failed: ", "send to written": "SEND_OK", // clients do not send where the route says so
		"pull of read": "FOUND", "pull of written": forbidden, "pull of forbidden": forbidden,
		"send to longest name": "SEND_OK", "send to name too long": "failed: ", "send to the broker's own": "failed: ", "pull by longest group": "FOUND",
	}
	if !client.Java { // Java's send neither
		want["send to the broker's own"] = forbidden
		want["send to name too long"] = "code 29"
		if w.target.Kind != target.Pairmq {
			want["send to name too long"] = "code 1"
		}
	}
	got, err := client.Tries(within(t, 3*time.Minute), l)
	if err != nil {
		t.Fatal(err)
	}
	for what, answer := range want {
		if got[what] != answer && (answer != "failed: " || !strings.HasPrefix(got[what], answer)) {
			t.Errorf("%s: %s, want %s", what, got[what], answer)
		}
	}
	notByBroadcast(t, w, client, topic)
}

// notByBroadcast has two consumers by broadcast, of which one may not: it gets nothing until
// it may.
func notByBroadcast(t *testing.T, w *world, client *agents.Agent, topic string) {
	t.Helper()
	const n = 20
	topic += "_Broadcast"
	w.topic(t, topic, 1)
	sent := w.send(t, topic, 0, n, 1)
	may, mayNot := "M_"+topic, "N_"+topic
	w.allow(t, may, true, true)
	w.allow(t, mayNot, true, false)
	ctx := within(t, 3*time.Minute)
	var consumers []*agents.Consumer
	for _, group := range []string{mayNot, may} {
		c, err := client.Push(ctx, agents.Subscription{Group: group, Topic: topic, Broadcast: true, Instance: group})
		if err != nil {
			t.Fatal(err)
		}
		if clientIDs(t, w, group) == nil {
			t.Fatalf("no consumer of %s is online", group)
		}
		consumers = append(consumers, c)
	}
	if err := consumers[1].Wait(ctx, distinct(n)); err != nil {
		t.Fatal(err)
	}
	if got := consumers[0].Delivered(); got != 0 {
		t.Errorf("a group that may not consume by broadcast got %d messages", got)
	}
	w.allow(t, mayNot, true, true)
	waited := consumers[0].Wait(ctx, distinct(len(sent)))
	for _, c := range consumers {
		if err := c.Stop(ctx); err != nil {
			t.Error(err)
		}
	}
	if waited != nil {
		t.Error(waited)
	}
}

// permit gives a topic a permission, and waits until the name server knows of it.
func (w *world) permit(t *testing.T, topic string, perm int) {
	t.Helper()
	ctx := within(t, 30*time.Second)
	req := wire.NewCommand(wire.UpdateTopic, "topic", topic, "defaultTopic", "TBW102", "readQueueNums", 1, "writeQueueNums", 1, "perm", perm,
		"topicFilterType", "SINGLE_TAG", "topicSysFlag", 0, "order", false)
	if _, err := w.conn.Do(ctx, req); err != nil {
		t.Fatal(err)
	}
	ns, err := wire.Dial(ctx, w.target.Namesrv)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	eventually(ctx, t, "the permission of "+topic, func() error {
		route, err := ns.Do(ctx, wire.NewCommand(wire.RouteByTopic, "topic", topic))
		if err == nil && !strings.Contains(string(route.Body), fmt.Sprintf(`"perm":%d`, perm)) {
			err = errors.New(string(route.Body))
		}
		return err
	})
}

// allow makes a group that may consume, and by broadcast, or may not.
func (w *world) allow(t *testing.T, group string, consume, broadcast bool) {
	t.Helper()
	req := wire.NewCommand(wire.UpdateGroup)
	var err error
	req.Body, err = json.Marshal(map[string]any{"groupName": group, "consumeEnable": consume, "consumeFromMinEnable": true, "consumeBroadcastEnable": broadcast,
		"retryQueueNums": 1, "retryMaxTimes": 16, "brokerId": 0, "whichBrokerWhenConsumeSlowly": 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.conn.Do(within(t, 30*time.Second), req); err != nil {
		t.Fatal(err)
	}
}
