package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"pairmq/discovery"
	"pairmq/internal/remoting"
)

// topicQueue is one queue of a topic and what is in it.
type topicQueue struct {
	BrokerName string `json:"brokerName,omitempty"`
	QueueID    int32  `json:"queueId"`
	MinOffset  int64  `json:"minOffset"`
	MaxOffset  int64  `json:"maxOffset"`
}

// topicBroker is a topic's settings on one broker.
type topicBroker struct {
	BrokerName     string `json:"brokerName,omitempty"`
	Addr           string `json:"addr"`
	Perm           string `json:"perm"`
	ReadQueueNums  int32  `json:"readQueueNums"`
	WriteQueueNums int32  `json:"writeQueueNums"`
	Held           *int64 `json:"heldBytes,omitempty"` // of its log, if the topic has a quota there
	Quota          int64  `json:"quotaBytes,omitempty"`
}

type shownTopic struct {
	Topic    string        `json:"topic"`
	Brokers  []topicBroker `json:"brokers"`
	Queues   []topicQueue  `json:"queues"`
	Messages int64         `json:"messages"`
}

// showTopic asks who serves a topic and what is in each queue.
func (s *session) showTopic(ctx context.Context, name string) (shownTopic, error) {
	out := shownTopic{Topic: name}
	var err error
	if out.Brokers, err = s.topicBrokers(ctx, name); err != nil {
		return out, err
	}
	for i := range out.Brokers {
		b := &out.Brokers[i]
		if err := s.quotaOf(ctx, name, b); err != nil {
			return out, err
		}
		for _, q := range numbered(queue{broker: b.BrokerName, addr: b.Addr}, max(b.ReadQueueNums, b.WriteQueueNums)) {
			f := remoting.Fields{{Key: "topic", Value: name}, {Key: "queueId", Value: strconv.Itoa(int(q.id))}}
			t := topicQueue{BrokerName: q.broker, QueueID: q.id}
			if t.MinOffset, err = s.offset(ctx, q, remoting.ReqGetMinOffset, f); err != nil {
				return out, err
			}
			if t.MaxOffset, err = s.offset(ctx, q, remoting.ReqGetMaxOffset, f); err != nil {
				return out, err
			}
			out.Queues = append(out.Queues, t)
			out.Messages += t.MaxOffset - t.MinOffset
		}
	}
	return out, nil
}

// quotaOf asks a broker how much of its log the topic has, which is known of topics
// with a quota alone.
func (s *session) quotaOf(ctx context.Context, topic string, b *topicBroker) error {
	st := brokerStatus{BrokerName: b.BrokerName, Addr: b.Addr}
	s.askBroker(ctx, &st)
	held, limit, ok := strings.Cut(st.Runtime["topicBytes "+topic], "/")
	if !ok {
		return st.err
	}
	n, err := strconv.ParseInt(held, 10, 64)
	if err == nil {
		b.Held = &n
		b.Quota, err = strconv.ParseInt(limit, 10, 64)
	}
	if err != nil {
		return fmt.Errorf("broker %s: the quota of topic %s: %w", b.Addr, topic, err)
	}
	return nil
}

func (s *session) topicBrokers(ctx context.Context, name string) ([]topicBroker, error) {
	if s.picker == nil {
		t, err := s.topicConfig(ctx, s.broker, name)
		return []topicBroker{{Addr: s.broker, Perm: permText(t.Perm), ReadQueueNums: t.ReadQueueNums, WriteQueueNums: t.WriteQueueNums}}, err
	}
	r, err := s.picker.Route(ctx, name)
	if err != nil {
		return nil, err
	}
	var all []topicBroker
	for _, d := range r.QueueDatas {
		for _, b := range r.BrokerDatas {
			if b.BrokerName != d.BrokerName {
				continue
			}
			addr := b.BrokerAddrs[discovery.MasterID]
			if addr == "" {
				addr = lowest(b.BrokerAddrs)
			}
			all = append(all, topicBroker{BrokerName: b.BrokerName, Addr: addr, Perm: permText(d.Perm), ReadQueueNums: d.ReadQueueNums, WriteQueueNums: d.WriteQueueNums})
		}
	}
	slices.SortFunc(all, func(a, b topicBroker) int { return strings.Compare(a.BrokerName, b.BrokerName) })
	return all, nil
}

func (e *env) printTopic(t shownTopic) error {
	if e.json {
		return e.printJSON(t)
	}
	rows := [][]string{{"BROKER", "ADDRESS", "PERM", "READ QUEUES", "WRITE QUEUES"}}
	for _, b := range t.Brokers {
		rows = append(rows, []string{orDash(b.BrokerName), b.Addr, b.Perm, fmt.Sprint(b.ReadQueueNums), fmt.Sprint(b.WriteQueueNums)})
	}
	if err := printTable(e.out, rows); err != nil {
		return err
	}
	fmt.Fprintln(e.out)
	rows = [][]string{{"QUEUE", "FIRST", "NEXT", "MESSAGES"}}
	for _, q := range t.Queues {
		rows = append(rows, []string{queue{broker: q.BrokerName, id: q.QueueID}.String(), fmt.Sprint(q.MinOffset), fmt.Sprint(q.MaxOffset), fmt.Sprint(q.MaxOffset - q.MinOffset)})
	}
	if err := printTable(e.out, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(e.out, "\nmessages: %d\n", t.Messages)
	for _, b := range t.Brokers {
		if b.Held != nil {
			fmt.Fprintf(e.out, "quota of the log of %s: %s of %s\n", cmp.Or(b.BrokerName, b.Addr), size(*b.Held), size(b.Quota))
		}
	}
	return err
}
