package broker

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"pairmq/daemon/broker/schedule"
	"pairmq/daemon/broker/transaction"
	"pairmq/internal/remoting"
	"pairmq/store/index"
	"pairmq/store/table"
)

// allConsumerOffsets serves GET_ALL_CONSUMER_OFFSET, 43, by which slaves copy
// them: those of every group, configured or not, and how far transactions are as those
// of RocketMQ's group for it. A slave of ours asks by the field
// resets for the versions of those that were reset: a later offset of its own
// gives way to these.
func (b *Broker) allConsumerOffsets(req *remoting.Request) error {
	// A 5.4.0 slave fails where there is no version, before it writes anything.
	version, err := json.Marshal(table.DataVersion{Timestamp: b.started.UnixMilli()})
	if err != nil {
		return err
	}
	body := append(append([]byte(`{"dataVersion":`), version...), `,"offsetTable":`...)
	resets, err := req.Fields.BoolOr("resets", false)
	if err != nil {
		return err
	}
	all := b.store.AllOffsets()
	queues := 0
	for _, of := range all {
		queues += len(of)
	}
	if err := req.Reserve(queues * 100); err != nil { // some of each are of one topic
		return err
	}
	delete(all, transaction.Group) // what clients may have committed
	if halves, ops, ok := b.transactionProgress(); ok {
		all[transaction.Group] = []index.GroupOffset{{Topic: transaction.HalfTopic, Offset: halves}, {Topic: transaction.OpTopic, Offset: ops}}
	}
	if body, err = appendOffsets(body, all); err != nil {
		return err
	}
	if resets {
		if body, err = appendOffsets(append(body, `,"resetTable":`...), versionsOf(all)); err != nil {
			return err
		}
	}
	replyBody(req, append(body, '}'))
	return nil
}

// allDelayOffsets serves GET_ALL_DELAY_OFFSET, 45: how far delayed messages were
// delivered, by level, as RocketMQ keeps it in delayOffset.json. A slave of ours takes
// log as well: only with the log before that offset, in bytes, it has what was delivered.
// By that it takes how far halves of transactions (0) and their ops (1) are as well.
// Their keys are quoted: a 5.4.0 slave fails on what it does not know if that is no strict JSON.
func (b *Broker) allDelayOffsets(req *remoting.Request) error {
	body := []byte(`{"offsetTable":{`)
	for i, o := range b.delayOffsets() {
		if i > 0 {
			body = append(body, ',')
		}
		body = strconv.AppendInt(body, int64(o.QueueID)+1, 10)
		body = strconv.AppendInt(append(body, ':'), o.Offset, 10)
	}
	body = append(body, '}')
	if halves, ops, ok := b.transactionProgress(); ok {
		body = strconv.AppendInt(append(body, `,"transactions":{"0":`...), halves, 10)
		body = append(strconv.AppendInt(append(body, `,"1":`...), ops, 10), '}')
	}
	body = strconv.AppendInt(append(body, `,"log":{"0":`...), b.store.Durable(), 10) // read after the offsets
	replyBody(req, append(body, "}}"...))
	return nil
}

// delayOffsets are those of the levels of which something was delivered, by queueId.
func (b *Broker) delayOffsets() []index.GroupOffset {
	return slices.DeleteFunc(b.store.AllProgress(), func(o index.GroupOffset) bool { return o.Topic != schedule.Topic })
}

// transactionProgress is how far halves and ops are worked off, false if none are. Ops are
// read first: some that are not needed any more do no harm.
func (b *Broker) transactionProgress() (halves, ops int64, ok bool) {
	if ops, ok = b.store.Progress(transaction.OpTopic, 0); ok {
		halves, _ = b.store.Progress(transaction.HalfTopic, 0)
	}
	return halves, ops, halves > 0
}

// versionsOf are the versions of the offsets that were ever reset, in their place.
func versionsOf(all map[string][]index.GroupOffset) map[string][]index.GroupOffset {
	versions := map[string][]index.GroupOffset{}
	for group, list := range all {
		for _, o := range list {
			if o.Version > 0 {
				o.Offset = int64(o.Version)
				versions[group] = append(versions[group], o)
			}
		}
	}
	return versions
}

// appendOffsets appends offsets by group as RocketMQ has them in JSON, with the
// queueId not in quotes: {"topic@group":{0:5}}.
func appendOffsets(dst []byte, all map[string][]index.GroupOffset) ([]byte, error) {
	byKey := map[string][]index.GroupOffset{}
	for group, list := range all {
		for _, o := range list {
			key := o.Topic + "@" + group
			byKey[key] = append(byKey[key], o)
		}
	}
	dst = append(dst, '{')
	for i, key := range slices.Sorted(maps.Keys(byKey)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		name, err := json.Marshal(key)
		if err != nil {
			return dst, err
		}
		dst = append(append(dst, name...), ':')
		for j, o := range byKey[key] {
			dst = append(dst, "{,"[min(j, 1)])
			dst = strconv.AppendInt(dst, int64(o.QueueID), 10)
			dst = strconv.AppendInt(append(dst, ':'), o.Offset, 10)
		}
		dst = append(dst, '}')
	}
	return append(dst, '}'), nil
}
