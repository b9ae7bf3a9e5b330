package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pairmq/internal/acl"
	"pairmq/internal/remoting"
)

// signedAs is cmd as account, name and secret with a colon between, signs it.
func signedAs(t *testing.T, account string, cmd *remoting.Command) *remoting.Command {
	t.Helper()
	name, secret, _ := strings.Cut(account, ":")
	path := filepath.Join(t.TempDir(), "tools.yml")
	if err := os.WriteFile(path, []byte("accessKey: "+name+"\nsecretKey: "+secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	own, err := acl.ReadCredentials(path)
	if err != nil {
		t.Fatal(err)
	}
	own.Sign(cmd)
	return cmd
}

// TestWhatIsHeardMakesNoOtherRequest: a signature covers values without names, so that the text of a request
// that an admin has signed can be cut into other fields, and these are refused.
func TestWhatIsHeardMakesNoOtherRequest(t *testing.T) {
	d, _ := accountsBroker(t)
	const admin = "the-admin:admins-secret"
	send := sendCommand("T", `{"temp":21,"note":"attackerXtrueattackers-secret","x":1}`)
	for i := range send.Fields {
		if send.Fields[i].Key == "i" {
			send.Fields[i].Value = ""
		}
	}
	send = signedAs(t, admin, send)
	if r := callAs(t, "", d.broker, send); r.Code != remoting.RespSuccess {
		t.Fatalf("the send is answered %d %q", r.Code, r.Remark)
	}
	var before string
	for _, k := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"} {
		before += send.Fields.Get(k)
	}
	head, tail, _ := strings.Cut(string(send.Body), "attackerXtrueattackers-secret")
	group := signedAs(t, admin, &remoting.Command{Code: remoting.ReqUpdateAndCreateSubscriptiongroup, Body: []byte(`{"groupName":"G1","consumeEnable":true,"retryMaxTimes":16}`)})
	groupHead, groupTail, _ := strings.Cut(string(group.Body), "true")
	topic := signedAs(t, admin, &remoting.Command{Code: remoting.ReqGetTopicConfig, Fields: fieldsOf("topic", "T")})
	for _, tt := range []struct {
		what  string
		heard *remoting.Command
		code  int32
		as    []string
		body  string
		want  string // in the remark
	}{
		{"a message becomes an account, with a field for the rest", send, remoting.ReqUpdateAndCreateACLConfig,
			[]string{"B", before + head, "accessKey", "attackerX", "admin", "true", "secretKey", "attackers-secret"}, tail, `no field "B"`},
		{"a message becomes an account, by fields that it may have", send, remoting.ReqUpdateAndCreateACLConfig,
			[]string{"accessKey", before + head + "attackerX", "admin", "true", "secretKey", "attackers-secret" + tail}, "", "by hand alone"},
		{"a message becomes an account with a body", send, remoting.ReqUpdateAndCreateACLConfig,
			[]string{"accessKey", before + head}, "attackerXtrueattackers-secret" + tail, "no body"},
		{"a group becomes an admin", group, remoting.ReqUpdateAndCreateACLConfig,
			[]string{"accessKey", groupHead, "admin", "true", "secretKey", groupTail}, "", "by hand alone"},
		{"a field twice", topic, remoting.ReqDeleteTopicInBroker, []string{"topic", "other", "topic", "T"}, "", "twice"},
		{"a token takes what is in the way", topic, remoting.ReqDemoteBroker, []string{"SecurityToken", "T"}, "", `no field "SecurityToken"`},
		{"a flag takes it", topic, remoting.ReqDemoteBroker, []string{"lo", "T"}, "", "field lo"},
		{"a halves' request takes it", topic, remoting.ReqGetAllDelayOffset, []string{"x", "T"}, "", `no field "x"`},
		{"a look takes it", topic, remoting.ReqGetBrokerConfig, nil, "T", "no body"},
		{"addresses are taken away", signedAs(t, admin, &remoting.Command{Code: remoting.ReqGetAllTopicConfig}), remoting.ReqUpdateGlobalWhiteAddrsConfig, nil, "", "at least one address"},
		{"addresses are taken away", signedAs(t, admin, &remoting.Command{Code: remoting.ReqGetAllTopicConfig}), remoting.ReqUpdateGlobalWhiteAddrsConfig, []string{"globalWhiteAddrs", ""}, "", "at least one address"},
	} {
		forged := &remoting.Command{Code: tt.code, Body: []byte(tt.body), Fields: fieldsOf(append(tt.as, "AccessKey", "the-admin", "Signature", tt.heard.Fields.Get("Signature"))...)}
		if r := callAs(t, "", d.broker, forged); r.Code == remoting.RespSuccess || !strings.Contains(r.Remark, tt.want) {
			t.Errorf("%s: answered %d %q, want %q", tt.what, r.Code, r.Remark, tt.want)
		}
	}
	for _, extra := range [][]string{{"lo", "true"}, {"ReqT", "0"}} { // of Java's 5.x
		if r := callAs(t, admin, d.broker, &remoting.Command{Code: remoting.ReqGetBrokerConfig, Fields: fieldsOf(extra...)}); r.Code != remoting.RespSuccess {
			t.Errorf("with %s: answered %d %q", extra, r.Code, r.Remark)
		}
	}
	text := string(callAs(t, admin, d.broker, &remoting.Command{Code: remoting.ReqGetBrokerClusterACLConfig}).Body)
	if strings.Contains(text, "attacker") || !strings.Contains(text, "198.51.100.*") {
		t.Errorf("the accounts are %s", text)
	}
}
