package main

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"strings"
	"time"

	"pairmq/internal/remoting"
)

func bodyAttacks() []attack {
	return []attack{
		{name: "DeepJSONBody", what: "4 MiB of brackets as the body of each request that has JSON in it, and 64 KiB of each other", do: deepBodies, quiet: true},
		{name: "HugeJSONBody", what: "heartbeats of 15 MiB with 100,000 groups, batches of locks and topics as large, registrations of 10 MiB, 8 at a time", time: 5 * time.Second, do: hugeBodies, quiet: true},
		{name: "ZipBombs", what: "registrations of 1 MiB that unfold to 1 GiB, bombs within bombs, 8 at a time", time: 3 * time.Second, do: zipBombs, quiet: true},
		{name: "CompressedMessages", what: "messages said to be compressed that would unfold to 1 GiB, in batches too", do: compressedMessages, quiet: true},
		{name: "RecordLies", what: "messages whose properties, topics and batches lie about their lengths", do: recordLies, quiet: true},
		{name: "Expressions", what: "SQL92 expressions of 200 KiB: nested, endless lists, 1,000 ANDs", do: expressions, quiet: true},
		{name: "ManyClients", what: "heartbeats of ever new clients and groups over 20 connections", time: 3 * time.Second, do: manyClients, quiet: true,
			pending: "each group that a stranger makes up is two lines of log", until: []string{"maxClientsPerGroup"}, names: 2},
	}
}

// jsonBodies are the requests whose body is JSON, by the port that has them.
func jsonBodies() map[int32]int {
	return map[int32]int{
		remoting.ReqHeartBeat: brokerPort, remoting.ReqCheckClientConfig: brokerPort, remoting.ReqLockBatchMQ: brokerPort, remoting.ReqUnlockBatchMQ: brokerPort,
		remoting.ReqUpdateAndCreateTopicList: brokerPort, remoting.ReqUpdateAndCreateSubscriptiongroup: brokerPort, remoting.ReqUpdateAndCreateSubscriptiongroupList: brokerPort,
		remoting.ReqQueryAssignment: brokerPort, remoting.ReqSetMessageRequestMode: brokerPort, remoting.ReqBatchAckMessage: brokerPort,
		remoting.ReqRegisterBroker: namesrvPort, remoting.ReqRegisterTopicInNamesrv: namesrvPort,
	}
}

func deepBodies(s *stranger) {
	const deep = 4 << 20
	bodies := map[string][]byte{
		"lists": bytes.Repeat([]byte("["), deep), "objects": bytes.Repeat([]byte(`{"a":`), deep/5),
		"lists in a member": []byte(`{"clientID":"x","consumerDataSet":` + strings.Repeat("[", deep)),
	}
	for code, port := range jsonBodies() {
		for shape, body := range bodies {
			frame := request(code, fields("brokerName", "gw", "brokerAddr", strangerIP+":10911", "clusterName", "DefaultCluster", "haServerAddr", strangerIP+":10912", "brokerId", "7", "topic", "T"), body)
			s.mustNot(port, remoting.RequestName(code)+" with "+shape, frame)
		}
	}
	for _, port := range []int{brokerPort, namesrvPort} {
		var p pipe
		for i, code := range namedCodes() {
			p.ask(s, port, request(code, fields("topic", "T"), [][]byte{bodies["lists"], bodies["objects"]}[i%2][:64<<10]))
		}
		p.close()
	}
}

// mustNot is must, of what is asked again and again until the attack is over.
func (s *stranger) mustNot(port int, what string, frame []byte) {
	resp, err := s.ask(port, frame)
	switch {
	case err != nil && s.ctx.Err() != nil:
	case err != nil:
		s.answer("closed")
	default:
		s.refused(what, resp)
	}
}

