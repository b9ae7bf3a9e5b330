package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// administer serves topics, groups and the state of the broker.
func (f *fake) administer(r *remoting.Request) bool {
	switch r.Code {
	case remoting.ReqUpdateAndCreateTopic:
		t := table.Topic{Name: r.Fields.Get("topic"), FilterType: r.Fields.Get("topicFilterType")}
		t.ReadQueueNums, _ = r.Fields.Int32("readQueueNums")
		t.WriteQueueNums, _ = r.Fields.Int32("writeQueueNums")
		t.Perm, _ = r.Fields.Int32("perm")
		f.topics[t.Name] = t
	case remoting.ReqDeleteTopicInBroker, remoting.ReqDeleteTopicInNamesrv:
		delete(f.topics, r.Fields.Get("topic"))
	case remoting.ReqGetAllTopicConfig:
		return reply(r, map[string]any{"topicConfigTable": f.topics})
	case remoting.ReqUpdateAndCreateSubscriptiongroup:
		var g table.Group
		if json.Unmarshal(r.Body, &g) != nil {
			return refuse(r, remoting.RespSystemError)
		}
		f.groups[g.Name] = g
	case remoting.ReqGetAllSubscriptiongroupConfig:
		return reply(r, map[string]any{"subscriptionGroupTable": f.groups})
	case remoting.ReqDeleteSubscriptiongroup:
		delete(f.groups, r.Fields.Get("groupName"))
		if r.Fields.Get("removeOffset") == "true" && r.Fields.Get("cleanOffset") == "true" {
			clear(f.offsets)
		}
	case remoting.ReqGetConsumerConnectionList:
		id, ok := f.online[r.Fields.Get("consumerGroup")]
		if !ok {
			return refuse(r, remoting.RespConsumerNotOnline)
		}
		return reply(r, map[string]any{"connectionSet": []groupConsumer{{ClientID: id, ClientAddr: "192.0.2.9:1234", Language: "JAVA", Version: 407}}})
	case remoting.ReqGetConsumerListByGroup:
		id, ok := f.online[r.Fields.Get("consumerGroup")]
		if !ok {
			return refuse(r, remoting.RespSystemError)
		}
		return reply(r, map[string][]string{"consumerIdList": {id}})
	case remoting.ReqGetConsumeStats:
		return f.consumeStats(r)
	case remoting.ReqGetMetrics:
		r.Reply(&remoting.Response{Body: []byte("pairmq_x 1\n")})
		return true
	case remoting.ReqGetBrokerConfig:
		r.Reply(&remoting.Response{Body: []byte("brokerClusterName=Lan\nbrokerId=2\nbrokerName=box\nlistenPort=10911\n")})
		return true
	case remoting.ReqGetBrokerRuntimeInfo:
		return reply(r, map[string]any{"table": map[string]string{
			"brokerVersionDesc": "V4_9_7", "epoch": "3.1", "brokerRole": f.role, "putTps": "12.34 1.0 0.5", "getTransferedTps": "3.0 1.0 0.5",
			"msgPutTotalTodayNow": "110", "msgPutTotalTodayMorning": "10", "msgGetTotalTodayNow": "30", "msgGetTotalTodayMorning": "5",
			"commitLogMinOffset": "1048576", "commitLogMaxOffset": "4194304", "commitLogDiskRatio": "0.2345",
			"topicBytes Wild": "1572864/2097152", "topicsAtQuota": "Wild", "recentTimes": "send 0.31/2.1 ms, fsync 0.28/1.9 ms",
			"accounts": "users.json is not good",
		}})
	case remoting.ReqDemoteBroker:
		r.Reply(&remoting.Response{Fields: remoting.Fields{{Key: "master", Value: f.heir}}})
		return true
	case remoting.ReqGetRecent:
		r.Reply(&remoting.Response{Body: []byte(f.recent)})
		return true
	default:
		return false
	}
	r.Reply(&remoting.Response{})
	return true
}

// consumeStats answers as brokers do, with queues as keys, unquoted.
func (f *fake) consumeStats(r *remoting.Request) bool {
	var parts []string
	for key, offset := range f.offsets {
		at := strings.Split(key, "/")
		if at[0] == r.Fields.Get("consumerGroup") {
			parts = append(parts, fmt.Sprintf(`{"brokerName":"box","queueId":%s,"topic":"%s"}:{"brokerOffset":%d,"consumerOffset":%d,"lastTimestamp":%d}`,
				at[2], at[1], len(f.queues[at[1]+"/"+at[2]]), offset, storeTime))
		}
	}
	r.Reply(&remoting.Response{Body: []byte(`{"consumeTps":0.0,"offsetTable":{` + strings.Join(parts, ",") + `}}`)})
	return true
}
