package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"pairmq/internal/remoting"
)

// An account is one of plain_acl.yml.
type account struct{ name, secret string }

// accountsFile has the client's account, which may use the client's topic alone, one whose
// secret a stranger has, and an administrator's.
const accountsFile = `accounts:
- accessKey: client-account
  secretKey: "secret-of-the-client"
  topicPerms:
  - Attacked=PUB|SUB
  groupPerms:
  - AttackedConsumer=SUB
- accessKey: taken-account
  secretKey: "secret-that-was-taken"
  topicPerms:
  - Taken=PUB|SUB
- accessKey: admin-account
  secretKey: "secret-of-the-admin"
  admin: true
`

func clientAccount() *account { return &account{"client-account", "secret-of-the-client"} }
func takenAccount() *account  { return &account{"taken-account", "secret-that-was-taken"} }
func adminAccount() *account  { return &account{"admin-account", "secret-of-the-admin"} }

// sign returns the fields of a request as RocketMQ's clients of 4.x sign them: with an
// HMAC-SHA1 over the values, in the order of the keys, and the body.
func (a *account) sign(f remoting.Fields, body []byte) remoting.Fields {
	if a == nil {
		return f
	}
	f = append(slices.Clone(f), remoting.Field{Key: "AccessKey", Value: a.name})
	sorted := slices.Clone(f)
	slices.SortFunc(sorted, func(x, y remoting.Field) int { return strings.Compare(x.Key, y.Key) })
	mac := hmac.New(sha1.New, []byte(a.secret))
	for _, x := range sorted {
		mac.Write([]byte(x.Value))
	}
	mac.Write(body)
	return append(f, remoting.Field{Key: "Signature", Value: base64.StdEncoding.EncodeToString(mac.Sum(nil))})
}

func accountAttacks() []attack {
	all := []attack{
		{name: "ForgedSignatures", what: "requests without a signature, with those of other secrets, names, fields and bodies, cut off, empty, there twice", do: forgedSignatures},
		{name: "ReplayedSignatures", what: "a signed request that was overheard, with another body, topic, queue or group", do: replayedSignatures},
		{name: "HeardAdmin", what: "what an admin has signed, cut into other requests: that make an account, change the configuration, delete, lead elsewhere", do: heardAdmin, outside: configs, names: 1}, // what an admin has signed may be told
		{name: "TakenAccount", what: "what an account asks that may use one topic, of which somebody has the secret: other topics, groups, administration", do: otherThings},
		{name: "SecretsTried", what: "requests signed with guessed secrets, as fast as 8 connections can", time: 3 * time.Second, do: trySecrets},
	}
	for i := range all {
		all[i].on, all[i].needs = accounts, "aclEnable"
	}
	return all
}

// with returns f with another value of a key.
func with(f remoting.Fields, key, value string) remoting.Fields {
	f = slices.Clone(f)
	for i := range f {
		if f[i].Key == key {
			f[i].Value = value
			return f
		}
	}
	return append(f, remoting.Field{Key: key, Value: value})
}

// denied asks both ports of the broker and is wrong unless the answer says that it may not be.
func (s *stranger) denied(what string, code int32, f remoting.Fields, body []byte) {
	for _, port := range []int{brokerPort, olderPort} {
		resp, err := s.ask(port, request(code, f, body))
		switch {
		case err != nil && s.ctx.Err() != nil:
			s.wrong("%s: no answer", what)
		case err != nil:
			s.answer("closed")
		case resp.Code != remoting.RespNoPermission && resp.Code != remoting.RespSystemError:
			s.wrong("%s: answered with %s", what, remoting.ResponseName(resp.Code))
			fallthrough
		default:
			s.answer("%s", remoting.ResponseName(resp.Code))
		}
	}
}

