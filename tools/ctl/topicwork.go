package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"pairmq/discovery"
	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// topicNames returns all topics that the name server, or the one broker, knows.
func (s *session) topicNames(ctx context.Context) ([]string, error) {
	if s.picker == nil {
		all, err := s.topicTable(ctx, s.broker)
		return slices.Sorted(maps.Keys(all)), err
	}
	resp, err := s.picker.Do(ctx, &remoting.Command{Code: remoting.ReqGetAllTopicListFromNameserver})
	if err != nil {
		return nil, err
	}
	if resp.Code != remoting.RespSuccess {
		return nil, &refusal{addr: "the name server", request: remoting.ReqGetAllTopicListFromNameserver, code: resp.Code, remark: resp.Remark}
	}
	var body struct {
		Topics []string `json:"topicList"`
	}
	if err := json.Unmarshal(resp.Body, &body); err != nil {
		return nil, fmt.Errorf("topic list: %w", err)
	}
	slices.Sort(body.Topics)
	return append([]string{}, slices.Compact(body.Topics)...), nil
}

// ordinary leaves out the topics of groups and those that RocketMQ makes for
// itself; of the latter, one is named like each broker and each cluster.
func (s *session) ordinary(ctx context.Context, names []string) ([]string, error) {
	system := []string{
		templateTopic, "SELF_TEST_TOPIC", "BenchmarkTest", "OFFSET_MOVED_EVENT", "SCHEDULE_TOPIC_XXXX",
		"TRANS_CHECK_MAX_TIME_TOPIC", "CHECKPOINT_TOPIC",
	}
	if s.picker != nil {
		info, err := s.picker.Cluster(ctx)
		if err != nil {
			return nil, err
		}
		for name, b := range info.BrokerAddrTable {
			system = append(system, name, b.Cluster, b.Cluster+"_REPLY_TOPIC")
		}
	}
	return slices.DeleteFunc(names, func(n string) bool {
		return strings.HasPrefix(n, table.RetryPrefix) || strings.HasPrefix(n, table.DLQPrefix) || strings.HasSuffix(n, "_REPLY_TOPIC") ||
			strings.HasPrefix(strings.ToLower(n), "rmq_sys_") || slices.Contains(system, n)
	}), nil
}

// defaultQueues is how many queues a topic gets when nothing is said.
const defaultQueues = 8

// createTopic makes a topic on all brokers that are meant; where there is one
// of that name already, nothing is done anywhere.
func (s *session) createTopic(ctx context.Context, a topicArgs) error {
	t, err := a.apply(table.Topic{
		Name: a.name, ReadQueueNums: defaultQueues, WriteQueueNums: defaultQueues, Perm: table.PermRead | table.PermWrite, FilterType: "SINGLE_TAG",
	})
	if err != nil {
		return err
	}
	if err := table.CheckTopicName(a.name); err != nil {
		return err
	}
	switch _, err := s.topicBrokers(ctx, a.name); {
	case err == nil:
		return fmt.Errorf("there is a topic %s already: pairmq topic update changes it", a.name)
	case !errors.Is(err, errNotFound) && !errors.Is(err, discovery.ErrNoRoute):
		return err
	}
	return s.each(ctx, a.cluster, func(ctx context.Context, m master) error { return s.putTopic(ctx, m, t) })
}

// updateTopic changes a topic on all brokers that are meant and have it.
func (s *session) updateTopic(ctx context.Context, a topicArgs) error {
	found := false
	err := s.each(ctx, a.cluster, func(ctx context.Context, m master) error {
		t, err := s.topicConfig(ctx, m.addr, a.name)
		if errors.Is(err, errNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		found = true
		if t, err = a.apply(t); err != nil {
			return err
		}
		return s.putTopic(ctx, m, t)
	})
	if err == nil && !found {
		return fmt.Errorf("%w: no broker has a topic %s", errNotFound, a.name)
	}
	return err
}

func (s *session) putTopic(ctx context.Context, m master, t table.Topic) error {
	number := func(n int32) string { return strconv.Itoa(int(n)) }
	_, err := s.call(ctx, m.addr, &remoting.Command{Code: remoting.ReqUpdateAndCreateTopic, Fields: remoting.Fields{
		{Key: "topic", Value: t.Name}, {Key: "defaultTopic", Value: templateTopic},
		{Key: "readQueueNums", Value: number(t.ReadQueueNums)}, {Key: "writeQueueNums", Value: number(t.WriteQueueNums)},
		{Key: "perm", Value: number(t.Perm)}, {Key: "topicFilterType", Value: t.FilterType},
		{Key: "topicSysFlag", Value: number(t.SysFlag)}, {Key: "order", Value: strconv.FormatBool(t.Order)},
	}})
	return err
}

// deleteTopic deletes a topic at the brokers and then at every name server, as
// each of them remembers it by itself.
func (s *session) deleteTopic(ctx context.Context, name, cluster string) error {
	if err := table.CheckTopicName(name); err != nil {
		return err
	}
	if _, err := s.topicBrokers(ctx, name); err != nil {
		return err
	}
	if err := s.each(ctx, cluster, func(ctx context.Context, m master) error {
		_, err := s.call(ctx, m.addr, &remoting.Command{Code: remoting.ReqDeleteTopicInBroker, Fields: remoting.Fields{{Key: "topic", Value: name}}})
		return err
	}); err != nil {
		return err
	}
	var failed []error
	for _, addr := range s.servers {
		f := remoting.Fields{{Key: "topic", Value: name}}
		if cluster != "" {
			f.Add("clusterName", cluster)
		}
		if _, err := s.call(ctx, addr, &remoting.Command{Code: remoting.ReqDeleteTopicInNamesrv, Fields: f}); err != nil {
			failed = append(failed, err)
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("%w: the brokers have deleted topic %s, but not every name server: %w", errPartly, name, errors.Join(failed...))
	}
	return nil
}
