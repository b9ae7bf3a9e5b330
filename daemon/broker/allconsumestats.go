package broker

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/index"
	"pairmq/store/table"
)

// maxConsumeStats is how many bytes of the answer to a request 317 are made.
const maxConsumeStats = 8 << 20

// allConsumeStats serves GET_BROKER_CONSUME_STATS, 317: what 208 says, of each group and
// topic, in a list for each group; isOrder: of ordered topics alone. It reads the log
// for each queue, away from the connections.
func (b *Broker) allConsumeStats(req *remoting.Request) error {
	ordered, err := req.Fields.BoolOr("isOrder", false)
	if err != nil {
		return err
	}
	return b.queries.later(b, req, func(ctx context.Context) error {
		all, _ := b.store.Groups()
		body, behind := []byte(`{"consumeStatsList":[`), int64(0)
		for i, g := range all {
			if i > 0 {
				body = append(body, ',')
			}
			var diff int64
			if body, diff, err = b.appendGroupStats(ctx, body, g.Name, ordered); err != nil {
				return err
			}
			behind += diff
		}
		addr, err := json.Marshal(b.opts.Addr.String())
		if err != nil {
			return err
		}
		replyBody(req, fmt.Appendf(body, `],"brokerAddr":%s,"totalDiff":%d,"totalInflightDiff":0}`, addr, behind))
		return nil
	})
}

// appendGroupStats appends an object with one list: what a group has consumed of each
// topic. diff is how many messages are left to it. It fails beyond maxConsumeStats bytes,
// and when the broker stops.
func (b *Broker) appendGroupStats(ctx context.Context, dst []byte, group string, ordered bool) (body []byte, diff int64, err error) {
	name, err := json.Marshal(group)
	if err != nil {
		return dst, 0, err
	}
	dst = append(append(append(dst, '{'), name...), `:[`...)
	offsets := b.store.Offsets(group)
	for i, s := range b.statsOf(group, "", offsets, ordered) {
		if i > 0 {
			dst = append(dst, ',')
		}
		if err := ctx.Err(); err != nil {
			return dst, 0, err
		}
		if len(dst) > maxConsumeStats {
			return dst, 0, refuse(remoting.RespSystemError, "the answer has more than %d bytes: ask for one group after the other", maxConsumeStats)
		}
		var m queueMap
		left, err := b.addConsumeStats(&m, &s.topic, offsets)
		if err != nil {
			return dst, 0, err
		}
		diff += left
		dst = append(dst, m.body(fmt.Sprintf(`{"consumeTps":%s,"offsetTable":`, decimal(s.tps)))...)
	}
	return append(dst, `]}`...), diff, nil
}

// A consumed is a topic that a group consumes or has consumed.
type consumed struct {
	topic table.Topic
	tps   float64 // messages a second that it was given in the last minute
}

// statsOf are the topics of which a group has offsets, and, while it is online, to which
// it subscribes; only, if not "", is the one that is wanted.
func (b *Broker) statsOf(group, only string, offsets []index.GroupOffset, ordered bool) (all []consumed) {
	online, isOnline := b.clients.group(group)
	for _, name := range topicsOf(offsets) {
		_, subscribes := online.Subscriptions[name]
		if only != "" && name != only || isOnline && !subscribes {
			continue
		}
		if t, ok := b.store.Topic(name); ok && (t.Order || !ordered) {
			all = append(all, consumed{t, b.flows.perSecond(flowKey{flowGet, name, group}, time.Now())})
		}
	}
	return all
}