func forgedSignatures(s *stranger) {
	f, body := sendFields(topic, queues, 0), []byte("forged")
	good := takenAccount().sign(f, body)
	for what, g := range map[string]remoting.Fields{
		"no signature":                      f,
		"a name and no signature":           with(f, "AccessKey", "client-account"),
		"a name and an empty signature":     with(with(f, "AccessKey", "client-account"), "Signature", ""),
		"another secret":                    (&account{"client-account", "secret-of-nobody"}).sign(f, body),
		"an empty secret":                   (&account{"client-account", " "}).sign(f, body),
		"the admin's name":                  (&account{"admin-account", "secret-that-was-taken"}).sign(f, body),
		"nobody's name":                     (&account{"nobody-at-all", "secret-that-was-taken"}).sign(f, body),
		"a name of 64 KiB":                  (&account{strings.Repeat("a", 64<<10), "secret-that-was-taken"}).sign(f, body),
		"another name behind the signature": with(good, "AccessKey", "client-account"),
		"two names":                         append(slices.Clone(good), remoting.Field{Key: "AccessKey", Value: "admin-account"}),
		"two signatures":                    append(slices.Clone(good), remoting.Field{Key: "Signature", Value: "AAAAAAAAAAAAAAAAAAAAAAAAAAA="}),
		"a signature cut off":               with(good, "Signature", "AAAA"),
		"a signature of 100 KiB":            with(good, "Signature", strings.Repeat("A", 100<<10)),
		"a signature that is no base64":     with(good, "Signature", "\x00\xff' OR 1=1 --"),
	} {
		s.denied(what, remoting.ReqSendMessageV2, g, body)
	}
	for _, code := range []int32{remoting.ReqPullMessage, remoting.ReqGetBrokerConfig, remoting.ReqUpdateBrokerConfig, remoting.ReqDeleteTopicInBroker, remoting.ReqGetAllTopicConfig, remoting.ReqViewMessageByID, remoting.ReqQueryMessage} {
		s.denied(remoting.RequestName(code)+" without a signature", code, append(pullFields(topic, "AttackedConsumer", 0, 0, 0), fields("key", "k", "offset", "0", "maxNum", "1", "beginTimestamp", "0", "endTimestamp", "9999999999999")...), nil)
	}
}

// replayedSignatures changes what was overheard. What is sent again as it was is taken, as by
// RocketMQ: its clients sign nothing that counts once.
func replayedSignatures(s *stranger) {
	body := []byte("overheard")
	overheard := clientAccount().sign(sendFields(topic, queues, 0), body)
	for key, value := range map[string]string{"b": "Taken", "e": "1", "a": "AnotherProducer", "f": "8", "i": "KEYS\x01k\x02"} {
		s.denied("field "+key+" of a signed request is changed", remoting.ReqSendMessageV2, with(overheard, key, value), body)
	}
	s.denied("the body of a signed request is changed", remoting.ReqSendMessageV2, overheard, []byte("overheaRd"))
	s.denied("the body of a signed request is cut off", remoting.ReqSendMessageV2, overheard, nil)
	s.denied("a field is added to a signed request", remoting.ReqSendMessageV2, with(overheard, "l", "1"), body)
	pulled := clientAccount().sign(pullFields(topic, "AttackedConsumer", 0, 0, 0), nil)
	s.denied("another topic is pulled with a signature", remoting.ReqPullMessage, with(pulled, "topic", "Taken"), nil)
	s.denied("another group pulls with a signature", remoting.ReqPullMessage, with(pulled, "consumerGroup", "Others"), nil)
}

