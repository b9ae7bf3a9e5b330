package broker

import (
	"strings"

	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// defaultTopic is the template of the topics that clients make by sending.
const defaultTopic = "TBW102"

// Values of a topic's filter type.
const (
	singleTag = "SINGLE_TAG"
	multiTag  = "MULTI_TAG"
)

const permReadWrite = table.PermRead | table.PermWrite

// topicForSend makes the topic of a send that does not exist yet: a retry topic
// of a group, or what the template allows. It is durable on return, and the
// name servers are about to be told.
func (b *Broker) topicForSend(h *sendHeader) (table.Topic, error) {
	if err := table.CheckTopicName(h.topic); err != nil {
		return table.Topic{}, err
	}
	if group, ok := strings.CutPrefix(h.topic, table.RetryPrefix); ok {
		g, err := b.group(group)
		if err != nil {
			return table.Topic{}, err
		}
		return b.makeTopic(groupTopic(table.RetryPrefix+g.Name, 1))
	}
	t, ok := b.store.Topic(h.defaultTopic)
	if b.settings().NoAutoCreateTopic || !ok || t.Perm&table.PermInherit == 0 {
		return table.Topic{}, refuse(remoting.RespTopicNotExist, "topic %s does not exist, and no topic like %.40q may be made", h.topic, h.defaultTopic)
	}
	queues := max(1, min(h.defaultQueues, t.WriteQueueNums))
	return b.makeTopic(table.Topic{
		Name: strings.Clone(h.topic), ReadQueueNums: queues, WriteQueueNums: queues,
		Perm: t.Perm &^ table.PermInherit, FilterType: t.FilterType, SysFlag: t.SysFlag,
	})
}

// groupTopic is a topic that belongs to a group.
func groupTopic(name string, queues int32) table.Topic {
	return table.Topic{Name: name, ReadQueueNums: queues, WriteQueueNums: queues, Perm: permReadWrite, FilterType: singleTag}
}

// retryTopic returns the topic in which a group's messages are tried again, made if
// need be.
func (b *Broker) retryTopic(g *table.Group) (table.Topic, error) {
	name := table.RetryPrefix + g.Name
	if t, ok := b.store.Topic(name); ok {
		return t, nil
	}
	return b.makeTopic(groupTopic(name, min(g.RetryQueueNums, maxQueues)))
}

// deadLetterTopic returns the topic of a group's dead letters, made if need be.
func (b *Broker) deadLetterTopic(group string) (table.Topic, error) {
	name := table.DLQPrefix + group
	if t, ok := b.store.Topic(name); ok {
		return t, nil
	}
	return b.makeTopic(groupTopic(name, 1))
}

// makeTopic returns the topic called t.Name, which becomes t if there is none. It
// fails with store.ErrBusy if the disk takes too long; the topic is there later.
func (b *Broker) makeTopic(t table.Topic) (made table.Topic, err error) {
	if len(t.Name) > table.MaxTopicName { // of a group with a long name
		return t, refuse(remoting.RespMessageIllegal, "topic %s has %d bytes, at most %d fit into a message", t.Name, len(t.Name), table.MaxTopicName)
	}
	err = b.makings.make("topic "+t.Name, func() error { return b.putMissingTopic(t) })
	if err != nil {
		return t, err
	}
	if made, ok := b.store.Topic(t.Name); ok {
		return made, nil // another connection may have been faster
	}
	return t, nil
}

func (b *Broker) putMissingTopic(t table.Topic) error {
	b.changing.Lock()
	defer b.changing.Unlock()
	if _, ok := b.store.Topic(t.Name); ok {
		return nil
	}
	if err := b.roomForTopic(leave(b.opts.MaxTopics)); err != nil {
		return err
	}
	if err := b.store.PutTopic(t); err != nil {
		return err
	}
	b.said.Log("topic made", "topic", t.Name, "queues", t.WriteQueueNums)
	b.opts.Registrar.Notify()
	return nil
}

// roomForTopic refuses one more if there are most.
func (b *Broker) roomForTopic(most int) error {
	if all, _ := b.store.Topics(); len(all) >= most {
		return refuse(remoting.RespTopicNotExist, "there are %d topics, no more are allowed", len(all))
	}
	return nil
}

// leave is how many topics or groups, of most that there may be, are made by use alone:
// whoever sends and consumes leaves an eighth to who makes them on purpose.
func leave(most int) int { return most - most/8 }

// group returns a subscription group, made if need be and allowed; durable on
// return. RocketMQ's own groups are not kept anywhere, nor is a group that a
// slave does not know.
func (b *Broker) group(name string) (table.Group, error) {
	if g, ok := b.store.Group(name); ok {
		return g, nil
	}
	switch err := table.CheckGroupName(name); {
	case err != nil:
		return table.Group{}, refuse(remoting.RespSubscriptionGroupNotExist, "%v", err)
	case systemGroup(name) || b.slave():
		return table.DefaultGroup(strings.Clone(name)), nil
	case b.settings().NoAutoCreateGroup:
		return table.Group{}, refuse(remoting.RespSubscriptionGroupNotExist, "subscription group %s does not exist", name)
	}
	return b.makeGroup(table.DefaultGroup(strings.Clone(name)))
}

// makeGroup returns the group called g.Name, which becomes g if there is none. It
// fails with store.ErrBusy as makeTopic does.
func (b *Broker) makeGroup(g table.Group) (table.Group, error) {
	if err := b.makings.make("group "+g.Name, func() error { return b.putMissingGroup(g) }); err != nil {
		return g, err
	}
	if made, ok := b.store.Group(g.Name); ok {
		return made, nil
	}
	return g, nil
}

func (b *Broker) putMissingGroup(g table.Group) error {
	b.changing.Lock()
	defer b.changing.Unlock()
	if _, ok := b.store.Group(g.Name); ok {
		return nil
	}
	if err := b.roomForGroup(leave(b.opts.MaxGroups)); err != nil {
		return err
	}
	if err := b.store.PutGroup(g); err != nil {
		return err
	}
	b.said.Log("subscription group made", "group", g.Name)
	return nil
}

// roomForGroup refuses one more if there are most.
func (b *Broker) roomForGroup(most int) error {
	if all, _ := b.store.Groups(); len(all) >= most {
		return refuse(remoting.RespSubscriptionGroupNotExist, "there are %d subscription groups, no more are allowed", len(all))
	}
	return nil
}

// systemGroup says whether a group is one of RocketMQ's tools.
func systemGroup(name string) bool {
	switch name {
	case "TOOLS_CONSUMER", "FILTERSRV_CONSUMER", "SELF_TEST_C_GROUP", "SELF_TEST_CONSUMER_GROUP",
		"CID_ONSAPI_OWNER", "CID_ONSAPI_PULL", "CID_ONSAPI_PERMISSION", "CID_ONS-HTTP-PROXY":
		return true
	}
	return strings.HasPrefix(name, "CID_RMQ_SYS_")
}
