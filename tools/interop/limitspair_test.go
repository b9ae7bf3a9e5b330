package interop

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/pair"
	"pairmq/tools/interop/target"
	"pairmq/tools/interop/wire"
)

// limitsPair has each client do what a broker allows and what it does not: the new master,
// whose topics and groups are the old one's, answers as that did.
type limitsPair struct {
	*failover
	limits agents.Limits
}

func (l *limitsPair) before(t *testing.T) {
	l.limits = agents.Limits{Group: "Limits", Topic: "Limits", ReadOnly: "LimitsRead", WriteOnly: "LimitsWritten", Forbidden: "LimitsForbidden", MaxBody: pair.MaxMessageSize}
	for _, topic := range []string{l.limits.Topic, l.limits.ReadOnly, l.limits.WriteOnly} {
		l.topic(t, topic, 1)
		l.send(t, topic, 0, 1, 1)
	}
	ctx := within(t, 30*time.Second)
	group := wire.NewCommand(wire.UpdateGroup)
	var err error
	group.Body, err = json.Marshal(map[string]any{"groupName": l.limits.Forbidden, "consumeEnable": false, "consumeFromMinEnable": true, "consumeBroadcastEnable": true,
		"retryQueueNums": 1, "retryMaxTimes": 16, "brokerId": 0, "whichBrokerWhenConsumeSlowly": 1})
	if err != nil {
		t.Fatal(err)
	}
	perm := func(topic string, perm int) *wire.Command {
		return wire.NewCommand(wire.UpdateTopic, "topic", topic, "defaultTopic", "TBW102", "readQueueNums", 1, "writeQueueNums", 1, "perm", perm,
			"topicFilterType", "SINGLE_TAG", "topicSysFlag", 0, "order", false)
	}
	for _, req := range []*wire.Command{group, perm(l.limits.ReadOnly, 4), perm(l.limits.WriteOnly, 2)} {
		if _, err := l.conn.Do(ctx, req); err != nil {
			t.Fatal(err)
		}
	}
	l.tried(t)
}

// after has clients try the same with the new master, and hands it what no client sends.
func (l *limitsPair) after(t *testing.T) {
	l.tried(t)
	if l.master.Kind != target.Pairmq {
		return
	}
	ctx := within(t, time.Minute)
	if err := l.conn.CreateTopic(ctx, "Bad", 4); err != nil {
		t.Fatal(err)
	}
	tg := &target.Target{Kind: target.Pairmq, Namesrv: l.namesrv.Addr, Broker: l.master.Addr}
	for _, bad := range badRequests(pair.MaxMessageSize) {
		if got := answer(ctx, t, tg, bad.req); !slices.Contains(bad.codes, got) {
			t.Errorf("%s: answer %d, want one of %v", bad.name, got, bad.codes)
		}
	}
	stillServes(ctx, t, tg)
}

// tried compares what each client is answered with what RocketMQ answers. To a topic whose
// route says that it is only read clients do not send.
func (l *limitsPair) tried(t *testing.T) {
	t.Helper()
	const forbidden, illegal, unsent = "code 16", "code 13", "failed: "
	for _, client := range l.clients {
		want := map[string]string{
			"small body": "SEND_OK", "largest body": "SEND_OK", "body too large": illegal, "property too long": illegal,
			"send to read": unsent, "send to written": "SEND_OK",
			"pull of read": "FOUND", "pull of written": forbidden, "pull of forbidden": forbidden,
		}
		got, err := client.Tries(within(t, 2*time.Minute), l.limits)
		if err != nil {
			t.Fatal(err)
		}
		for what, answer := range want {
			if got[what] != answer && (answer != unsent || !strings.HasPrefix(got[what], unsent)) {
				t.Errorf("%s, %s: %s, want %s", client.Name, what, got[what], answer)
			}
		}
	}
}
