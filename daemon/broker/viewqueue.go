package broker

import (
	"fmt"

	"pairmq/internal/remoting"
	"pairmq/store/index"
)

// maxViewed is how many entries of a consume queue are shown at once.
const maxViewed = 1024

// A queueEntry is one entry of a consume queue as mqadmin's queryCq shows it.
type queueEntry struct {
	Eval      bool  `json:"eval"`
	PhyOffset int64 `json:"physicOffset"` // bytes
	Size      int32 `json:"physicSize"`   // bytes
	TagsCode  int64 `json:"tagsCode"`
}

// viewQueue serves QUERY_CONSUME_QUEUE, 321: entries of a consume queue from an index
// (queue offset) on, and what a group subscribes to. Past the end there are none, and
// the remark says so; as with RocketMQ that is a success.
func (b *Broker) viewQueue(req *remoting.Request) error {
	q, err := queueOf(req)
	if err != nil {
		return err
	}
	from, err := req.Fields.Int64("index")
	if err != nil {
		return err
	}
	count, err := req.Fields.Int32("count")
	if err != nil {
		return err
	}
	t, ok := b.store.Topic(q.topic)
	if !ok || q.queueID >= queuesOf(&t) {
		return refuse(remoting.RespSystemError, "%d@%.127s is not exist!", q.queueID, q.topic)
	}
	var body struct {
		FilterData       string            `json:"filterData,omitempty"`
		MaxQueueIndex    int64             `json:"maxQueueIndex"`
		MinQueueIndex    int64             `json:"minQueueIndex"`
		QueueData        []queueEntry      `json:"queueData"`
		SubscriptionData *subscriptionData `json:"subscriptionData,omitempty"`
	}
	body.MinQueueIndex, body.MaxQueueIndex = b.store.MinOffset(q.topic, q.queueID), b.store.MaxOffset(q.topic, q.queueID)
	if group, ok := req.Fields.Lookup("consumerGroup"); ok {
		if body.SubscriptionData = b.subscriptionOf(group, q.topic); body.SubscriptionData == nil {
			body.FilterData = fmt.Sprintf("%.255s@%s is not online!", group, q.topic)
		}
	}
	var remark string
	if from < body.MinQueueIndex || from >= body.MaxQueueIndex {
		remark = fmt.Sprintf("Index %d of %d@%s is not exist!", from, q.queueID, q.topic)
	} else {
		units := make([]index.Unit, min(max(count, 0), maxViewed))
		for _, u := range units[:b.store.Units(q.topic, q.queueID, from, units)] {
			body.QueueData = append(body.QueueData, queueEntry{PhyOffset: u.PhyOffset, Size: u.Size, TagsCode: u.TagsCode})
		}
	}
	return replyRemark(req, remark, body)
}
