package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pairmq/daemon/rights"
	"pairmq/internal/acl"
	"pairmq/internal/remoting"
	"pairmq/store/record"
)

const accountsText = `globalWhiteRemoteAddresses: [198.51.100.*]
accounts:
- accessKey: the-admin
  secretKey: admins-secret
  admin: true
- accessKey: the-app
  secretKey: 12345678
  topicPerms: [T=PUB|SUB]
  groupPerms: [G=SUB]
- accessKey: the-other
  secretKey: 12345678
  topicPerms: [Other=PUB|SUB]
  groupPerms: [OtherG=SUB]
- accessKey: the-sender
  secretKey: 12345678
  topicPerms: [T=PUB]
- accessKey: the-white
  secretKey: 12345678
  whiteRemoteAddress: 192.0.2.7
`

// withAccounts has d serve accounts alone, and sign as its admin; d.client does the same.
func (d *daemonUnderTest) withAccounts(text string) *daemonUnderTest {
	d.t.Helper()
	dir := d.t.TempDir()
	file, tools := filepath.Join(dir, "plain_acl.yml"), filepath.Join(dir, "tools.yml")
	for path, text := range map[string]string{file: text, tools: "accessKey: the-admin\nsecretKey: admins-secret\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			d.t.Fatal(err)
		}
	}
	d.settings = append(d.settings, "aclEnable=true", "aclFile="+file, "aclToolsFile="+tools)
	own, err := acl.ReadCredentials(tools)
	if err != nil {
		d.t.Fatal(err)
	}
	d.client = remoting.NewClient(remoting.ClientOptions{Sign: own.Sign})
	d.t.Cleanup(func() { d.client.Close() })
	return d
}

