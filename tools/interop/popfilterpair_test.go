package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/wire"
)

const popFilteredTopic = "PoppedFiltered"

// popFiltersPair has consumers of 5.4.0 pop what they select by tags and by an SQL92 expression:
// they get exactly theirs of either master, once.
type popFiltersPair struct {
	*failover
	all []*selection
}

func (p *popFiltersPair) before(t *testing.T) {
	p.topic(t, popFilteredTopic, filteredQueues)
	for _, client := range p.clients {
		if client.Name != "java-"+peers.V5 {
			continue
		}
		for _, s := range []*selection{
			{sub: agents.Subscription{Group: "PoppedTags", Expr: "TagA || AaTag"}, wants: func(i int) bool { return i%2 == 0 || forAll(i) }},
			{sub: agents.Subscription{Group: "PoppedTexts", Expr: texts, SQL: true}, wants: func(i int) bool { return areTexts(i) || forAll(i) }},
		} {
			s.agent, s.sub.Topic, s.sub.Pop = client, popFilteredTopic, 60_000
			p.setPop(t, s.sub.Group)
			s.begin(t, "")
			p.all = append(p.all, s)
		}
	}
	p.sendFiltered(t, popFilteredTopic, 0)
	behind, err := wire.Dial(t.Context(), p.slave.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer behind.Close()
	for _, s := range p.all {
		s.gets(t, 0, 1)
		committed(within(t, metadataTime), t, &world{conn: behind}, s.sub.Group, popFilteredTopic, filteredQueues)
	}
}

// setPop has a group pop, at both brokers.
func (p *popFiltersPair) setPop(t *testing.T, group string) {
	t.Helper()
	type object = map[string]any
	for _, r := range []struct {
		code int
		body object
	}{
		{wire.UpdateGroup, object{"groupName": group, "consumeEnable": true, "consumeFromMinEnable": true, "retryQueueNums": 1, "retryMaxTimes": 16, "brokerId": 0, "whichBrokerWhenConsumeSlowly": 1}},
		{wire.SetRequestMode, object{"topic": popFilteredTopic, "consumerGroup": group, "mode": "POP", "popShareQueueNum": 0}},
	} {
		req := wire.NewCommand(r.code)
		var err error
		if req.Body, err = json.Marshal(r.body); err != nil {
			t.Fatal(err)
		}
		if _, err := p.conn.Do(within(t, 20*time.Second), req); err != nil {
			t.Fatal(err)
		}
	}
	eventually(within(t, metadataTime), t, "the mode at the slave", func() error {
		got, err := ask(t.Context(), p.slave.Addr, wire.NewCommand(wire.AllRequestModes))
		if err == nil && !bytes.Contains(got.Body, []byte(`"`+group+`"`)) {
			err = fmt.Errorf("it is %s", got.Body)
		}
		return err
	})
}

func (p *popFiltersPair) after(t *testing.T) {
	p.sendFiltered(t, popFilteredTopic, 1)
	for _, s := range p.all {
		s.gets(t, 0, 2)
		committed(within(t, time.Minute), t, p.world, s.sub.Group, popFilteredTopic, filteredQueues)
		s.end(t)
		s.has(t, s.of(0, 2))
		if n := len(s.Got()) - len(indexes(s.Got())); n != 0 {
			t.Errorf("%s: %d messages came twice", s.sub.Group, n)
		}
		p.logf(t, "%s popped %d messages", s.sub.Group, len(s.Got()))
	}
}
