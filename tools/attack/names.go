package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"pairmq/internal/remoting"
)

func nameAttacks() []attack {
	return []attack{
		{name: "PathTraversal", what: "names that are paths, in 24 places: topics, groups, clients, brokers, clusters, settings, message IDs", do: pathTraversal, outside: litter, quiet: true},
		{name: "EveryName", what: "the same names in every field and every member of a body that names something, of every request code there is", time: 6 * time.Second, again: true, do: everyName, outside: litter, quiet: true},
		{name: "Claims", what: "registrations under this pair's name and addresses with the stranger's, its leave, its permissions wiped, settings for its topics", on: paired, do: claims, outside: whereabouts,
			pending: "the name server takes registrations of anybody", until: []string{"namesrvAllowedBrokers", "adminAddresses"}},
		{name: "RegistrationChurn", what: "made-up brokers that register and hang up, as fast as they can", time: 3 * time.Second, do: registrationChurn,
			pending: "each that comes and goes is a line of log", until: []string{"maxClientsPerGroup"}, names: 2},
		{name: "ManyTopics", what: "messages to ever new topics over 8 connections", time: 3 * time.Second, do: manyTopics, quiet: true,
			pending: "each topic that a stranger makes up is a line of log", until: []string{"maxClientsPerGroup"}, names: 1},
		{name: "ManySettings", what: "settings of 8 KiB put into the name server as fast as it goes", time: 3 * time.Second, do: manySettings, quiet: true,
			pending: "the name server takes settings of anybody", until: []string{"adminAddresses"}},
	}
}

// paths are names that would lead somewhere if a file was called by them.
func paths() []string {
	return []string{"../../../../etc/cron.d/owned", "/etc/owned", "..", ".", "../owned", "a/../../owned", "..\\..\\owned", "conf.d/owned.conf", "a\x00/etc/owned", "\n[Service]\nExecStart=/bin/owned", "$(touch /tmp/owned)", "`touch owned`", "; touch /tmp/owned"}
}