// heardAdmin cuts what an admin has said into other requests. What was signed is the text of
// its values and its body, one behind the other, and not which request it is.
func heardAdmin(s *stranger) {
	a := adminAccount()
	signature := func(f remoting.Fields, body string) string { return a.sign(f, []byte(body)).Get("Signature") }
	head, tail := `{"temp":21,"note":"`, `"}`
	note := "attackerXtrueattackers-secret"
	send := sendFields(topic, queues, 0)
	var before strings.Builder // in the order of the keys, which are letters
	for _, f := range send {
		before.WriteString(f.Value)
	}
	message := signature(send, head+note+tail)
	group := `{"groupName":"G1","consumeEnable":true,"retryMaxTimes":16}`
	made, topicOf, nothing := signature(nil, group), signature(fields("topic", topic), ""), signature(nil, "")
	for _, r := range []struct {
		what, signed string
		code         int32
		f            remoting.Fields
		body         string
	}{
		{"a message becomes an account, with a field for the rest", message, remoting.ReqUpdateAndCreateACLConfig, fields("B", before.String()+head, "accessKey", "attackerX", "admin", "true", "secretKey", "attackers-secret"), tail},
		{"a message becomes an account", message, remoting.ReqUpdateAndCreateACLConfig, fields("accessKey", before.String()+head+"attackerX", "admin", "true", "secretKey", "attackers-secret"+tail), ""},
		{"a message becomes a setting", message, remoting.ReqUpdateBrokerConfig, fields("lo", before.String()), head + note + tail},
		{"a message becomes a setting of the broker alone", message, remoting.ReqUpdateBrokerConfig, nil, before.String() + head + note + tail},
		{"a group becomes an account", made, remoting.ReqUpdateAndCreateACLConfig, fields("accessKey", `{"groupName":"G1","consumeEnable":`, "admin", "true", "secretKey", `,"retryMaxTimes":16}`), ""},
		{"a group becomes a setting", made, remoting.ReqUpdateBrokerConfig, nil, group},
		{"a look at a topic becomes its end", topicOf, remoting.ReqDeleteTopicInBroker, fields("topic", "other", "topic", topic), ""},
		{"a look at a topic becomes the end of a group", topicOf, remoting.ReqDeleteSubscriptiongroup, fields("groupName", "AttackedConsumer", "x", topic), ""},
		{"a look at a topic becomes a change of roles", topicOf, remoting.ReqDemoteBroker, fields("SecurityToken", topic), ""},
		{"a look at a topic becomes the log", topicOf, remoting.ReqReadLog, fields("x", topic), ""},
		{"a look becomes a setting", nothing, remoting.ReqUpdateBrokerConfig, fields("x", ""), ""},
		{"a look becomes addresses that need no account", nothing, remoting.ReqUpdateGlobalWhiteAddrsConfig, fields("globalWhiteAddrs", ""), ""},
	} {
		pause(s.ctx, 20*time.Millisecond)
		s.must(brokerPort, r.what, request(r.code, append(r.f, fields("AccessKey", a.name, "Signature", r.signed)...), []byte(r.body)))
	}
}

// otherThings are asked by who may use one topic.
func otherThings(s *stranger) {
	a := takenAccount()
	ask := func(what string, code int32, f remoting.Fields, body []byte) {
		s.denied(what, code, a.sign(f, body), body)
	}
	ask("a message to the client's topic", remoting.ReqSendMessageV2, sendFields(topic, queues, 0), []byte("x"))
	ask("a pull of the client's topic", remoting.ReqPullMessage, pullFields(topic, "AttackedConsumer", 0, 0, 0), nil)
	ask("an offset of the client's group", remoting.ReqUpdateConsumerOffset, fields("consumerGroup", "AttackedConsumer", "topic", topic, "queueId", "0", "commitOffset", "999999"), nil)
	ask("the configuration changed", remoting.ReqUpdateBrokerConfig, nil, []byte("brokerPermission=4"))
	ask("the client's topic deleted", remoting.ReqDeleteTopicInBroker, fields("topic", topic), nil)
	ask("a topic made", remoting.ReqUpdateAndCreateTopic, fields("topic", "More", "defaultTopic", "TBW102", "readQueueNums", "1", "writeQueueNums", "1", "perm", "6", "topicFilterType", "SINGLE_TAG", "topicSysFlag", "0", "order", "false"), nil)
	ask("all topics", remoting.ReqGetAllTopicConfig, nil, nil)
	ask("the log", remoting.ReqReadLog, fields("offset", "0"), nil)
	ask("accounts changed", remoting.ReqUpdateAndCreateACLConfig, fields("accessKey", "taken-account", "secretKey", "secret-that-was-taken", "admin", "true"), nil)
	beat := []byte(`{"clientID":"x","consumerDataSet":[{"groupName":"AttackedConsumer","consumeType":"CONSUME_PASSIVELY","messageModel":"CLUSTERING","consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","subscriptionDataSet":[{"topic":"Attacked","subString":"*"}]}]}`)
	ask("a member of the client's group", remoting.ReqHeartBeat, nil, beat)
}

func trySecrets(s *stranger) {
	body := bytes.Repeat([]byte("x"), 64)
	s.crowd(8, func(i int) {
		nc, err := s.dialFrom(i, brokerPort)
		if err != nil {
			s.answer("refused")
			return
		}
		defer nc.Close()
		for n := 0; s.ctx.Err() == nil; n++ {
			guess := account{"client-account", "guess" + strings.Repeat("x", n%20)}
			resp, err := s.askOn(nc, request(remoting.ReqSendMessageV2, guess.sign(sendFields(topic, queues, 0), body), body))
			if err != nil {
				return
			}
			s.refused("a guessed secret", resp)
		}
	})
}