func hugeBodies(s *stranger) {
	const size = 15 << 20
	repeat := func(head, item, tail string) []byte {
		return []byte(head + strings.TrimSuffix(strings.Repeat(item+",", (size-len(head)-len(tail))/(len(item)+1)), ",") + tail)
	}
	group := `{"groupName":"g","consumeType":"CONSUME_PASSIVELY","messageModel":"CLUSTERING","consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","subscriptionDataSet":[{"topic":"T","subString":"*"}]}`
	locks := repeat(`{"consumerGroup":"g","clientId":"x","mqSet":[`, `{"topic":"T","brokerName":"gw","queueId":1}`, `]}`)
	type frame struct {
		port int
		b    []byte
	}
	ask := func(code int32, body []byte) frame { return frame{brokerPort, request(code, nil, body)} }
	frames := []frame{ // made once: strangers have machines of their own
		{namesrvPort, request(remoting.ReqRegisterBroker, fields("brokerName", "huge", "brokerAddr", strangerIP+":10911", "clusterName", "DefaultCluster", "haServerAddr", strangerIP+":10912", "brokerId", "0"),
			repeat(`{"topicConfigSerializeWrapper":{"topicConfigTable":{`, `"T":{"topicName":"T","readQueueNums":8,"writeQueueNums":8,"perm":6}`, `}}}`)[:10<<20])},
		ask(remoting.ReqHeartBeat, repeat(`{"clientID":"x","consumerDataSet":[`, group, `]}`)),
		ask(remoting.ReqHeartBeat, repeat(`{"clientID":"x","producerDataSet":[`, `{"groupName":"g"}`, `]}`)),
		ask(remoting.ReqLockBatchMQ, locks),
		{brokerPort, request(remoting.ReqLockBatchMQ, fields("padding", strings.Repeat("x", 20<<10)), locks)},
		{brokerPort, request(remoting.ReqLockBatchMQ, fields("padding", strings.Repeat("x", 100<<10)), locks)},
		ask(remoting.ReqUpdateAndCreateTopicList, repeat(`{"topicConfigList":[`, `{"topicName":"T","readQueueNums":1,"writeQueueNums":1,"perm":99}`, `]}`)),
		{brokerPort, request(remoting.ReqSendMessageV2, sendFields("Huge", 1, 0), locks)},
	}
	s.again(8, func(i int) {
		f := frames[i%len(frames)]
		nc, err := s.dial(f.port)
		if err != nil {
			s.answer("refused")
			return
		}
		defer nc.Close()
		switch resp, err := s.askOn(nc, f.b); {
		case err != nil && s.ctx.Err() == nil:
			s.answer("closed")
		case err == nil:
			s.refused("a body of 10 MiB or more", resp)
		}
	})
}

// bomb is what a MiB of b after b becomes in zlib's form, as often as asked for. From the
// second one on each is the same bytes, so that they are made once; it has no end.
func bomb(b []byte, mib int) []byte {
	var out bytes.Buffer
	w, _ := zlib.NewWriterLevel(&out, zlib.BestCompression)
	chunk := bytes.Repeat(b, max(1, (1<<20)/len(b)))
	var ends [2]int
	for i := range ends {
		_, _ = w.Write(chunk)
		_ = w.Flush()
		ends[i] = out.Len()
	}
	return append(out.Bytes(), bytes.Repeat(out.Bytes()[ends[0]:ends[1]], mib-2)...)
}

