package interop

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/admin"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/rlog"

	"pairmq/tools/interop/target"
	"pairmq/tools/interop/verify"
	"pairmq/tools/interop/wire"
)

const (
	goMadeTopic = "MadeByGo"
	goMadeGroup = "ReadsMadeByGo"
)

// goAdminPair has rocketmq-client-go's admin client make a topic at the old master, see it at both,
// and delete it at the new one.
type goAdminPair struct{ *failover }

// goAdmin is all that the admin client does; it is of a type that has no name outside.
type goAdmin interface {
	CreateTopic(context.Context, ...admin.OptionCreate) error
	DeleteTopic(context.Context, ...admin.OptionDelete) error
	GetAllSubscriptionGroup(ctx context.Context, broker string, timeout time.Duration) (*admin.SubscriptionGroupWrapper, error)
	FetchAllTopicList(context.Context) (*admin.TopicList, error)
	FetchPublishMessageQueues(ctx context.Context, topic string) ([]*primitive.MessageQueue, error)
	Close() error
}

func (g *goAdminPair) admin(t *testing.T) goAdmin {
	t.Helper()
	rlog.SetLogLevel("error")
	a, err := admin.NewAdmin(admin.WithResolver(primitive.NewPassthroughResolver([]string{g.namesrv.Addr})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func (g *goAdminPair) before(t *testing.T) {
	a := g.admin(t)
	if err := a.CreateTopic(within(t, 20*time.Second), admin.WithTopicCreate(goMadeTopic), admin.WithBrokerAddrCreate(g.master.Addr)); err != nil {
		t.Fatal(err)
	}
	g.routed(within(t, 20*time.Second), t, goMadeTopic)
	if err := g.conn.Heartbeat(within(t, 20*time.Second), "192.0.2.1@go", goMadeGroup, goMadeTopic); err != nil {
		t.Fatal(err)
	}
	g.shows(t, a, g.master.Addr)
	g.shows(t, a, g.slave.Addr)
}

// shows waits until a broker has the group, and the name server the topic.
func (g *goAdminPair) shows(t *testing.T, a goAdmin, broker string) {
	t.Helper()
	ctx := within(t, metadataTime)
	eventually(ctx, t, "what the admin client in Go sees of "+broker, func() error {
		list, err := a.FetchAllTopicList(ctx)
		if err != nil {
			return err
		}
		queues, err := a.FetchPublishMessageQueues(ctx, goMadeTopic)
		if err != nil {
			return err
		}
		groups, err := a.GetAllSubscriptionGroup(ctx, broker, 5*time.Second)
		if err != nil {
			return err
		}
		if _, ok := groups.SubscriptionGroupTable[goMadeGroup]; !ok || !slices.Contains(list.TopicList, goMadeTopic) || len(queues) != 8 {
			return fmt.Errorf("topics %v, %d queues, %d groups", list.TopicList, len(queues), len(groups.SubscriptionGroupTable))
		}
		return nil
	})
}

func (g *goAdminPair) after(t *testing.T) {
	a := g.admin(t)
	g.shows(t, a, g.master.Addr)
	g.send(t, goMadeTopic, 0, 8, 8)
	ctx := within(t, time.Minute)
	if err := a.DeleteTopic(ctx, admin.WithTopicDelete(goMadeTopic), admin.WithBrokerAddrDelete(g.master.Addr), admin.WithNameSrvAddr([]string{g.namesrv.Addr})); err != nil {
		t.Fatal(err)
	}
	eventually(ctx, t, "the topic's end", func() error {
		list, err := a.FetchAllTopicList(ctx)
		if err == nil && slices.Contains(list.TopicList, goMadeTopic) {
			err = errors.New("it is still there")
		}
		return err
	})
	if n, err := g.conn.MaxOffset(ctx, goMadeTopic, 0); err != nil || n != 0 {
		t.Errorf("a queue of a topic that was deleted ends at %d, %v", n, err)
	}
}

// asksGo asks the consumer in Go, through the master, what it is at (307), to consume a message
// at once (309), and how far it is (223).
func (o *operatorPair) asksGo(t *testing.T) {
	t.Helper()
	ctx := within(t, time.Minute)
	for _, client := range o.clients {
		if client.Java {
			continue
		}
		group, last := o.group(client), o.sent[len(o.sent)-1]
		var id string
		eventually(ctx, t, "the consumer in Go", func() error {
			ids, err := consumerIDs(ctx, o.conn, group)
			if err != nil || len(ids) != 1 {
				return fmt.Errorf("the consumers are %v, %v", ids, err)
			}
			id = ids[0]
			return nil
		})
		table := func(q int) string {
			return fmt.Sprintf(`\{"topic":"%s","brokerName":"%s","queueId":%d\}`, operatedTopic, target.BrokerName, q)
		}
		for _, one := range []struct {
			req  *wire.Command
			want []string
		}{
			{wire.NewCommand(wire.ConsumerRunningInfo, "consumerGroup", group, "clientId", id, "jstackEnable", "false"),
				[]string{`"PROP_CONSUME_TYPE":"CONSUME_PASSIVELY"`, `"statusTable":\{.*"` + operatedTopic + `":\{`, `"mqTable":\{.*` + table(0)}},
			{wire.NewCommand(wire.ConsumeDirectly, "consumerGroup", group, "clientId", id, "msgId", last.MsgID, "brokerName", target.BrokerName),
				[]string{`"consumeResult":0`}},
			{wire.NewCommand(wire.ConsumerStatus, "topic", operatedTopic, "group", group, "clientAddr", ""),
				[]string{regexp.QuoteMeta(`"` + id + `":{`), fmt.Sprintf(`%s:%d\b`, table(3), len(o.sent)/operatedQueues)}},
		} {
			came := deliveriesOf(o.consumers[client.Name].Got(), last)
			asks := func() error {
				resp, err := o.conn.Do(ctx, one.req)
				for _, want := range one.want {
					if err == nil && !regexp.MustCompile(want).Match(resp.Body) {
						err = fmt.Errorf("nothing is like %s in %s", want, resp.Body)
					}
				}
				return err
			}
			what := fmt.Sprintf("request %d of the consumer in Go", one.req.Code)
			if one.req.Code != wire.ConsumeDirectly {
				eventually(ctx, t, what, asks) // it notes how far it is behind its listener
				continue
			}
			if err := asks(); err != nil {
				t.Errorf("%s: %v", what, err)
				continue
			}
			again := func(got []verify.Got) bool { return deliveriesOf(got, last) == came+1 }
			if err := o.consumers[client.Name].Wait(ctx, again); err != nil {
				t.Errorf("a message that is to be consumed at once: %v", err)
			}
		}
	}
}

func deliveriesOf(got []verify.Got, s verify.Sent) int { return len(byIndex(got)[s.Index]) }
