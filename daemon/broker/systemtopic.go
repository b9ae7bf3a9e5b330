package broker

import (
	"fmt"
	"strings"

	"pairmq/daemon/broker/schedule"
	"pairmq/daemon/broker/timer"
	"pairmq/daemon/broker/transaction"
	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// makeSystemTopics makes the topics that tools expect and the template of those
// that clients make; without auto-creation the template goes.
func (b *Broker) makeSystemTopics(now *Settings) error {
	for _, t := range b.ownTopics(now) {
		old, ok := b.store.Topic(t.Name)
		if sized := t.Name == defaultTopic || t.Name == schedule.Topic; ok && (!sized || old.WriteQueueNums == t.WriteQueueNums) {
			continue
		}
		if table.CheckTopicName(t.Name) != nil {
			continue // a broker or cluster may be called what no topic can be
		}
		if err := b.store.PutTopic(t); err != nil {
			return fmt.Errorf("broker: make topic %s: %w", t.Name, err)
		}
	}
	if _, ok := b.store.Topic(defaultTopic); ok && now.NoAutoCreateTopic {
		if err := b.store.DeleteTopic(defaultTopic); err != nil {
			return fmt.Errorf("broker: delete topic %s: %w", defaultTopic, err)
		}
	}
	return nil
}

// ownTopics are the system topics that this broker has, in RocketMQ's shapes.
func (b *Broker) ownTopics(now *Settings) []table.Topic {
	own := []table.Topic{groupTopic("SELF_TEST_TOPIC", 1), groupTopic(b.opts.Cluster, 16), groupTopic(b.opts.Name, 1), groupTopic(b.replyTopic(), 1),
		groupTopic(movedTopic, 1), groupTopic(schedule.Topic, int32(len(b.opts.DelayLevels))), groupTopic(timer.Topic, 1),
		groupTopic(transaction.HalfTopic, 1), groupTopic(transaction.OpTopic, 1), groupTopic(transaction.GivenUpTopic, 1)}
	own[1].Perm |= table.PermInherit
	own[2].Perm |= table.PermInherit
	if !now.NoAutoCreateTopic {
		t := groupTopic(defaultTopic, b.opts.DefaultTopicQueues)
		t.Perm |= table.PermInherit
		own = append(own, t)
	}
	if b.opts.TraceTopic != "" {
		own = append(own, groupTopic(b.opts.TraceTopic, 1))
	}
	return own
}

// ReplyTopic is where clients send replies to, within a cluster.
func ReplyTopic(cluster string) string { return cluster + "_REPLY_TOPIC" }

func (b *Broker) replyTopic() string { return ReplyTopic(b.opts.Cluster) }

// systemTopic says whether clients may neither make, change nor delete a topic.
func (b *Broker) systemTopic(name string) bool {
	return name == defaultTopic || name == b.opts.Cluster || name == b.opts.Name || name == b.replyTopic() ||
		name == "RMQ_SYS_TRACE_TOPIC" || forbidden(name) || strings.HasPrefix(name, "rmq_sys_")
}

// systemTopics serves GET_SYSTEM_TOPIC_LIST_FROM_BROKER, 305.
func (b *Broker) systemTopics(req *remoting.Request) error {
	var list struct {
		Topics []string `json:"topicList"`
	}
	for _, t := range b.ownTopics(b.settings()) {
		list.Topics = append(list.Topics, t.Name)
	}
	return replyJSON(req, list)
}
