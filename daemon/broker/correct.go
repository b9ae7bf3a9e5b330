package broker

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// cloneOffsets serves CLONE_GROUP_OFFSET, 314: one group gets the offsets that another
// one has in a topic, or in all. RocketMQ clones nothing without a topic. Unless offline
// says otherwise, topics that the other group is online for and does not subscribe to
// are left out.
func (b *Broker) cloneOffsets(req *remoting.Request) error {
	if err := b.onlyMaster("clone offsets at the master"); err != nil {
		return err
	}
	from, topic := req.Fields.Get("srcGroup"), req.Fields.Get("topic")
	offline, err := req.Fields.BoolOr("offline", false)
	if err != nil {
		return err
	}
	to, err := b.group(req.Fields.Get("destGroup"))
	if err != nil {
		return err
	}
	online, isOnline := b.clients.group(from)
	var all []table.Offset
	for _, o := range b.store.Offsets(from) {
		_, subscribes := online.Subscriptions[o.Topic]
		if topic != "" && o.Topic != topic || isOnline && !subscribes && !offline {
			continue
		}
		if _, ok := b.store.Topic(o.Topic); ok {
			all = append(all, table.Offset{Group: to.Name, Topic: o.Topic, QueueID: o.QueueID, Offset: o.Offset})
		}
	}
	if len(all) > 0 {
		if err := b.resetPopped(all); err != nil {
			return err
		}
		b.said.Log("consumer offsets cloned", "from", from, "to", to.Name, "queues", len(all))
	}
	replyDone(req)
	return nil
}

// correctionOffsets serves QUERY_CORRECTION_OFFSET, 308: how far the slowest group is in
// each queue of a topic, without those of filterGroups and where it is before the
// queue's first message; the greatest number there is where compareGroup is slower.
func (b *Broker) correctionOffsets(req *remoting.Request) error {
	topic, compared := req.Fields.Get("topic"), req.Fields.Get("compareGroup")
	without := strings.Split(req.Fields.Get("filterGroups"), ",")
	least, own := map[int32]int64{}, map[int32]int64{}
	for group, list := range b.store.AllOffsets() {
		for _, o := range list {
			if o.Topic != topic {
				continue
			}
			if group == compared {
				own[o.QueueID] = o.Offset
			}
			if slices.Contains(without, group) || o.Offset < b.store.MinOffset(topic, o.QueueID) {
				continue
			}
			if have, ok := least[o.QueueID]; !ok || o.Offset < have {
				least[o.QueueID] = o.Offset
			}
		}
	}
	body := []byte(`{"correctionOffsets":{`)
	for i, q := range slices.Sorted(maps.Keys(least)) {
		offset := least[q]
		if at, ok := own[q]; ok && offset > at {
			offset = math.MaxInt64
		}
		if i > 0 {
			body = append(body, ',')
		}
		body = append(strconv.AppendInt(body, int64(q), 10), ':') // as Java has it, not in quotes
		body = strconv.AppendInt(body, offset, 10)
	}
	replyBody(req, append(body, '}', '}'))
	return nil
}
