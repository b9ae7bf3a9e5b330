package broker

import (
	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// updateTopic serves UPDATE_AND_CREATE_TOPIC, 17.
func (b *Broker) updateTopic(req *remoting.Request) error {
	t, err := topicOf(req.Fields)
	if err != nil {
		return err
	}
	if err := b.putTopic(t, req.Fields.Get("attributes")); err != nil {
		return err
	}
	b.registrations.reply(req)
	return nil
}

// topicOf reads the header fields of request 17.
func topicOf(f remoting.Fields) (t table.Topic, err error) {
	t.Name, t.FilterType = f.Get("topic"), f.Get("topicFilterType")
	if t.ReadQueueNums, err = f.Int32("readQueueNums"); err != nil {
		return t, err
	}
	if t.WriteQueueNums, err = f.Int32("writeQueueNums"); err != nil {
		return t, err
	}
	if t.Perm, err = f.Int32("perm"); err != nil {
		return t, err
	}
	if t.SysFlag, err = f.Int32Or("topicSysFlag", 0); err != nil {
		return t, err
	}
	t.Order, err = f.BoolOr("order", false)
	return t, err
}

// putTopic makes or changes a topic after checking what a client wants of it.
// Its attributes change by text, as attributes.go reads it; t has none.
func (b *Broker) putTopic(t table.Topic, attributes string) error {
	if err := b.onlyMaster("change topics at the master"); err != nil {
		return err
	}
	if err := b.checkTopic(&t); err != nil {
		return err
	}
	b.changing.Lock()
	defer b.changing.Unlock()
	old, ok := b.store.Topic(t.Name)
	if !ok {
		if err := b.roomForTopic(b.opts.MaxTopics); err != nil {
			return err
		}
	}
	var err error
	if t.Attributes, err = changeAttributes(old.Attributes, attributes); err != nil {
		return err
	}
	if err := b.store.PutTopic(t); err != nil {
		return err
	}
	b.said.Log("topic set", "topic", t.Name, "readQueues", t.ReadQueueNums, "writeQueues", t.WriteQueueNums, "perm", t.Perm)
	return nil
}

// checkTopic refuses settings of a topic that cannot work.
func (b *Broker) checkTopic(t *table.Topic) error {
	if err := table.CheckTopicName(t.Name); err != nil {
		return err
	}
	const permPriority = 1 << 3
	switch {
	case b.systemTopic(t.Name):
		return refuse(remoting.RespInvalidParameter, "topic %s belongs to the system", t.Name)
	case t.ReadQueueNums < 0 || t.ReadQueueNums > maxQueues || t.WriteQueueNums < 0 || t.WriteQueueNums > maxQueues:
		return refuse(remoting.RespInvalidParameter, "%d queues to read and %d to write; 0 to %d are allowed", t.ReadQueueNums, t.WriteQueueNums, maxQueues)
	case t.Perm&^(permReadWrite|table.PermInherit|permPriority) != 0:
		return refuse(remoting.RespInvalidParameter, "perm %d has unknown bits", t.Perm)
	case t.FilterType == "":
		t.FilterType = singleTag
	case t.FilterType != singleTag && t.FilterType != multiTag:
		return refuse(remoting.RespInvalidParameter, "topicFilterType is %.20q, want %s or %s", t.FilterType, singleTag, multiTag)
	}
	return nil
}

// updateTopics serves UPDATE_AND_CREATE_TOPIC_LIST, 18: each in turn until one
// is refused.
func (b *Broker) updateTopics(req *remoting.Request) error {
	var body struct {
		Topics []table.Topic `json:"topicConfigList"`
	}
	if err := b.decodeJSON(req.Body, &body); err != nil {
		return err
	}
	for _, t := range body.Topics {
		text, err := attributeText(t.Attributes)
		if err != nil {
			return err
		}
		t.Attributes = nil
		if err := b.putTopic(t, text); err != nil {
			return err
		}
	}
	b.registrations.reply(req)
	return nil
}

// deleteTopic serves DELETE_TOPIC_IN_BROKER, 215. There need not be one.
func (b *Broker) deleteTopic(req *remoting.Request) error {
	name := req.Fields.Get("topic")
	if err := b.onlyMaster("delete topics at the master"); err != nil {
		return err
	}
	if err := table.CheckTopicName(name); err != nil {
		return err
	}
	if b.systemTopic(name) {
		return refuse(remoting.RespInvalidParameter, "topic %s belongs to the system", name)
	}
	b.changing.Lock()
	gone, err := b.dropTopic(name)
	b.changing.Unlock()
	for _, name := range gone {
		b.flows.forget(func(k flowKey) bool { return k.topic == name })
		b.said.Log("topic deleted", "topic", name)
	}
	if err != nil {
		return err
	}
	b.registrations.reply(req)
	return nil
}

// dropTopic deletes a topic, if there is one, and as 5.x does the topics in which its
// popped messages come again. It returns those that it has deleted.
func (b *Broker) dropTopic(name string) (gone []string, err error) {
	if _, ok := b.store.Topic(name); !ok {
		return nil, nil
	}
	for _, t := range append(b.popRetryTopics(name), name) {
		if err := b.forgetPopped("", t, func() error { return b.store.DeleteTopic(t) }); err != nil {
			return gone, err
		}
		gone = append(gone, t)
	}
	return gone, nil
}

// allTopics serves GET_ALL_TOPIC_CONFIG, 21. 5.4 asks in pages, and
// is given everything at once: it asks on until it has as many as totalTopicNum says. A slave of ours asks by the field
// deleted for where in the log topics were deleted, also those made again.
func (b *Broker) allTopics(req *remoting.Request) error {
	deleted, err := req.Fields.BoolOr("deleted", false)
	if err != nil {
		return err
	}
	all, version := b.store.Topics()
	if err := roomFor(req, len(all)); err != nil {
		return err
	}
	byName := make(map[string]table.Topic, len(all))
	for _, t := range all {
		byName[t.Name] = t
	}
	var marks map[string]int64
	if deleted { // read behind the topics: one that is not among them has its mark
		marks = b.store.Deleted()
	}
	return replyAll(req, "totalTopicNum", len(all), struct {
		Version table.DataVersion      `json:"dataVersion"`
		Topics  map[string]table.Topic `json:"topicConfigTable"`
		Deleted map[string]int64       `json:"deletedTable,omitempty"`
	}{version, byName, marks})
}

// topicConfig serves GET_TOPIC_CONFIG, 351.
func (b *Broker) topicConfig(req *remoting.Request) error {
	t, err := b.topic(req.Fields.Get("topic"))
	if err != nil {
		return err
	}
	return replyJSON(req, t)
}
