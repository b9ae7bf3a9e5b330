package interop

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"pairmq/tools/interop/target"
	"pairmq/tools/interop/wire"
)

// badResets resets a group that has consumed one message of two in each queue to times that
// there are not, and looks where it is then.
func badResets(ctx context.Context, t *testing.T, tg *target.Target) {
	const queues = 4
	never := time.Now().AddDate(1000, 0, 0).UnixMilli()
	for i, tc := range []struct {
		name      string
		timestamp any
		force     bool
		codes     []int
		apache    []int
		at        int64 // where the group is then; below 0: at the end
	}{
		{"to the future", never, true, []int{wire.Success}, []int{wire.SystemError}, -1},
		{"to the future but not on", never, false, []int{wire.Success}, []int{wire.SystemError}, 1},
		{"to a time that is no number", "now", true, []int{wire.SystemError}, []int{wire.Success, closed}, 1},
		{"to before all times", int64(-1 << 63), true, []int{wire.Success}, []int{wire.SystemError}, -1},
	} {
		t.Run("reset "+tc.name, func(t *testing.T) {
			c := dial(t, tg)
			topic, group := fmt.Sprint("BadReset", i), fmt.Sprint("BadReset", i)
			if err := c.CreateTopic(ctx, topic, queues); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Do(ctx, goodGroup(group)); err != nil {
				t.Fatal(err)
			}
			for q := range int32(queues) {
				for range 2 {
					if _, err := c.Send(ctx, wire.Message{Topic: topic, QueueID: q, Body: []byte("old")}); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := c.Do(ctx, wire.NewCommand(wire.UpdateConsumerOff, "consumerGroup", group, "topic", topic, "queueId", q, "commitOffset", 1)); err != nil {
					t.Fatal(err)
				}
			}
			got := answer(ctx, t, tg, wire.NewCommand(wire.ResetOffset, "topic", topic, "group", group, "timestamp", tc.timestamp, "isForce", tc.force))
			if !slices.Contains(tc.codes, got) && (tg.Kind == target.Pairmq || got != wire.ConsumerNotOnline && !slices.Contains(tc.apache, got)) { // 4.x has consumers do it
				t.Errorf("answer %d, want one of %v", got, tc.codes)
			}
			for q := range int32(queues) {
				at, _, err := c.ConsumerOffset(ctx, group, topic, q)
				if err != nil {
					t.Fatal(err)
				}
				want := tc.at
				if want < 0 {
					if want, err = c.MaxOffset(ctx, topic, q); err != nil || want != 2 {
						t.Fatalf("queue %d ends at %d: %v", q, want, err)
					}
				}
				if at != want && tg.Kind == target.Pairmq { // 4.x waits for consumers that obey
					t.Errorf("queue %d: the group is at %d, want %d", q, at, want)
				}
			}
			if r, err := c.Send(ctx, wire.Message{Topic: topic, QueueID: 0, Body: []byte("new")}); err != nil || r.QueueOffset != 2 {
				t.Fatalf("%+v, %v", r, err)
			}
			p, err := c.Pull(ctx, group, topic, 0, 2, 5*time.Second)
			if tg.Kind == target.Pairmq && (err != nil || len(p.Records) != 1 || string(p.Records[0].Body) != "new") { // 5.x has whoever pulls go on first
				t.Errorf("what comes after is pulled as %+v, %v", p, err)
			}
			stillServes(ctx, t, tg)
		})
	}
	t.Run("reset of a group that is not there", func(t *testing.T) {
		c := dial(t, tg)
		got := answer(ctx, t, tg, wire.NewCommand(wire.ResetOffset, "topic", "Bad", "group", "Nobody", "timestamp", 0, "isForce", true))
		if got != wire.GroupNotExist && (tg.Kind == target.Pairmq || got != wire.SystemError) {
			t.Errorf("answer %d, want %d", got, wire.GroupNotExist)
		}
		groups, err := c.Do(ctx, wire.NewCommand(wire.AllGroups))
		if err != nil || tg.Kind == target.Pairmq && slices.Contains(groupNames(t, groups.Body), "Nobody") {
			t.Errorf("it is there now, %v", err)
		}
		stillServes(ctx, t, tg)
	})
}
