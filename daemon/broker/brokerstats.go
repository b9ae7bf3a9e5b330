package broker

import (
	"strings"
	"time"

	"pairmq/internal/remoting"
)

// A statsItem is what has gone in a window, as tools are shown it.
type statsItem struct {
	Sum int64   `json:"sum"`
	TPS float64 `json:"tps"`
	Avg float64 `json:"avgpt"` // per call
}

// brokerStats serves VIEW_BROKER_STATS_DATA, 315: how much has gone of what the fields
// name, in about the last minute, hour and day, or since the broker started.
func (b *Broker) brokerStats(req *remoting.Request) error {
	name, key := req.Fields.Get("statsName"), req.Fields.Get("statsKey")
	f := b.flowOf(name, key)
	if f == nil { // RocketMQ's remark
		return refuse(remoting.RespSystemError, "The stats <%.64s> <%.512s> not exist", name, key)
	}
	gone, took := b.flows.since(f, time.Now())
	var items [windowCount]statsItem
	for i := range items {
		sum := gone[i].messages
		if strings.HasSuffix(name, "_SIZE") {
			sum = gone[i].bytes
		}
		items[i] = statsItem{Sum: sum, TPS: rate(sum, took[i])}
		if gone[i].calls > 0 {
			items[i].Avg = float64(sum) / float64(gone[i].calls)
		}
	}
	return replyJSON(req, map[string]statsItem{"statsMinute": items[perMinute], "statsHour": items[perHour], "statsDay": items[perDay]})
}

// flowOf is the flow that RocketMQ's BrokerStatsManager knows by a name and a key, nil
// if there is none.
func (b *Broker) flowOf(name, key string) *flow {
	all := *b.flows.all.Load()
	topic, group, pair := strings.Cut(key, "@")
	switch name {
	case "TOPIC_PUT_NUMS", "TOPIC_PUT_SIZE":
		return all[flowKey{kind: flowPut, topic: key}]
	case "GROUP_GET_NUMS", "GROUP_GET_SIZE":
		if pair {
			return all[flowKey{flowGet, topic, group}]
		}
	case "SNDBCK_PUT_NUMS":
		if pair {
			return all[flowKey{flowBack, topic, group}]
		}
	case "BROKER_PUT_NUMS":
		if key == b.opts.Cluster {
			return &b.flows.in
		}
	case "BROKER_GET_NUMS":
		if key == b.opts.Cluster {
			return &b.flows.out
		}
	}
	return nil
}