// pathTraversal gives paths as names wherever there are names. Whether one is taken does
// not matter, for most are answered with what nobody made; what counts is that no file
// comes of it.
func pathTraversal(s *stranger) {
	for _, p := range paths() {
		group := fmt.Sprintf(`{"groupName":%q,"consumeEnable":true}`, p)
		beat := fmt.Sprintf(`{"clientID":%q,"consumerDataSet":[{"groupName":%q,"consumeType":"CONSUME_PASSIVELY","messageModel":"BROADCASTING","consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","subscriptionDataSet":[{"topic":%q,"subString":%q}]}],"producerDataSet":[{"groupName":%q}]}`, p, p, p, p, p)
		body := fmt.Sprintf(`{"consumerGroup":%q,"clientId":%q,"mqSet":[{"topic":%q,"brokerName":%q,"queueId":0}]}`, p, p, p, p)
		registration := fields("brokerName", p, "brokerAddr", strangerIP+":10911", "clusterName", p, "haServerAddr", p, "brokerId", "0")
		for _, r := range []struct {
			port int
			code int32
			f    remoting.Fields
			body string
		}{
			{brokerPort, remoting.ReqUpdateAndCreateTopic, fields("topic", p, "defaultTopic", "TBW102", "readQueueNums", "1", "writeQueueNums", "1", "perm", "6", "topicFilterType", "SINGLE_TAG", "topicSysFlag", "0", "order", "false"), ""},
			{brokerPort, remoting.ReqUpdateAndCreateTopicList, nil, fmt.Sprintf(`{"topicConfigList":[{"topicName":%q,"readQueueNums":1,"writeQueueNums":1,"perm":6}]}`, p)},
			{brokerPort, remoting.ReqSendMessageV2, sendFields(p, 1, 0), "x"},
			{brokerPort, remoting.ReqPullMessage, pullFields(p, p, 0, 0, 0), ""},
			{brokerPort, remoting.ReqPopMessage, fields("consumerGroup", p, "topic", p, "queueId", "-1", "maxMsgNums", "1", "invisibleTime", "1000", "pollTime", "0", "bornTime", "0", "initMode", "0"), ""},
			{brokerPort, remoting.ReqUpdateAndCreateSubscriptiongroup, nil, group},
			{brokerPort, remoting.ReqUpdateAndCreateSubscriptiongroupList, nil, `{"groupConfigList":[` + group + `]}`},
			{brokerPort, remoting.ReqUpdateConsumerOffset, fields("consumerGroup", p, "topic", p, "queueId", "0", "commitOffset", "1"), ""},
			{brokerPort, remoting.ReqHeartBeat, nil, beat},
			{brokerPort, remoting.ReqUnregisterClient, fields("clientID", p, "consumerGroup", p, "producerGroup", p), ""},
			{brokerPort, remoting.ReqLockBatchMQ, nil, body},
			{brokerPort, remoting.ReqUnlockBatchMQ, nil, body},
			{brokerPort, remoting.ReqQueryMessage, fields("topic", p, "key", p, "maxNum", "1", "beginTimestamp", "0", "endTimestamp", "1"), ""},
			{brokerPort, remoting.ReqCloneGroupOffset, fields("srcGroup", p, "destGroup", p, "topic", p, "offline", "false"), ""},
			{brokerPort, remoting.ReqDeleteTopicInBroker, fields("topic", p), ""},
			{brokerPort, remoting.ReqDeleteSubscriptiongroup, fields("groupName", p), ""},
			{brokerPort, remoting.ReqRecallMessage, fields("topic", p, "recallHandle", p, "producerGroup", p), ""},
			{brokerPort, remoting.ReqSetMessageRequestMode, nil, fmt.Sprintf(`{"topic":%q,"consumerGroup":%q,"mode":"POP"}`, p, p)},
			{namesrvPort, remoting.ReqRegisterBroker, registration, ""},
			{namesrvPort, remoting.ReqUnregisterBroker, registration, ""},
			{namesrvPort, remoting.ReqPutKVConfig, fields("namespace", p, "key", p, "value", p), ""},
			{namesrvPort, remoting.ReqGetRouteinfoByTopic, fields("topic", p), ""},
			{namesrvPort, remoting.ReqDeleteTopicInNamesrv, fields("topic", p, "clusterName", p), ""},
			{namesrvPort, remoting.ReqRegisterTopicInNamesrv, fields("topic", p), `{"queueDatas":[]}`},
		} {
			resp, err := s.ask(r.port, request(r.code, r.f, []byte(r.body)))
			switch {
			case err != nil && s.ctx.Err() != nil:
				s.wrong("%s with %q: no answer", remoting.RequestName(r.code), p)
				return
			case err != nil:
				s.answer("closed")
			default:
				s.answer("%s", remoting.ResponseName(resp.Code))
			}
		}
	}
}

// litter are the files that are called as what strangers sent, wherever they are.
func litter(_ context.Context, s *scene) (string, error) {
	var all []string
	err := filepath.WalkDir(s.judged.root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case e != nil && e.IsDir() && slices.Contains(kernels(), e.Name()):
			return fs.SkipDir
		case errors.Is(err, fs.ErrNotExist): // the store's own come and go
			return nil
		case err == nil && strings.Contains(path, "owned"):
			all = append(all, path)
		}
		return err
	})
	return strings.Join(all, "\n"), err
}

// naming are the header fields that name something, of any request there is; numbers go
// with them, so that it does not fail for want of these.
func naming() []string {
	return []string{
		"topic", "b", "a", "c", "n", "i", "group", "consumerGroup", "producerGroup", "groupName", "srcGroup", "destGroup", "compareGroup", "filterGroups", "clientId", "clientID", "clientAddr", "consumerId",
		"brokerName", "brokerAddr", "clusterName", "haServerAddr", "masterAddr", "peer", "namespace", "key", "value", "lastKey", "msgId", "offsetMsgId", "originMsgId", "originTopic", "uniqKey", "properties", "tags",
		"recallHandle", "transactionId", "statsName", "statsKey", "attributes", "attemptId", "extraInfo", "exp", "expType", "expressionType", "subscription", "defaultTopic", "topicFilterType", "liteTopic", "lmqTopic",
		"accessKey", "secretKey", "aclFileFullPath", "globalWhiteAddrs", "username", "subject", "resource", "filter", "controllerName", "invokeGroup", "messageQueue", "path", "file", "boot",
	}
}