// packed is b in zlib's form.
func packed(b []byte) []byte {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

func zipBombs(s *stranger) {
	zeros := bomb(make([]byte, 1024), 1024)
	bombs := map[string][]byte{
		"1 GiB of zeros": zeros, "a bomb of bombs": packed(zeros),
		// A table that announces all it can, and then goes on without an end.
		"an endless table": bomb([]byte{0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 1}, 256),
	}
	s.again(8, func(i int) {
		for what, body := range bombs {
			s.mustNot(namesrvPort, what, request(remoting.ReqRegisterBroker, fields("brokerName", "bomb", "brokerAddr", strangerIP+":10911", "clusterName", "DefaultCluster",
				"haServerAddr", strangerIP+":10912", "brokerId", "0", "compressed", fmt.Sprint(i%2 == 0)), body))
		}
	})
}

// compressedMessages are stored as they come or not at all; nobody here unfolds them.
func compressedMessages(s *stranger) {
	zeros := bomb(make([]byte, 1024), 1024)
	const compressed = "1"
	s.crowd(4, func(i int) {
		nc, err := s.dial(brokerPort)
		if err != nil {
			s.answer("refused")
			return
		}
		defer nc.Close()
		for range 3 { // it is no flood: others have a disk to write to
			f := sendFields("Bombs", 1, 0)
			for k := range f {
				if f[k].Key == "f" {
					f[k].Value = compressed
				}
			}
			code := int32(remoting.ReqSendMessageV2)
			if i%2 == 1 {
				code = remoting.ReqSendBatchMessage
			}
			resp, err := s.askOn(nc, request(code, f, zeros))
			if err != nil {
				return
			}
			s.answer("%s", remoting.ResponseName(resp.Code))
		}
	})
}

// recordLies are messages that would be damage if they were stored as they came.
func recordLies(s *stranger) {
	with := func(pairs ...string) []byte {
		f := sendFields("Lies", 1, 0)
		for i := 0; i < len(pairs); i += 2 {
			for k := range f {
				if f[k].Key == pairs[i] {
					f[k].Value = pairs[i+1]
				}
			}
		}
		return request(remoting.ReqSendMessageV2, f, []byte("body"))
	}
	batch := func(b []byte) []byte { return request(remoting.ReqSendBatchMessage, sendFields("Lies", 1, 0), b) }
	lies := map[string][]byte{
		"properties of 40 KiB": with("i", strings.Repeat("k\x01v\x02", 10<<10)), "a topic of 128": with("b", strings.Repeat("t", 128)), "a topic of 255": with("b", strings.Repeat("t", 255)),
		"a queue of 2^31": with("e", "2147483648"), "a queue of 70000": with("e", "70000"), "no topic": with("b", ""),
		"a body beyond maxMessageSize":       request(remoting.ReqSendMessageV2, sendFields("Lies", 1, 0), make([]byte, 5<<20)),
		"a batch of 2 GiB":                   batch([]byte("\x7f\xff\xff\xff\x00\x00\x00\x00")),
		"a batch of -1":                      batch([]byte("\xff\xff\xff\xff\x00\x00\x00\x00")),
		"a batch of 0":                       batch(make([]byte, 64)),
		"half of a batch":                    batch([]byte("\x00\x00\x00\x40\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x10body")),
		"an offset that is no number":        request(remoting.ReqPullMessage, append(fields("queueOffset", "; DROP TABLE"), pullFields("Lies", "Lies", 0, 0, 0)[:3]...), nil),
		"a transaction nobody began":         request(remoting.ReqEndTransaction, fields("producerGroup", "g", "tranStateTableOffset", "-1", "commitLogOffset", "9223372036854775807", "commitOrRollback", "8", "msgId", "x"), nil),
		"a message sent back of nowhere":     request(remoting.ReqConsumerSendMsgBack, fields("offset", "9223372036854775807", "group", "AttackedConsumer", "delayLevel", "-1"), nil),
		"an offset of the log far beyond it": request(remoting.ReqViewMessageByID, fields("offset", "9223372036854775807"), nil),
		"a negative offset of the log":       request(remoting.ReqViewMessageByID, fields("offset", "-9223372036854775808"), nil),
	}
	for what, frame := range lies {
		s.mustNot(brokerPort, what, frame)
	}
}

func expressions(s *stranger) {
	all := map[string]string{
		"nested": strings.Repeat("(", 100000) + "a=1" + strings.Repeat(")", 100000), "NOTs": strings.Repeat("NOT ", 50000) + "a=1", "minus": "a = " + strings.Repeat("-", 100000) + "1",
		"ANDs": strings.TrimSuffix(strings.Repeat("a LIKE '%a%a%a%a%' AND ", 8000), " AND "), "a list": "a IN (" + strings.TrimSuffix(strings.Repeat("'x',", 40000), ",") + ")",
		"a string without an end": "a = '" + strings.Repeat("x", 200000),
	}
	for what, e := range all {
		f := pullFields(topic, "Expressions", 0, 0, 0)
		for k := range f {
			switch f[k].Key {
			case "subscription":
				f[k].Value = e
			case "expressionType":
				f[k].Value = "SQL92"
			}
		}
		resp, err := s.ask(brokerPort, request(remoting.ReqPullMessage, f, nil))
		if err != nil {
			s.answer("closed")
			continue
		}
		s.answer("%s", remoting.ResponseName(resp.Code)) // one that is right may be evaluated
		_ = what
	}
}

func manyClients(s *stranger) {
	s.crowd(20, func(i int) {
		nc, err := s.dialFrom(i, brokerPort)
		if err != nil {
			s.answer("refused")
			return
		}
		defer nc.Close()
		go io.Copy(io.Discard, nc)
		for n := 0; s.ctx.Err() == nil; n++ {
			var groups strings.Builder
			for g := range 50 {
				fmt.Fprintf(&groups, `,{"groupName":"Flood_%d_%d_%d","consumeType":"CONSUME_PASSIVELY","messageModel":"CLUSTERING","consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","subscriptionDataSet":[{"topic":"TBW102","subString":"*"}]}`, i, n, g)
			}
			body := fmt.Sprintf(`{"clientID":"flood-%d-%d","consumerDataSet":[%s],"producerDataSet":[{"groupName":"FloodP_%d_%d"}]}`, i, n, groups.String()[1:], i, n)
			if s.send(nc, request(remoting.ReqHeartBeat, nil, []byte(body))) != nil {
				s.answer("closed")
				return
			}
		}
		s.answer("taken")
	})
}
