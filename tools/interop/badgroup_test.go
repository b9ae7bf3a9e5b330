package interop

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"pairmq/tools/interop/target"
	"pairmq/tools/interop/wire"
)

// groupNames are the names in an answer that has all groups.
func groupNames(t *testing.T, body []byte) []string {
	t.Helper()
	var all struct {
		Table map[string]struct{} `json:"subscriptionGroupTable"`
	}
	if err := json.Unmarshal(body, &all); err != nil {
		t.Fatalf("%v in %.200s", err, body)
	}
	return slices.Sorted(maps.Keys(all.Table))
}

// badGroups makes groups that are called as a topic or group of the broker's own, has them do
// what touches topics and offsets of a name, and deletes them: what the broker keeps under
// that name goes on.
func badGroups(ctx context.Context, t *testing.T, tg *target.Target) {
	for _, group := range []string{"SCHEDULE_TOPIC_XXXX", "RMQ_SYS_TRANS_HALF_TOPIC", "RMQ_SYS_TRANS_OP_HALF_TOPIC", "rmq_sys_wheel_timer", "CID_RMQ_SYS_TRANS"} {
		t.Run("group called "+group, func(t *testing.T) {
			if tg.Kind != target.Pairmq && group != "SCHEDULE_TOPIC_XXXX" {
				t.Skip("Apache's keeps offsets of its own by these names")
			}
			c := dial(t, tg)
			topic := "BadNamed_" + group
			if err := c.CreateTopic(ctx, topic, 1); err != nil {
				t.Fatal(err)
			}
			waits := promised(ctx, t, tg, c, topic)
			sent, err := c.Send(ctx, wire.Message{Topic: topic, Body: []byte("refused")})
			if err != nil {
				t.Fatal(err)
			}
			phy := phyOf(t, sent)
			for _, req := range []*wire.Command{
				goodGroup(group),
				wire.NewCommand(wire.UpdateConsumerOff, "consumerGroup", group, "topic", topic, "queueId", 0, "commitOffset", 1),
				wire.NewCommand(wire.UpdateConsumerOff, "consumerGroup", group, "topic", group, "queueId", 0, "commitOffset", 1000),
				wire.NewCommand(wire.SendBack, "offset", phy, "group", group, "delayLevel", 1, "originMsgId", "", "originTopic", topic, "unitMode", false, "maxReconsumeTimes", 16),
				wire.NewCommand(wire.SendBack, "offset", phy, "group", group, "delayLevel", -1, "originMsgId", "", "originTopic", topic, "unitMode", false, "maxReconsumeTimes", 16),
				wire.NewCommand(wire.ResetOffset, "topic", topic, "group", group, "timestamp", 1, "isForce", true),
				wire.NewCommand(wire.ResetOffset, "topic", group, "group", group, "timestamp", 1, "isForce", true),
				wire.NewCommand(wire.DeleteGroup, "groupName", group, "cleanOffset", true),
			} {
				if got := answer(ctx, t, tg, req); got == closed {
					t.Errorf("request %d is answered by %d", req.Code, got)
				}
			}
			waits()
			promised(ctx, t, tg, c, topic)()
			stillServes(ctx, t, tg)
		})
	}
}

// promised sends a message that waits a second, by a level and by a time, and a transaction;
// what it returns waits until all have come.
func promised(ctx context.Context, t *testing.T, tg *target.Target, c *wire.Conn, topic string) (arrive func()) {
	t.Helper()
	before, err := c.MaxOffset(ctx, topic, 0)
	if err != nil {
		t.Fatal(err)
	}
	for body, properties := range map[string]map[string]string{"by a level": {"DELAY": "1"}, "by a time": {"TIMER_DELAY_MS": "1500"}} {
		if tg.Kind != target.Pairmq && body == "by a time" {
			continue // 4.x has none, and what is popped by wrong requests above keeps 5.4.0's from them
		}
		if _, err := c.Send(ctx, wire.Message{Topic: topic, Body: []byte(body), Properties: properties}); err != nil {
			t.Fatal(err)
		}
	}
	half, err := c.Send(ctx, wire.Message{Topic: topic, SysFlag: 4, Body: []byte("committed"), Properties: map[string]string{"TRAN_MSG": "true", "PGROUP": "BadNamed", "UNIQ_KEY": fmt.Sprint(topic, before)}})
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if _, err := c.Do(ctx, wire.NewCommand(wire.EndTransaction, "producerGroup", "BadNamed", "tranStateTableOffset", half.QueueOffset,
			"commitLogOffset", phyOf(t, half), "commitOrRollback", 8, "fromTransactionCheck", false, "msgId", fmt.Sprint(topic, before), "transactionId", "")); err != nil {
			t.Error(err)
		}
		eventually(within(t, 20*time.Second), t, "what was sent before", func() error {
			records, err := c.PullAll(ctx, topic, 0, before)
			came := map[string]int{}
			for _, r := range records {
				came[string(r.Body)]++
			}
			if err == nil && (came["by a level"] != 1 || came["by a time"] != 1 && tg.Kind == target.Pairmq || came["committed"] != 1) {
				err = fmt.Errorf("%v came", came)
			}
			return err
		})
	}
}

// phyOf is where in the log a message is, which its id says.
func phyOf(t *testing.T, r wire.Receipt) int64 {
	t.Helper()
	if len(r.MsgID) != 32 {
		t.Fatalf("no place in the id %q", r.MsgID)
	}
	phy, err := strconv.ParseInt(r.MsgID[16:], 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return phy
}