func numbers() remoting.Fields {
	return fields("queueId", "0", "e", "0", "d", "1", "f", "0", "g", "0", "h", "0", "j", "0", "k", "false", "m", "false", "queueOffset", "0", "maxMsgNums", "1", "sysFlag", "0", "commitOffset", "0", "suspendTimeoutMillis", "0", "subVersion", "0",
		"maxNum", "1", "beginTimestamp", "0", "endTimestamp", "1", "timestamp", "0", "offset", "0", "brokerId", "0", "perm", "6", "readQueueNums", "1", "writeQueueNums", "1", "topicSysFlag", "0", "order", "false", "invisibleTime", "1000",
		"pollTime", "0", "bornTime", "0", "bornTimestamp", "0", "initMode", "0", "delayLevel", "1", "popTime", "0", "flag", "0", "reconsumeTimes", "0", "unitMode", "false", "index", "0", "count", "1", "isForce", "true", "offline", "false",
		"commitOrRollback", "8", "tranStateTableOffset", "0", "commitLogOffset", "0", "defaultTopicQueueNums", "1", "compressed", "false", "bodyCrc32", "0", "start", "0", "size", "1")
}

// everyName gives paths as every name there is.
func everyName(s *stranger) {
	var broker, namesrv pipe
	defer broker.close()
	defer namesrv.close()
	for n, p := range paths() {
		f := numbers()
		for _, key := range naming() {
			f = append(f, remoting.Field{Key: key, Value: p})
		}
		q := strconv.Quote(p)
		if b, err := json.Marshal(p); err == nil {
			q = string(b)
		}
		var body strings.Builder
		for _, key := range append(naming(), "topicName", "mode", "clientIdentity", "selector", "userType", "password") {
			fmt.Fprintf(&body, "%q:%s,", key, q)
		}
		of := strings.NewReplacer("?", q)
		all := "{" + body.String() + of.Replace(`"mqSet":[{"topic":?,"brokerName":?,"queueId":0}],"consumerDataSet":[{"groupName":?,"consumeType":"CONSUME_PASSIVELY","messageModel":"CLUSTERING","consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","subscriptionDataSet":[{"topic":?,"subString":?,"tagsSet":[?],"codeSet":[]}]}],`+
			`"producerDataSet":[{"groupName":?}],"topicConfigList":[{"topicName":?,"readQueueNums":1,"writeQueueNums":1,"perm":6}],"groupConfigList":[{"groupName":?}],"queueDatas":[{"brokerName":?,"readQueueNums":1,"writeQueueNums":1,"perm":6}],"filterServerList":[?],`+
			`"topicConfigSerializeWrapper":{"topicConfigTable":{?:{"topicName":?,"readQueueNums":1,"writeQueueNums":1,"perm":6}}},"acks":[{"c":?,"t":?,"rq":0,"so":0,"q":0,"bm":"AQ==","r":"0"}]}`)
		for i, code := range namedCodes() {
			if (i+n)%64 == 0 {
				pause(s.ctx, 10*time.Millisecond) // it is no flood
			}
			broker.ask(s, brokerPort, request(code, f, []byte(all)))
			namesrv.ask(s, namesrvPort, request(code, f, []byte(all)))
		}
	}
}

