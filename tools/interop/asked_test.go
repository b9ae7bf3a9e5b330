package interop

import (
	"encoding/json"
	"fmt"
	"regexp"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/verify"
	"pairmq/tools/interop/wire"
)

// What the broker has consumers do for an operator.
const (
	consumerConnections = 203
	consumerStatusOf    = 223 // INVOKE_BROKER_TO_GET_CONSUMER_STATUS
	runningInfo         = 307
	consumeDirectly     = 309
)

// asked has the broker ask a consumer what it is at, how far it is, and to consume a message
// once more there and then.
func asked(t *testing.T, w *world, client *agents.Agent) {
	const queues, n = 1, 12
	topic := name(t)
	group := "C_" + topic
	w.topic(t, topic, queues)
	sent := w.send(t, topic, 0, n, queues)
	ctx := within(t, 2*time.Minute)
	c, err := client.Push(ctx, agents.Subscription{Group: group, Topic: topic, Instance: topic})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(ctx, distinct(n)); err != nil {
		t.Fatal(err)
	}
	ids := clientIDs(t, w, group)
	if len(ids) != 1 {
		t.Fatalf("%v are online, want one", ids)
	}
	info, err := w.conn.Do(ctx, wire.NewCommand(runningInfo, "consumerGroup", group, "clientId", ids[0], "jstackEnable", true))
	if err != nil {
		t.Fatal(err)
	}
	// The client's own words: Java's JSON has objects as keys, which is none.
	for _, want := range []string{`"PROP_CONSUMEORDERLY"\s*:\s*"false"`, regexp.QuoteMeta(topic), `"subscriptionSet"`} {
		if !regexp.MustCompile(want).Match(info.Body) {
			t.Errorf("nothing matches %s in its running info %.400q", want, info.Body)
		}
	}
	status, err := w.conn.Do(ctx, wire.NewCommand(consumerStatusOf, "topic", topic, "group", group, "clientAddr", ""))
	if err != nil || !regexp.MustCompile(regexp.QuoteMeta(ids[0])).Match(status.Body) {
		t.Errorf("how far it is: %+v, %v", status, err)
	}
	done, err := w.conn.Do(ctx, wire.NewCommand(consumeDirectly, "consumerGroup", group, "clientId", ids[0], "msgId", sent[7].MsgID, "brokerName", "elsewhere", "topic", topic))
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`"consumeResult"\s*:\s*("CR_SUCCESS"|0)`).Match(done.Body) {
		t.Errorf("consuming directly ends with %.400q", done.Body)
	}
	if err := c.Wait(ctx, func(got []verify.Got) bool { return len(got) > n }); err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(ctx); err != nil {
		t.Error(err)
	}
	if got := c.Got(); len(got) != n+1 || got[n].Index != 7 {
		t.Errorf("%d deliveries, the last of message %d; want %d, of message 7", len(got), got[len(got)-1].Index, n+1)
	}
}

// clientIDs are the consumers of a group that are online, once there are some.
func clientIDs(t *testing.T, w *world, group string) (ids []string) {
	t.Helper()
	ctx := within(t, time.Minute)
	eventually(ctx, t, "a consumer of "+group, func() error {
		resp, err := w.conn.Do(ctx, wire.NewCommand(consumerConnections, "consumerGroup", group))
		if err != nil {
			return err
		}
		var all struct {
			Connections []struct {
				ClientID string `json:"clientId"`
			} `json:"connectionSet"`
		}
		if err := json.Unmarshal(resp.Body, &all); err != nil {
			return fmt.Errorf("%w in %.200s", err, resp.Body)
		}
		for _, c := range all.Connections {
			ids = append(ids, c.ClientID)
		}
		return nil
	})
	return ids
}
