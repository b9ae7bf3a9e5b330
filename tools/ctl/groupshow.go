package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// groupQueue is how far a group is in one queue.
type groupQueue struct {
	Topic          string `json:"topic"`
	BrokerName     string `json:"brokerName"`
	QueueID        int32  `json:"queueId"`
	ConsumerOffset int64  `json:"consumerOffset"`
	BrokerOffset   int64  `json:"brokerOffset"`
	LastTimestamp  int64  `json:"lastTimestamp"` // store time of the message consumed last, ms; 0 for none
}

// groupConsumer is a client that consumes for the group now.
type groupConsumer struct {
	ClientID   string `json:"clientId"`
	ClientAddr string `json:"clientAddr"`
	Language   string `json:"language"`
	Version    int32  `json:"version"`
}

type shownGroup struct {
	Group     string                 `json:"group"`
	Settings  map[string]table.Group `json:"settings"` // by broker
	Consumers []groupConsumer        `json:"consumers"`
	Queues    []groupQueue           `json:"queues"`
	Behind    int64                  `json:"behind"` // messages, in all queues
}

// showGroup asks every master about a group.
func (s *session) showGroup(ctx context.Context, name string) (shownGroup, error) {
	if err := table.CheckGroupName(name); err != nil {
		return shownGroup{}, err
	}
	out := shownGroup{Group: name, Settings: make(map[string]table.Group), Consumers: []groupConsumer{}, Queues: []groupQueue{}}
	err := s.each(ctx, "", func(ctx context.Context, m master) error { return s.addGroup(ctx, &out, m) })
	if err == nil && len(out.Settings) == 0 {
		err = fmt.Errorf("%w: no broker has a group %s", errNotFound, name)
	}
	slices.SortFunc(out.Queues, func(a, b groupQueue) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.BrokerName, b.BrokerName), cmp.Compare(a.QueueID, b.QueueID))
	})
	return out, err
}

// addGroup adds what one broker knows of a group.
func (s *session) addGroup(ctx context.Context, out *shownGroup, m master) error {
	all, err := s.groupTable(ctx, m.addr)
	if err != nil {
		return err
	}
	g, ok := all[out.Group]
	if !ok {
		return nil
	}
	out.Settings[cmp.Or(m.name, m.addr)] = g
	f := remoting.Fields{{Key: "consumerGroup", Value: out.Group}}
	resp, err := s.call(ctx, m.addr, &remoting.Command{Code: remoting.ReqGetConsumerConnectionList, Fields: f}, remoting.RespConsumerNotOnline, remoting.RespSystemError)
	if err != nil {
		return err
	}
	if resp.Code == remoting.RespSuccess {
		var body struct {
			Connections []groupConsumer `json:"connectionSet"`
		}
		if err := json.Unmarshal(resp.Body, &body); err != nil {
			return fmt.Errorf("consumers of %s: %w", out.Group, err)
		}
		out.addConsumers(body.Connections)
	}
	// 1 is what brokers of 4.x say when the group has consumed nothing yet.
	resp, err = s.call(ctx, m.addr, &remoting.Command{Code: remoting.ReqGetConsumeStats, Fields: f}, remoting.RespConsumerNotOnline, remoting.RespSystemError)
	if err != nil || resp.Code != remoting.RespSuccess {
		return err
	}
	return out.addOffsets(resp.Body)
}

// addConsumers adds consumers; one that is connected to two brokers counts once.
func (g *shownGroup) addConsumers(all []groupConsumer) {
	for _, c := range all {
		if !slices.ContainsFunc(g.Consumers, func(o groupConsumer) bool { return o.ClientID == c.ClientID }) {
			g.Consumers = append(g.Consumers, c)
		}
	}
}

// addOffsets adds what the body of an answer to GET_CONSUME_STATS has.
func (g *shownGroup) addOffsets(body []byte) error {
	body, err := quoteObjectKeys(body)
	if err != nil {
		return fmt.Errorf("offsets of %s: %w", g.Group, err)
	}
	var stats struct {
		Offsets map[string]groupQueue `json:"offsetTable"`
	}
	if err := json.Unmarshal(body, &stats); err != nil {
		return fmt.Errorf("offsets of %s: %w", g.Group, err)
	}
	for key, q := range stats.Offsets {
		if err := json.Unmarshal([]byte(key), &q); err != nil { // the key is the queue
			return fmt.Errorf("offsets of %s: %w", g.Group, err)
		}
		g.Queues = append(g.Queues, q)
		g.Behind += max(0, q.BrokerOffset-q.ConsumerOffset)
	}
	return nil
}

func (e *env) printGroup(g shownGroup) error {
	if e.json {
		return e.printJSON(g)
	}
	rows := [][]string{{"BROKER", "CONSUMES", "RETRIES", "RETRY QUEUES"}}
	for _, name := range slices.Sorted(maps.Keys(g.Settings)) {
		b := g.Settings[name]
		rows = append(rows, []string{name, yesNo(b.ConsumeEnable), fmt.Sprint(b.RetryMaxTimes), fmt.Sprint(b.RetryQueueNums)})
	}
	err := printTable(e.out, rows)
	rows = [][]string{{"\nCONSUMER", "ADDRESS", "LANGUAGE"}}
	for _, c := range g.Consumers {
		rows = append(rows, []string{safe(c.ClientID), safe(c.ClientAddr), safe(c.Language)})
	}
	err = errors.Join(err, printTable(e.out, rows))
	rows = [][]string{{"\nTOPIC", "QUEUE", "CONSUMED TO", "OF", "BEHIND", "LAST CONSUMED"}}
	for _, q := range g.Queues {
		rows = append(rows, []string{
			safe(q.Topic), safe(queue{broker: q.BrokerName, id: q.QueueID}.String()), fmt.Sprint(q.ConsumerOffset), fmt.Sprint(q.BrokerOffset),
			fmt.Sprint(q.BrokerOffset - q.ConsumerOffset), timestamp(q.LastTimestamp),
		})
	}
	err = errors.Join(err, printTable(e.out, rows))
	_, last := fmt.Fprintf(e.out, "\nmessages behind: %d\n", g.Behind)
	return errors.Join(err, last)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