// claims would lead this broker's clients, and its slave, to the stranger.
func claims(s *stranger) {
	table := `{"filterServerList":[],"topicConfigSerializeWrapper":{"dataVersion":{"counter":99,"stateVersion":99,"timestamp":4102444800000},"topicConfigTable":{` +
		`"Attacked":{"topicName":"Attacked","readQueueNums":8,"writeQueueNums":8,"perm":6},"TBW102":{"topicName":"TBW102","readQueueNums":8,"writeQueueNums":8,"perm":6}}}}`
	of := func(name, id, addr string) remoting.Fields {
		return fields("brokerName", name, "brokerAddr", addr, "clusterName", "DefaultCluster", "haServerAddr", strangerIP+":10912", "brokerId", id, "compressed", "false", "bodyCrc32", "0")
	}
	for what, frame := range map[string][]byte{
		"this broker at the stranger's address": request(remoting.ReqRegisterBroker, of("gw", "0", strangerIP+":10911"), []byte(table)),
		"a slave of this broker":                request(remoting.ReqRegisterBroker, of("gw", "3", strangerIP+":10911"), []byte(table)),
		"another broker at this one's address":  request(remoting.ReqRegisterBroker, of("other", "0", gatewayIP+":10911"), []byte(table)),
		"this broker leaves":                    request(remoting.ReqUnregisterBroker, of("gw", "0", gatewayIP+":10911"), nil),
		"nobody may write to this broker":       request(remoting.ReqWipeWritePermOfBroker, fields("brokerName", "gw"), nil),
		"the client's topic is gone":            request(remoting.ReqDeleteTopicInNamesrv, fields("topic", topic), nil),
		"the client's topic is elsewhere":       request(remoting.ReqRegisterTopicInNamesrv, fields("topic", topic), []byte(`{"queueDatas":[{"brokerName":"gw","perm":0,"readQueueNums":8,"writeQueueNums":8}]}`)),
		"an ordered topic is elsewhere":         request(remoting.ReqPutKVConfig, fields("namespace", "ORDER_TOPIC_CONFIG", "key", topic, "value", "evil:8"), nil),
	} {
		s.must(namesrvPort, what, frame)
	}
}

func registrationChurn(s *stranger) {
	s.again(4, func(i int) {
		nc, err := s.dialFrom(i, namesrvPort)
		if err != nil {
			s.answer("refused")
			return
		}
		defer nc.Close()
		resp, err := s.askOn(nc, request(remoting.ReqRegisterBroker, fields("brokerName", fmt.Sprintf("churn%d", i), "brokerAddr", fmt.Sprintf("%s:%d", strangerIP, 20000+i), "clusterName", "C", "haServerAddr", strangerIP+":1", "brokerId", "0"), nil))
		if err == nil {
			s.answer("%s", remoting.ResponseName(resp.Code))
		}
	})
}

func manyTopics(s *stranger) {
	s.crowd(8, func(i int) {
		nc, err := s.dialFrom(i, brokerPort)
		if err != nil {
			s.answer("refused")
			return
		}
		defer nc.Close()
		for n := 0; s.ctx.Err() == nil; n++ {
			resp, err := s.askOn(nc, request(remoting.ReqSendMessageV2, sendFields(fmt.Sprintf("Flood_%d_%d", i, n), 8, 0), []byte("x")))
			if err != nil {
				return
			}
			s.answer("%s", remoting.ResponseName(resp.Code))
		}
	})
}

func manySettings(s *stranger) {
	value := string(make([]byte, 0, 8<<10))
	for len(value) < 8<<10 {
		value += "0123456789abcdef"
	}
	s.crowd(4, func(i int) {
		nc, err := s.dialFrom(i, namesrvPort)
		if err != nil {
			s.answer("refused")
			return
		}
		defer nc.Close()
		for n := 0; s.ctx.Err() == nil; n++ {
			resp, err := s.askOn(nc, request(remoting.ReqPutKVConfig, fields("namespace", "Flood", "key", fmt.Sprintf("k_%d_%d", i, n), "value", value), nil))
			if err != nil {
				return
			}
			if resp.Code == remoting.RespSuccess {
				s.wrong("a setting of a stranger is taken")
			}
			s.answer("%s", remoting.ResponseName(resp.Code))
		}
	})
}