// callAs sends a request that account signs, or nobody if that is "", to addr.
func callAs(t *testing.T, account, addr string, req *remoting.Command) *remoting.Command {
	t.Helper()
	o := remoting.ClientOptions{}
	if account != "" {
		path := filepath.Join(t.TempDir(), "tools.yml")
		name, secret, _ := strings.Cut(account, ":")
		if secret == "" {
			secret = "12345678"
		}
		if err := os.WriteFile(path, []byte("accessKey: "+name+"\nsecretKey: "+secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		own, err := acl.ReadCredentials(path)
		if err != nil {
			t.Fatal(err)
		}
		o.Sign = own.Sign
	}
	cl := remoting.NewClient(o)
	defer cl.Close()
	r, err := cl.Call(t.Context(), addr, req)
	if err != nil {
		t.Fatalf("%s: %v", remoting.RequestName(req.Code), err)
	}
	return r
}

func fieldsOf(all ...string) (f remoting.Fields) {
	for i := 0; i < len(all); i += 2 {
		f.Add(all[i], all[i+1])
	}
	return f
}

// accountsBroker starts d's broker alone, with accounts.
func accountsBroker(t *testing.T) (d *daemonUnderTest, b *brokerPart) {
	d = newDaemon(t).withAccounts(accountsText)
	d.settings = append(d.settings, "enableNamesrv=false", "namesrvAddr=127.0.0.1:1")
	return d, d.brokerAlone()
}

// TestEveryRequestOfClientsAsksForPermissions: what a client may ask is refused to an account
// that has no permission for its topic, and for its group; not to one that has both.
func TestEveryRequestOfClientsAsksForPermissions(t *testing.T) {
	d, b := accountsBroker(t)
	left := slices.DeleteFunc(b.now.broker.Codes(), func(c int32) bool { row, _ := rights.Of(c); return row.Right != rights.Client })
	for _, topic := range []string{"T", "Other"} {
		r := d.call(d.broker, &remoting.Command{Code: remoting.ReqUpdateAndCreateTopic, Fields: fieldsOf("topic", topic, "defaultTopic", "TBW102", "readQueueNums", "1", "writeQueueNums", "1", "perm", "6", "topicFilterType", "SINGLE_TAG", "topicSysFlag", "0", "order", "false")})
		if r.Code != remoting.RespSuccess {
			t.Fatalf("a topic is answered %d %q", r.Code, r.Remark)
		}
	}
	r := callAs(t, "the-app", d.broker, sendCommand("T", "body"))
	_, at, err := record.ParseMessageID(r.Fields.Get("msgId"))
	if r.Code != remoting.RespSuccess || err != nil {
		t.Fatalf("a send is answered %d %q, %v", r.Code, r.Remark, err)
	}
	half := sendCommand("T", "half")
	half.Fields[len(half.Fields)-1].Value = "TRAN_MSG\x01true\x02PGROUP\x01PG\x02UNIQ_KEY\x01half"
	if r = callAs(t, "the-app", d.broker, half); r.Code != remoting.RespSuccess {
		t.Fatalf("a half is answered %d %q", r.Code, r.Remark)
	}
	_, halfAt, err := record.ParseMessageID(r.Fields.Get("msgId"))
	if err != nil {
		t.Fatal(err)
	}
	pos := strconv.FormatInt(at, 10)
	// T and G stand for topic and group, where the request has them.
	queue := []string{"topic", "T", "consumerGroup", "G", "queueId", "0"}
	pull := append(queue, "queueOffset", "0", "maxMsgNums", "1", "sysFlag", "0", "commitOffset", "0", "suspendTimeoutMillis", "0", "subscription", "*", "subVersion", "0", "expressionType", "TAG")
	pop := append(queue, "maxMsgNums", "1", "invisibleTime", "10000", "pollTime", "0", "bornTime", "0", "initMode", "0", "expType", "TAG", "exp", "*", "order", "false")
	long := []string{"producerGroup", "P", "topic", "T", "defaultTopic", "TBW102", "defaultTopicQueueNums", "1", "queueId", "0", "sysFlag", "0", "bornTimestamp", "0", "flag", "0", "properties", ""}
	short := []string{"a", "P", "b", "T", "c", "TBW102", "d", "1", "e", "0", "f", "0", "g", "0", "h", "0", "i", ""}
	ack := append(queue, "offset", "0", "extraInfo", "0 1 1000 0 0 under-test 0 0", "invisibleTime", "1000")
	topicOnly := []string{"topic", "T", "queueId", "0", "timestamp", "0", "maxNum", "1", "key", "K", "beginTimestamp", "0", "endTimestamp", "1"}
	for code, tt := range map[int32]struct {
		body   string
		fields []string
		alone  bool // the topic or the group alone counts
	}{
		remoting.ReqSendMessage:                {"x", long, true},
		remoting.ReqSendMessageV2:              {"x", short, true},
		remoting.ReqSendBatchMessage:           {"x", short, true},
		remoting.ReqSendReplyMessage:           {"x", long, true},
		remoting.ReqSendReplyMessageV2:         {"x", short, true},
		remoting.ReqConsumerSendMsgBack:        {"", []string{"offset", pos, "group", "G", "delayLevel", "0", "originMsgId", "", "originTopic", "T"}, false},
		remoting.ReqEndTransaction:             {"", []string{"producerGroup", "PG", "topic", "T", "tranStateTableOffset", "0", "commitLogOffset", strconv.FormatInt(halfAt, 10), "commitOrRollback", "8", "msgId", "half"}, true},
		remoting.ReqRecallMessage:              {"", []string{"producerGroup", "P", "topic", "T", "recallHandle", "x"}, true},
		remoting.ReqPullMessage:                {"", pull, false},
		remoting.ReqLitePullMessage:            {"", pull, false},
		remoting.ReqPopMessage:                 {"", pop, false},
		remoting.ReqPeekMessage:                {"", pop, false},
		remoting.ReqNotification:               {"", pop, false},
		remoting.ReqPollingInfo:                {"", pop, false},
		remoting.ReqAckMessage:                 {"", ack, false},
		remoting.ReqChangeMessageInvisibletime: {"", ack, false},
		remoting.ReqBatchAckMessage:            {`{"brokerName":"under-test","acks":[{"c":"G","t":"T","r":"0","so":0,"q":0,"rq":0,"pt":1,"it":1000,"b":"AQ=="}]}`, nil, false},
		remoting.ReqQueryConsumerOffset:        {"", queue, false},
		remoting.ReqUpdateConsumerOffset:       {"", append(queue, "commitOffset", "0"), false},
		remoting.ReqSearchOffsetByTimestamp:    {"", topicOnly, true},
		remoting.ReqGetMaxOffset:               {"", topicOnly, true},
		remoting.ReqGetMinOffset:               {"", topicOnly, true},
		remoting.ReqGetEarliestMsgStoretime:    {"", topicOnly, true},
		remoting.ReqQueryMessage:               {"", topicOnly, true},
		remoting.ReqViewMessageByID:            {"", []string{"topic", "T", "offset", pos}, true},
		remoting.ReqQueryConsumeTimeSpan:       {"", []string{"topic", "T", "group", "G"}, false},
		remoting.ReqGetConsumerListByGroup:     {"", []string{"consumerGroup", "G"}, true},
		remoting.ReqUnregisterClient:           {"", []string{"clientID", "c", "consumerGroup", "G"}, true},
		remoting.ReqHeartBeat:                  {`{"clientID":"c","consumerDataSet":[{"groupName":"G","consumeType":"CONSUME_PASSIVELY","messageModel":"CLUSTERING","subscriptionDataSet":[{"topic":"T","subString":"*"}]}],"producerDataSet":[{"groupName":"P"}]}`, nil, false},
		remoting.ReqCheckClientConfig:          {`{"clientId":"c","group":"G","subscriptionData":{"topic":"T","subString":"*","expressionType":"TAG"}}`, nil, false},
		remoting.ReqLockBatchMQ:                {`{"consumerGroup":"G","clientId":"c","mqSet":[{"topic":"T","brokerName":"under-test","queueId":0}]}`, nil, false},
		remoting.ReqUnlockBatchMQ:              {`{"consumerGroup":"G","clientId":"c","mqSet":[{"topic":"T","brokerName":"under-test","queueId":0}]}`, nil, false},
		remoting.ReqQueryAssignment:            {`{"topic":"T","consumerGroup":"G","clientId":"c","strategyName":"AVG","messageModel":"CLUSTERING"}`, nil, false},
	} {
		name := remoting.RequestName(code)
		ask := func(account, topic, group string) *remoting.Command {
			cmd := &remoting.Command{Code: code, Fields: fieldsOf(tt.fields...), Body: []byte(strings.ReplaceAll(strings.ReplaceAll(tt.body, `"T"`, `"`+topic+`"`), `G"`, group+`"`))}
			for i := range cmd.Fields {
				switch cmd.Fields[i].Value {
				case "T":
					cmd.Fields[i].Value = topic
				case "G":
					cmd.Fields[i].Value = group
				}
			}
			return callAs(t, account, d.broker, cmd)
		}
		denied := func(r *remoting.Command) bool {
			return r.Code == remoting.RespSystemError && strings.HasPrefix(r.Remark, "No default permission for ")
		}
		if r := ask("the-other", "T", "G"); !denied(r) {
			t.Errorf("%s for another's topic and group is answered %d %q", name, r.Code, r.Remark)
		}
		if !tt.alone {
			if r := ask("the-other", "T", "OtherG"); !denied(r) {
				t.Errorf("%s for another's topic in one's own group is answered %d %q", name, r.Code, r.Remark)
			}
			if r := ask("the-other", "Other", "G"); !denied(r) {
				t.Errorf("%s for one's own topic in another's group is answered %d %q", name, r.Code, r.Remark)
			}
		}
		if r := ask("the-app", "T", "G"); denied(r) || strings.Contains(r.Remark, "signature") {
			t.Errorf("%s by who may do it is answered %d %q", name, r.Code, r.Remark)
		}
		if r := ask("", "T", "G"); r.Code != remoting.RespSystemError || r.Remark != "No accessKey is configured" {
			t.Errorf("%s by nobody is answered %d %q", name, r.Code, r.Remark)
		}
		if r := ask("the-app:wrong-secret", "T", "G"); r.Code != remoting.RespSystemError || r.Remark != "Check signature failed for accessKey=the-app" {
			t.Errorf("%s with a wrong secret is answered %d %q", name, r.Code, r.Remark)
		}
		left = slices.DeleteFunc(left, func(c int32) bool { return c == code })
	}
	for _, code := range left {
		t.Errorf("%s is for clients, and nothing here says what it needs", remoting.RequestName(code))
	}
}

// TestWhoIsServedWithAccounts, besides clients.
func TestWhoIsServedWithAccounts(t *testing.T) {
	d, b := accountsBroker(t)
	const notSigned, noAdmin = "No accessKey is configured", "Need admin permission"
	srv := b.now.srv
	here, white, named := d.broker, far(t, srv, "198.51.100.7"), far(t, srv, "192.0.2.7")
	elsewhere := far(t, srv, "203.0.113.9")
	unsigned := fieldsOf("AccessKey", "the-white", "topic", "T", "queueId", "0")
	for _, tt := range []struct {
		who, at string
		code    int32
		fields  remoting.Fields
		want    string // in the remark; "": it is let through
	}{
		{"", here, remoting.ReqGetBrokerConfig, nil, notSigned},
		{"", here, remoting.ReqUpdateBrokerConfig, nil, notSigned},
		{"", here, remoting.ReqGetAllTopicConfig, nil, notSigned},
		{"", elsewhere, remoting.ReqGetMaxOffset, nil, notSigned},
		{"the-app", here, remoting.ReqGetBrokerConfig, nil, ""}, // an account, where everybody may look
		{"the-app", elsewhere, remoting.ReqGetBrokerConfig, nil, noAdmin},
		{"the-app", here, remoting.ReqUpdateBrokerConfig, nil, noAdmin},
		{"the-app", here, remoting.ReqGetAllTopicConfig, nil, noAdmin},
		{"the-app", here, remoting.ReqExchangePairState, nil, noAdmin},
		{"the-app", here, remoting.ReqGetBrokerClusterACLConfig, nil, noAdmin},
		{"the-admin:admins-secret", elsewhere, remoting.ReqGetBrokerConfig, nil, ""},
		{"the-admin:admins-secret", elsewhere, remoting.ReqUpdateBrokerConfig, nil, ""},
		{"the-admin:admins-secret", elsewhere, remoting.ReqGetAllTopicConfig, nil, ""},
		{"", white, remoting.ReqGetBrokerConfig, nil, ""},
		{"", named, remoting.ReqGetMaxOffset, unsigned, ""},
		{"", named, remoting.ReqGetAllTopicConfig, unsigned, noAdmin}, // RocketMQ would let it through
		{"", elsewhere, remoting.ReqGetMaxOffset, unsigned, "Check signature failed"},
		{"the-sender", here, remoting.ReqGetMaxOffset, fieldsOf("topic", "T", "queueId", "0"), ""},
		{"the-sender", here, remoting.ReqQueryMessage, fieldsOf("topic", "T"), "No default permission for topic:T"},
	} {
		r := callAs(t, tt.who, tt.at, &remoting.Command{Code: tt.code, Fields: tt.fields})
		refused := ""
		for _, s := range []string{notSigned, noAdmin, "Check signature failed", "No default permission"} {
			if strings.Contains(r.Remark, s) {
				refused = r.Remark
			}
		}
		if tt.want == "" && refused != "" || tt.want != "" && (r.Code != remoting.RespSystemError || !strings.Contains(refused, tt.want)) {
			t.Errorf("%s by %q at %s is answered %d %q, want %q", remoting.RequestName(tt.code), tt.who, tt.at, r.Code, r.Remark, tt.want)
		}
	}
	if text := callAs(t, "the-admin:admins-secret", here, &remoting.Command{Code: remoting.ReqGetBrokerConfig}).Body; strings.Contains(string(text), "secret") || strings.Contains(string(text), "12345678") {
		t.Errorf("the configuration has a secret:\n%s", text)
	}
}

// TestRepliesNeedPermissions but to the topic that clients send them to, unless an account lists it.
func TestRepliesNeedPermissions(t *testing.T) {
	d := newDaemon(t).withAccounts(accountsText + "- accessKey: the-denied\n  secretKey: 12345678\n  topicPerms: [DefaultCluster_REPLY_TOPIC=DENY]\n")
	d.settings = append(d.settings, "enableNamesrv=false", "namesrvAddr=127.0.0.1:1")
	d.brokerAlone()
	for _, tt := range []struct {
		who, topic string
		denied     bool
	}{
		{"the-sender", "DefaultCluster_REPLY_TOPIC", false},
		{"the-sender", "anything_REPLY_TOPIC", true},
		{"the-sender", "Other", true},
		{"the-sender", "T", false},
		{"the-denied", "DefaultCluster_REPLY_TOPIC", true},
	} {
		for _, code := range []int32{remoting.ReqSendReplyMessage, remoting.ReqSendReplyMessageV2} {
			cmd := sendCommand(tt.topic, "an answer")
			if cmd.Code = code; code == remoting.ReqSendReplyMessage {
				cmd.Fields = fieldsOf("producerGroup", "P", "topic", tt.topic, "defaultTopic", "TBW102", "defaultTopicQueueNums", "1", "queueId", "0", "sysFlag", "0", "bornTimestamp", "0", "flag", "0", "properties", "")
			}
			r := callAs(t, tt.who, d.broker, cmd)
			if denied := strings.HasPrefix(r.Remark, "No default permission for topic:"); denied != tt.denied {
				t.Errorf("%s by %s to %s is answered %d %q", remoting.RequestName(code), tt.who, tt.topic, r.Code, r.Remark)
			}
		}
	}
}

// TestAccountsAreChangedByRequests: what mqadmin asks, by an admin.
func TestAccountsAreChangedByRequests(t *testing.T) {
	d, _ := accountsBroker(t)
	admin := func(code int32, fields ...string) *remoting.Command {
		return callAs(t, "the-admin:admins-secret", d.broker, &remoting.Command{Code: code, Fields: fieldsOf(fields...)})
	}
	done := func(r *remoting.Command) {
		t.Helper()
		if r.Code != remoting.RespSuccess {
			t.Errorf("answered %d %q", r.Code, r.Remark)
		}
	}
	refused := func(r *remoting.Command, code int32, words string) {
		t.Helper()
		if r.Code != code || !strings.Contains(r.Remark, words) || strings.Contains(r.Remark, "top-secret") {
			t.Errorf("answered %d %q, want %d %q", r.Code, r.Remark, code, words)
		}
	}
	newcomer := func() *remoting.Command {
		return callAs(t, "newcomer:top-secret", d.broker, &remoting.Command{Code: remoting.ReqGetMaxOffset, Fields: fieldsOf("topic", "T", "queueId", "0")})
	}
	refused(newcomer(), remoting.RespSystemError, "Check signature failed")
	done(admin(remoting.ReqUpdateAndCreateACLConfig, "accessKey", "newcomer", "secretKey", "top-secret", "admin", "false", "topicPerms", "T=PUB,U=SUB", "groupPerms", "G=SUB"))
	if r := newcomer(); strings.Contains(r.Remark, "signature") || strings.Contains(r.Remark, "permission") {
		t.Errorf("the new account is answered %d %q", r.Code, r.Remark)
	}
	refused(admin(remoting.ReqUpdateAndCreateACLConfig, "accessKey", "newcomer", "secretKey", "top-secret", "topicPerms", "T=EVERYTHING"), 209, "T=EVERYTHING")
	refused(admin(remoting.ReqUpdateAndCreateACLConfig, "accessKey", "newcomer", "secretKey", "x"), 209, "secretKey")
	refused(admin(remoting.ReqUpdateAndCreateACLConfig, "accessKey", "newcomer"), 209, "required")
	refused(admin(remoting.ReqDeleteACLConfig, "accessKey", "nobody-of-all"), 210, "nobody-of-all")
	refused(admin(remoting.ReqUpdateGlobalWhiteAddrsConfig, "globalWhiteAddrs", "*", "aclFileFullPath", "/etc/passwd"), 211, "no other")
	refused(admin(remoting.ReqUpdateGlobalWhiteAddrsConfig, "globalWhiteAddrs", "everywhere", "aclFileFullPath", ""), 211, "everywhere")
	done(admin(remoting.ReqUpdateGlobalWhiteAddrsConfig, "globalWhiteAddrs", "10.10.154.1,10.10.154.{2,3}", "aclFileFullPath", ""))
	shown := admin(remoting.ReqGetBrokerClusterACLConfig)
	for _, s := range []string{`"globalWhiteAddrs":["10.10.154.1","10.10.154.{2,3}"]`, `"accessKey":"newcomer"`, `"topicPerms":["T=PUB","U=SUB"]`} {
		if !strings.Contains(string(shown.Body), s) {
			t.Errorf("shown %s, without %s", shown.Body, s)
		}
	}
	if strings.Contains(string(shown.Body), "secret\"") || strings.Contains(string(shown.Body), "12345678") {
		t.Errorf("shown with secrets: %s", shown.Body)
	}
	version := admin(remoting.ReqGetBrokerClusterACLInfo)
	if done(version); !strings.Contains(version.Fields.Get("version"), `"counter":2`) || !strings.Contains(version.Fields.Get("allAclFileVersion"), "plain_acl.yml") {
		t.Errorf("the version is %v", version.Fields)
	}
	done(admin(remoting.ReqDeleteACLConfig, "accessKey", "newcomer"))
	refused(newcomer(), remoting.RespSystemError, "Check signature failed")
	done(callAs(t, theAdmin, d.broker, coded(remoting.ReqAuthCreateUser, userBody("newcomer", "users-secret", "", ""))))
	refused(admin(remoting.ReqUpdateAndCreateACLConfig, "accessKey", "newcomer", "secretKey", "top-secret"), 209, "a user of 5.x has this name")
}

// TestWhatIsHeldEndsWithItsAccount: a pull and a pop that wait for messages get none once
// their account is gone, though it was let in when they began.
func TestWhatIsHeldEndsWithItsAccount(t *testing.T) {
	d, b := accountsBroker(t)
	const admin = "the-admin:admins-secret"
	if r := callAs(t, "the-app", d.broker, sendCommand("T", "before")); r.Code != remoting.RespSuccess {
		t.Fatalf("a send is answered %d %q", r.Code, r.Remark)
	}
	pop := []string{"topic", "T", "consumerGroup", "G", "queueId", "-1", "maxMsgNums", "1", "invisibleTime", "60000", "pollTime", "15000", "bornTime", "0", "initMode", "1", "expType", "TAG", "exp", "*", "order", "false"}
	if r := callAs(t, "the-app", d.broker, &remoting.Command{Code: remoting.ReqPopMessage, Fields: fieldsOf(pop...)}); r.Code != remoting.RespSuccess {
		t.Fatalf("a pop of what is there is answered %d %q", r.Code, r.Remark)
	}
	type answer struct {
		code int32
		r    *remoting.Command
		err  error
	}
	answers := make(chan answer, 2)
	hold := func(code int32, fields ...string) {
		cmd := signedAs(t, "the-app:12345678", &remoting.Command{Code: code, Fields: fieldsOf(fields...)})
		cl := remoting.NewClient(remoting.ClientOptions{})
		t.Cleanup(func() { cl.Close() })
		go func() {
			r, err := cl.Call(t.Context(), d.broker, cmd)
			answers <- answer{code, r, err}
		}()
	}
	hold(remoting.ReqPullMessage, "topic", "T", "consumerGroup", "G", "queueId", "0", "queueOffset", "1", "maxMsgNums", "9", "sysFlag", "6", "commitOffset", "0", "suspendTimeoutMillis", "15000", "subscription", "*", "subVersion", "0", "expressionType", "TAG")
	hold(remoting.ReqPopMessage, pop...)
	eventually(t, "a pull and a pop are held", func() bool {
		held := callAs(t, admin, d.broker, &remoting.Command{Code: remoting.ReqPollingInfo, Fields: fieldsOf(pop...)}).Fields.Get("pollingNum")
		return b.now.broker.Load().HeldPulls == 1 && held == "1"
	})
	if r := callAs(t, admin, d.broker, &remoting.Command{Code: remoting.ReqDeleteACLConfig, Fields: fieldsOf("accessKey", "the-app")}); r.Code != remoting.RespSuccess {
		t.Fatalf("the account is not deleted: %d %q", r.Code, r.Remark)
	}
	for queue := range 2 { // whatever queue they wait for
		cmd := sendCommand("T", "after")
		for i := range cmd.Fields {
			if cmd.Fields[i].Key == "e" {
				cmd.Fields[i].Value = strconv.Itoa(queue)
			}
		}
		callAs(t, admin, d.broker, cmd)
	}
	for range 2 {
		a := <-answers
		name := remoting.RequestName(a.code)
		switch {
		case a.err != nil:
			t.Errorf("%s: %v", name, a.err)
		case a.r.Code == remoting.RespSuccess, len(a.r.Body) > 0:
			t.Errorf("%s is answered %d %v with %d bytes", name, a.r.Code, a.r.Fields, len(a.r.Body))
		case a.code == remoting.ReqPullMessage && (a.r.Code != remoting.RespPullNotFound || a.r.Fields.Get("nextBeginOffset") != "1"):
			t.Errorf("the pull is answered %d %v", a.r.Code, a.r.Fields)
		}
	}
}

// TestARefusalDoesNotTellATopic: where a message is named by its place, who may not see it does not
// learn of which topic it is.
func TestARefusalDoesNotTellATopic(t *testing.T) {
	d, _ := accountsBroker(t)
	r := callAs(t, "the-app", d.broker, sendCommand("T", "body"))
	_, at, err := record.ParseMessageID(r.Fields.Get("msgId"))
	if err != nil {
		t.Fatal(err)
	}
	half := sendCommand("T", "half")
	half.Fields[len(half.Fields)-1].Value = "TRAN_MSG\x01true\x02PGROUP\x01PG\x02UNIQ_KEY\x01half"
	_, halfAt, err := record.ParseMessageID(callAs(t, "the-app", d.broker, half).Fields.Get("msgId"))
	if err != nil {
		t.Fatal(err)
	}
	pos := strconv.FormatInt(at, 10)
	for code, fields := range map[int32][]string{
		remoting.ReqViewMessageByID:     {"offset", pos},
		remoting.ReqConsumerSendMsgBack: {"offset", pos, "group", "OtherG", "delayLevel", "0", "originMsgId", "", "originTopic", "Other"},
		remoting.ReqEndTransaction:      {"producerGroup", "PG", "topic", "Other", "tranStateTableOffset", "0", "commitLogOffset", strconv.FormatInt(halfAt, 10), "commitOrRollback", "8", "msgId", "half"},
	} {
		r := callAs(t, "the-other", d.broker, &remoting.Command{Code: code, Fields: fieldsOf(fields...)})
		if r.Code != remoting.RespSystemError || r.Remark != "No default permission for the message there" {
			t.Errorf("%s is answered %d %q", remoting.RequestName(code), r.Code, r.Remark)
		}
	}
}

// TestAPairWithAccounts: its halves sign what they ask each other, and the roles change.
func TestAPairWithAccounts(t *testing.T) {
	names := newNames(t)
	a := names.newSlave().as("ASYNC_MASTER", "0").withAccounts(accountsText)
	b := names.newSlave().withAccounts(accountsText)
	a.start()
	b.start()
	b.follows(a)
	a.mustSend("Greetings", 3, 0)
	b.follows(a)
	eventually(t, "the slave has the topic", func() bool { return b.hasTopic("Roles") })
	if r := a.change(remoting.ReqDemoteBroker); r.Code != remoting.RespSuccess {
		t.Fatalf("demote answers %d %q", r.Code, r.Remark)
	}
	b.is("ASYNC_MASTER", "2")
	a.follows(b)
	stopAll(t, a, b, names)
}

// TestABadFileOfAccountsLetsNobodyIn: the daemon does not start.
func TestABadFileOfAccountsLetsNobodyIn(t *testing.T) {
	for _, text := range []string{"", "accounts:\n- accessKey: the-admin\n", "accounts\n"} {
		d := newDaemon(t).withAccounts(text)
		d.start()
		if err := d.stop(); err == nil || !strings.Contains(err.Error(), "aclFile") {
			t.Errorf("with %q it ends with %v", text, err)
		}
	}
}

// TestTheWatchdogNeedsNoAccount: what it asks is not refused, which would be logged and counted.
func TestTheWatchdogNeedsNoAccount(t *testing.T) {
	_, b := accountsBroker(t)
	if err := b.works(t.Context()); err != nil {
		t.Error(err)
	}
	for right := rights.Client; right <= rights.Admin; right++ {
		if n := b.platform.gate.Refused(right); n != 0 {
			t.Errorf("%d requests were refused for want of the right %s", n, right)
		}
	}
}
