package interop

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/admin"
	"github.com/apache/rocketmq-client-go/v2/primitive"

	"pairmq/tools/interop/wire"
)

// TestGoAdmin has rocketmq-client-go's own admin client make a topic, look at what there is,
// and delete the topic.
func TestGoAdmin(t *testing.T) {
	tg := startTarget(t, map[string]string{"flushDiskType": "ASYNC_FLUSH"})
	c := dial(t, tg)
	ctx := within(t, time.Minute)
	if _, err := c.Do(ctx, goodGroup("GoAdmins")); err != nil {
		t.Fatal(err)
	}
	a, err := admin.NewAdmin(admin.WithResolver(primitive.NewPassthroughResolver([]string{tg.Namesrv})))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	const topic, queues = "GoMade", 5
	if err := a.CreateTopic(ctx, admin.WithTopicCreate(topic), admin.WithBrokerAddrCreate(tg.Broker), admin.WithReadQueueNums(queues), admin.WithWriteQueueNums(queues)); err != nil {
		t.Fatal(err)
	}
	w := &world{target: tg, conn: c}
	w.routed(ctx, t, topic)
	lists := func() bool {
		t.Helper()
		l, err := a.FetchAllTopicList(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Contains(l.TopicList, topic)
	}
	if !lists() {
		t.Error("the topic that was made is not listed")
	}
	all, err := a.FetchPublishMessageQueues(ctx, topic)
	if err != nil || len(all) != queues {
		t.Errorf("%d queues, want %d: %v", len(all), queues, err)
	}
	w.send(t, topic, 0, queues, queues)
	groups, err := a.GetAllSubscriptionGroup(ctx, tg.Broker, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if g, ok := groups.SubscriptionGroupTable["GoAdmins"]; !ok || g.RetryMaxTimes != 16 || !g.ConsumeEnable {
		t.Errorf("of the group it is told %+v", g)
	}
	if err := a.DeleteTopic(ctx, admin.WithTopicDelete(topic), admin.WithBrokerAddrDelete(tg.Broker), admin.WithNameSrvAddr([]string{tg.Namesrv})); err != nil {
		t.Fatal(err)
	}
	if lists() {
		t.Error("the topic that was deleted is listed")
	}
	if topics, err := c.Do(ctx, wire.NewCommand(wire.AllTopics)); err != nil || bytes.Contains(topics.Body, []byte(topic)) {
		t.Errorf("the broker has the topic that was deleted: %v", err)
	}
}
