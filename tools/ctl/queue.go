package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"pairmq/discovery"
	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// A queue is one queue of a topic, and where it is served.
type queue struct {
	broker string // its name; empty when --broker gave only the address
	id     int32
	addr   string
}

// String returns "broker-a/3", or "3".
func (q queue) String() string {
	if q.broker == "" {
		return strconv.Itoa(int(q.id))
	}
	return fmt.Sprintf("%s/%d", q.broker, q.id)
}

// anyQueue is the queue id with which the broker chooses.
const anyQueue = -1

// templateTopic is the topic that brokers make others from.
const templateTopic = "TBW102"

// newTopicQueues is how many queues a topic gets that a send makes, if its
// template has as many: what RocketMQ's clients ask for.
const newTopicQueues = 4

// publishQueues returns the queues to which a topic's messages may be sent.
// create allows a topic that is not there yet: then the queues are those of
// brokers that will make it, and created is true.
func (s *session) publishQueues(ctx context.Context, topic string, create bool) (qs []queue, created bool, err error) {
	if s.picker == nil {
		return []queue{{id: anyQueue, addr: s.broker}}, false, nil
	}
	r, err := s.picker.Route(ctx, topic)
	if errors.Is(err, discovery.ErrNoRoute) && create {
		if r, terr := s.picker.Route(ctx, templateTopic); terr == nil {
			few := slices.DeleteFunc(queuesOf(r, table.PermWrite), func(q queue) bool { return q.id >= newTopicQueues })
			return few, true, nil
		}
	}
	if err != nil {
		return nil, false, err
	}
	if qs = queuesOf(r, table.PermWrite); len(qs) == 0 {
		return nil, false, fmt.Errorf("%w: topic %s has no queue that takes messages: no master, or no permission to write", errNotFound, topic)
	}
	return qs, false, nil
}

// readQueues returns the queues from which a topic's messages can be read.
func (s *session) readQueues(ctx context.Context, topic string) ([]queue, error) {
	if s.picker == nil {
		t, err := s.topicConfig(ctx, s.broker, topic)
		if err != nil {
			return nil, err
		}
		return numbered(queue{addr: s.broker}, t.ReadQueueNums), nil
	}
	r, err := s.picker.Route(ctx, topic)
	if err != nil {
		return nil, err
	}
	qs := queuesOf(r, table.PermRead)
	if len(qs) == 0 {
		return nil, fmt.Errorf("%w: topic %s has no queue that can be read", errNotFound, topic)
	}
	return qs, nil
}

// queuesOf returns the queues of a route that have a permission, by broker and
// number. A message is sent to a master; it is read there too, or from a slave
// while there is no master.
func queuesOf(r *discovery.TopicRouteData, perm int32) []queue {
	var all []queue
	for _, d := range r.QueueDatas {
		i := slices.IndexFunc(r.BrokerDatas, func(b discovery.BrokerData) bool { return b.BrokerName == d.BrokerName })
		if i < 0 || d.Perm&perm == 0 {
			continue
		}
		addr, n := r.BrokerDatas[i].BrokerAddrs[discovery.MasterID], d.WriteQueueNums
		if perm == table.PermRead {
			n = d.ReadQueueNums
			if addr == "" {
				addr = lowest(r.BrokerDatas[i].BrokerAddrs)
			}
		}
		if addr != "" {
			all = append(all, numbered(queue{broker: d.BrokerName, addr: addr}, n)...)
		}
	}
	slices.SortFunc(all, func(a, b queue) int { return cmp.Or(cmp.Compare(a.broker, b.broker), cmp.Compare(a.id, b.id)) })
	return all
}

// lowest returns the address with the lowest brokerId.
func lowest(addrs map[int64]string) string {
	best, addr := int64(-1), ""
	for id, a := range addrs {
		if best < 0 || id < best {
			best, addr = id, a
		}
	}
	return addr
}

// maxQueues bounds what a route may say: a broker allows far fewer.
const maxQueues = 65536

// numbered returns n queues like q.
func numbered(q queue, n int32) []queue {
	all := make([]queue, 0, min(max(n, 0), maxQueues))
	for id := range min(n, maxQueues) {
		q.id = id
		all = append(all, q)
	}
	return all
}

// choose returns those of all that --queue means: "3", "broker-a/3", or all
// when it is empty.
func choose(all []queue, flag string) ([]queue, error) {
	if flag == "" {
		return all, nil
	}
	broker, number, ok := strings.Cut(flag, "/")
	if !ok {
		broker, number = "", flag
	}
	id, err := strconv.ParseInt(number, 10, 32)
	if err != nil || id < 0 {
		return nil, usage("--queue %s: it is a number, or brokerName/number", flag)
	}
	var some []queue
	for _, q := range all {
		if q.id == anyQueue {
			q.id = int32(id)
		}
		if q.id == int32(id) && (broker == "" || broker == q.broker) {
			some = append(some, q)
		}
	}
	if len(some) == 0 {
		return nil, fmt.Errorf("%w: no queue %s; there are %s", errNotFound, flag, summary(all))
	}
	return some, nil
}

// summary tells which queues there are: "broker-a/0 to 7, broker-b/0 to 7".
func summary(all []queue) string {
	var parts []string
	for i := 0; i < len(all); {
		j := i
		for j+1 < len(all) && all[j+1].broker == all[i].broker {
			j++
		}
		parts = append(parts, fmt.Sprintf("%s to %d", all[i], all[j].id))
		i = j + 1
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// topicTable asks one broker for all its topics.
func (s *session) topicTable(ctx context.Context, addr string) (map[string]table.Topic, error) {
	resp, err := s.call(ctx, addr, &remoting.Command{Code: remoting.ReqGetAllTopicConfig})
	if err != nil {
		return nil, err
	}
	var body struct {
		Topics map[string]table.Topic `json:"topicConfigTable"`
	}
	if err := json.Unmarshal(resp.Body, &body); err != nil {
		return nil, fmt.Errorf("topics of %s: %w", addr, err)
	}
	return body.Topics, nil
}

// topicConfig asks one broker for one topic.
func (s *session) topicConfig(ctx context.Context, addr, topic string) (table.Topic, error) {
	all, err := s.topicTable(ctx, addr)
	if err != nil {
		return table.Topic{}, err
	}
	t, ok := all[topic]
	if !ok {
		return table.Topic{}, fmt.Errorf("%w: %s has no topic %s", errNotFound, addr, topic)
	}
	return t, nil
}
