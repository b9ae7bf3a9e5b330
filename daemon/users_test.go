package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pairmq/internal/remoting"
)

const theAdmin = "the-admin:admins-secret"

// userBody and aclBody are as mqadmin of 5.4.0 sends them.
func userBody(name, password, kind, status string) *remoting.Command {
	body := `{`
	for _, kv := range [][2]string{{"password", password}, {"userStatus", status}, {"userType", kind}} {
		if kv[1] != "" {
			body += fmt.Sprintf("%q:%q,", kv[0], kv[1])
		}
	}
	return &remoting.Command{Fields: fieldsOf("username", name), Body: fmt.Appendf(nil, "%s\"username\":%q}", body, name)}
}

func aclBody(subject, resource, actions, decision string) *remoting.Command {
	return &remoting.Command{Fields: fieldsOf("subject", subject), Body: fmt.Appendf(nil,
		`{"policies":[{"entries":[{"actions":["%s"],"decision":%q,"resource":%q}],"policyType":"Custom"}],"subject":%q}`,
		strings.ReplaceAll(actions, ",", `","`), decision, resource, subject)}
}

func coded(code int32, cmd *remoting.Command) *remoting.Command { cmd.Code = code; return cmd }

// up starts d, and returns once it answers.
func (d *daemonUnderTest) up() {
	d.t.Helper()
	d.start()
	d.info()
}

func (d *daemonUnderTest) down() {
	d.t.Helper()
	if err := d.stop(); err != nil {
		d.t.Fatal(err)
	}
}

// TestUsersOfFive: what mqadmin of 5.4.0 asks makes users, who may then do what their policies say, until
// something else is said, and after a restart too.
func TestUsersOfFive(t *testing.T) {
	d := newDaemon(t).withAccounts(accountsText)
	d.up()
	var secrets []string
	admin := func(code int32, cmd *remoting.Command) *remoting.Command {
		t.Helper()
		r := callAs(t, theAdmin, d.broker, coded(code, cmd))
		for _, s := range secrets {
			if strings.Contains(r.Remark+string(r.Body), s) {
				t.Errorf("%s is answered with a password: %q %s", remoting.RequestName(code), r.Remark, r.Body)
			}
		}
		return r
	}
	done := func(r *remoting.Command) {
		t.Helper()
		if r.Code != remoting.RespSuccess {
			t.Errorf("answered %d %q", r.Code, r.Remark)
		}
	}
	is := func(r *remoting.Command, code int32, words string) {
		t.Helper()
		if r.Code != code || !strings.Contains(r.Remark, words) {
			t.Errorf("answered %d %q, want %d %q", r.Code, r.Remark, code, words)
		}
	}
	secrets = []string{"bobs-first", "bobs-next"}
	fields := func(all ...string) *remoting.Command { return &remoting.Command{Fields: fieldsOf(all...)} }

	is(callAs(t, "bob:bobs-first", d.broker, sendCommand("T", "early")), remoting.RespSystemError, "Check signature failed for accessKey=bob")
	done(admin(remoting.ReqAuthCreateUser, userBody("bob", "bobs-first", "", "")))
	is(admin(remoting.ReqAuthCreateUser, userBody("bob", "bobs-next", "", "")), remoting.RespNoPermission, "The user is existed")
	is(admin(remoting.ReqAuthCreateUser, userBody("eve", "", "", "")), remoting.RespNoPermission, "password can not be blank")
	is(admin(remoting.ReqAuthCreateUser, userBody("", "x", "", "")), remoting.RespInvalidParameter, "The username is blank")
	is(admin(remoting.ReqAuthCreateUser, userBody("the-app", "x", "", "")), remoting.RespNoPermission, "The user is existed")
	is(admin(remoting.ReqAuthUpdateUser, userBody("eve", "x", "", "")), remoting.RespNoPermission, "The user is not exist")
	other := userBody("bob", "bobs-next", "", "")
	other.Fields[0].Value = "eve"
	is(admin(remoting.ReqAuthUpdateUser, other), remoting.RespNoPermission, "different users")

	// Nothing is said of it.
	is(callAs(t, "bob:bobs-first", d.broker, sendCommand("T", "x")), remoting.RespNoPermission, "User:bob has no permission to access Topic:T from 127.0.0.1, no matched policies.")
	is(callAs(t, "bob:another", d.broker, sendCommand("T", "x")), remoting.RespSystemError, "Check signature failed for accessKey=bob")
	is(admin(remoting.ReqAuthCreateACL, aclBody("User:eve", "Topic:T", "Pub", "Allow")), remoting.RespNoPermission, "The subject of User:eve is not exist.")
	is(admin(remoting.ReqAuthCreateACL, aclBody("User:bob", "Topic:T", "Any", "Allow")), remoting.RespNoPermission, "The actions can not be")
	is(admin(remoting.ReqAuthDeleteACL, fields("subject", "User:bob")), remoting.RespNoPermission, "The acl is not exist.")
	if r := admin(remoting.ReqAuthGetACL, fields("subject", "User:bob")); r.Code != remoting.RespSuccess || len(r.Body) > 0 {
		t.Errorf("policies that are not there are %d %q %s", r.Code, r.Remark, r.Body)
	}
	done(admin(remoting.ReqAuthCreateACL, aclBody("User:bob", "Topic:*", "Pub,Sub", "Allow")))
	done(admin(remoting.ReqAuthCreateACL, aclBody("User:bob", "Group:G", "Sub", "Allow")))
	done(admin(remoting.ReqAuthUpdateACL, aclBody("User:bob", "Topic:Other", "Pub", "Deny")))
	done(callAs(t, "bob:bobs-first", d.broker, sendCommand("T", "body")))
	is(callAs(t, "bob:bobs-first", d.broker, sendCommand("Other", "x")), remoting.RespNoPermission, "User:bob has no permission to access Topic:Other from 127.0.0.1, the decision is deny.")
	done(callAs(t, "bob:bobs-first", d.broker, heartbeatOf("c", "G", "T")))
	is(callAs(t, "bob:bobs-first", d.broker, heartbeatOf("c", "OtherG", "T")), remoting.RespNoPermission, "Group:OtherG")
	is(callAs(t, "bob:bobs-first", d.broker, &remoting.Command{Code: remoting.ReqUpdateBrokerConfig}), remoting.RespNoPermission, "Need admin permission")

	for code, want := range map[int32]string{
		remoting.ReqAuthGetUser:  `{"username":"bob","userType":"Normal","userStatus":"enable"}`,
		remoting.ReqAuthListUser: `[{"username":"bob","userType":"Normal","userStatus":"enable"}]`,
		remoting.ReqAuthGetACL:   `{"subject":"User:bob","policies":[{"policyType":"Custom","entries":[{"resource":"Topic:*","actions":["Pub","Sub"],"decision":"Allow"},{"resource":"Group:G","actions":["Sub"],"decision":"Allow"},{"resource":"Topic:Other","actions":["Pub"],"decision":"Deny"}]}]}`,
		remoting.ReqAuthListACL:  `[{"subject":"User:bob","policies":[{"policyType":"Custom","entries":[{"resource":"Group:G","actions":["Sub"],"decision":"Allow"}]}]}]`,
	} {
		if r := admin(code, fields(map[int32][]string{
			remoting.ReqAuthGetUser: {"username", "bob"}, remoting.ReqAuthListUser: {"filter", "bo"}, remoting.ReqAuthGetACL: {"subject", "User:bob"},
			remoting.ReqAuthListACL: {"subjectFilter", "bob", "resourceFilter", "Group:"},
		}[code]...)); r.Code != remoting.RespSuccess || string(r.Body) != want {
			t.Errorf("%s is answered %d %q %s, want %s", remoting.RequestName(code), r.Code, r.Remark, r.Body, want)
		}
	}
	for _, cmd := range []*remoting.Command{coded(remoting.ReqAuthGetUser, fields("username", "eve")), coded(remoting.ReqAuthListUser, fields("filter", "eve")), coded(remoting.ReqAuthListACL, fields("subjectFilter", "eve"))} {
		if r := callAs(t, theAdmin, d.broker, cmd); r.Code != remoting.RespSuccess || len(r.Body) > 0 {
			t.Errorf("%s of nobody is answered %d %q %s", remoting.RequestName(cmd.Code), r.Code, r.Remark, r.Body)
		}
	}

	// What is said otherwise counts at once.
	done(admin(remoting.ReqAuthUpdateUser, userBody("bob", "", "", "disable")))
	is(callAs(t, "bob:bobs-first", d.broker, sendCommand("T", "x")), remoting.RespNoPermission, "User:bob is disabled.")
	is(callAs(t, "bob:another", d.broker, sendCommand("T", "x")), remoting.RespSystemError, "Check signature failed")
	done(admin(remoting.ReqAuthUpdateUser, userBody("bob", "bobs-next", "", "enable")))
	is(callAs(t, "bob:bobs-first", d.broker, sendCommand("T", "x")), remoting.RespSystemError, "Check signature failed")
	done(callAs(t, "bob:bobs-next", d.broker, sendCommand("T", "body")))

	file := filepath.Join(d.root(), "users.json")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
	d.down()
	d.up()
	done(callAs(t, "bob:bobs-next", d.broker, sendCommand("T", "body")))
	is(callAs(t, "bob:bobs-next", d.broker, sendCommand("Other", "x")), remoting.RespNoPermission, "the decision is deny.")
	done(admin(remoting.ReqAuthDeleteACL, fields("subject", "User:bob", "resource", "Topic:*")))
	is(callAs(t, "bob:bobs-next", d.broker, sendCommand("T", "x")), remoting.RespNoPermission, "no matched policies.")
	done(admin(remoting.ReqAuthDeleteUser, fields("username", "bob")))
	done(admin(remoting.ReqAuthDeleteUser, fields("username", "bob")))
	is(callAs(t, "bob:bobs-next", d.broker, sendCommand("T", "x")), remoting.RespSystemError, "Check signature failed for accessKey=bob")
	is(admin(remoting.ReqAuthGetACL, fields("subject", "User:bob")), remoting.RespNoPermission, "is not exist")
	if b, err := os.ReadFile(file); err != nil || bytes.Contains(b, []byte("bob")) {
		t.Errorf("the file has, %v:\n%s", err, b)
	}
	d.down()
}

// TestSuperUsers: an administrator's signature alone makes none, and changes none.
func TestSuperUsers(t *testing.T) {
	d := newDaemon(t).withAccounts(accountsText)
	d.settings = append(d.settings, "enableNamesrv=false", "namesrvAddr=127.0.0.1:1", "adminAddresses=192.0.2.50")
	b := d.brokerAlone()
	trusted, elsewhere := far(t, b.now.srv, "192.0.2.50"), far(t, b.now.srv, "192.0.2.51")
	ask := func(who, at string, code int32, cmd *remoting.Command) string {
		r := callAs(t, who, at, coded(code, cmd))
		return fmt.Sprint(r.Code, " ", r.Remark)
	}
	boss := func(kind, status string) *remoting.Command { return userBody("boss", "boss-secret", kind, status) }
	gone := func() *remoting.Command { return &remoting.Command{Fields: fieldsOf("username", "boss")} }
	config := func() *remoting.Command { return &remoting.Command{} }
	const no = "The super user can only be"
	for _, tt := range []struct {
		what, who, at string
		code          int32
		cmd           *remoting.Command
		want          string
	}{
		{"create elsewhere", theAdmin, elsewhere, remoting.ReqAuthCreateUser, boss("Super", ""), "1 " + no},
		{"create in other letters", theAdmin, elsewhere, remoting.ReqAuthCreateUser, boss("sUPER", ""), "1 " + no},
		{"create on this host", theAdmin, d.broker, remoting.ReqAuthCreateUser, boss("Super", ""), "1 " + no},
		{"create without a signature", "", trusted, remoting.ReqAuthCreateUser, boss("Super", ""), "1 No accessKey"},
		{"create as nobody", "the-app", trusted, remoting.ReqAuthCreateUser, boss("Super", ""), "1 Need admin"},
		{"create a normal one", theAdmin, elsewhere, remoting.ReqAuthCreateUser, boss("Normal", ""), "0 "},
		{"promote", theAdmin, elsewhere, remoting.ReqAuthUpdateUser, boss("Super", ""), "1 " + no},
		{"it may not do that", "boss:boss-secret", elsewhere, remoting.ReqGetBrokerConfig, config(), "16 Need admin"},
		{"promote where it is trusted", theAdmin, trusted, remoting.ReqAuthUpdateUser, boss("Super", ""), "0 "},
		{"it may do everything", "boss:boss-secret", elsewhere, remoting.ReqGetBrokerConfig, config(), "0 "},
		{"change its password", theAdmin, elsewhere, remoting.ReqAuthUpdateUser, userBody("boss", "heard-once", "", ""), "1 " + no},
		{"disable it", theAdmin, elsewhere, remoting.ReqAuthUpdateUser, userBody("boss", "", "", "disable"), "1 " + no},
		{"demote it", theAdmin, elsewhere, remoting.ReqAuthUpdateUser, userBody("boss", "", "Normal", ""), "1 " + no},
		{"delete it", theAdmin, elsewhere, remoting.ReqAuthDeleteUser, gone(), "1 " + no},
		{"delete itself", "boss:boss-secret", elsewhere, remoting.ReqAuthDeleteUser, gone(), "1 " + no},
		{"delete where it is trusted", "boss:boss-secret", trusted, remoting.ReqAuthDeleteUser, gone(), "0 "},
		{"it is gone", "boss:boss-secret", elsewhere, remoting.ReqGetBrokerConfig, config(), "1 Check signature failed"},
	} {
		if got := ask(tt.who, tt.at, tt.code, tt.cmd); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: answered %q, want %q", tt.what, got, tt.want)
		}
	}
}

// TestTheSocketMakesASuperUser: the first one, with no account but those of the file.
func TestTheSocketMakesASuperUser(t *testing.T) {
	d := newDaemon(t).withAccounts("accounts: []\n")
	_, c := d.atSocket()
	d.start()
	if r := d.overSocket(c, coded(remoting.ReqAuthCreateUser, userBody("boss", "boss-secret", "Super", ""))); r.Code != remoting.RespSuccess {
		t.Fatalf("answered %d %q", r.Code, r.Remark)
	}
	if r := callAs(t, "boss:boss-secret", d.broker, &remoting.Command{Code: remoting.ReqGetBrokerConfig}); r.Code != remoting.RespSuccess {
		t.Errorf("it is answered %d %q", r.Code, r.Remark)
	}
	if err := d.stop(); err != nil {
		t.Error(err)
	}
}

// TestADamagedFileOfUsers lets nobody in, is told of, keeps nobody else out, and is not written over.
func TestADamagedFileOfUsers(t *testing.T) {
	d := newDaemon(t).withAccounts(accountsText)
	d.up()
	if r := callAs(t, theAdmin, d.broker, coded(remoting.ReqAuthCreateUser, userBody("bob", "bobs-first", "", ""))); r.Code != remoting.RespSuccess {
		t.Fatalf("answered %d %q", r.Code, r.Remark)
	}
	file := filepath.Join(d.root(), "users.json")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d.down()
	half := whole[:len(whole)/2]
	if err := os.WriteFile(file, half, 0o600); err != nil {
		t.Fatal(err)
	}
	d.up()
	for _, tt := range []struct {
		who  string
		cmd  *remoting.Command
		want string
	}{
		{"bob:bobs-first", sendCommand("T", "x"), "1 Check signature failed"},
		{"the-app", sendCommand("T", "x"), "0 "},
		{theAdmin, coded(remoting.ReqAuthCreateUser, userBody("eve", "eves", "", "")), "1 accounts are as they were: the file is not good"},
		{theAdmin, coded(remoting.ReqAuthDeleteUser, &remoting.Command{Fields: fieldsOf("username", "bob")}), "1 accounts are as they were: the file is not good"},
	} {
		if r := callAs(t, tt.who, d.broker, tt.cmd); !strings.HasPrefix(fmt.Sprint(r.Code, " ", r.Remark), tt.want) {
			t.Errorf("%s by %s is answered %d %q, want %q", remoting.RequestName(tt.cmd.Code), tt.who, r.Code, r.Remark, tt.want)
		}
	}
	if text := d.info()["accounts"]; !strings.Contains(text, "users.json is not good: nobody in it is let in") || strings.Contains(text, "bob") {
		t.Errorf("it says %q", text)
	}
	if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, half) {
		t.Errorf("the file was %d bytes and is %d, %v", len(half), len(now), err)
	}
	d.down()
}

// TestANameInBothFiles is the account's.
func TestANameInBothFiles(t *testing.T) {
	d := newDaemon(t).withAccounts(accountsText)
	d.up()
	d.down()
	if err := os.WriteFile(filepath.Join(d.root(), "users.json"), []byte(`{"users":[{"username":"the-app","password":"another","userType":"Super"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	d.up()
	if r := callAs(t, "the-app:another", d.broker, &remoting.Command{Code: remoting.ReqGetBrokerConfig}); r.Code != remoting.RespSystemError || !strings.HasPrefix(r.Remark, "Check signature failed") {
		t.Errorf("by the user's password it is answered %d %q", r.Code, r.Remark)
	}
	if r := callAs(t, "the-app", d.broker, sendCommand("T", "x")); r.Code != remoting.RespSuccess {
		t.Errorf("the account is answered %d %q", r.Code, r.Remark)
	}
	if text := d.info()["accounts"]; !strings.Contains(text, "a user of 5.x has the name of an account") || strings.Contains(text, "the-app") {
		t.Errorf("it says %q", text)
	}
	d.down()
}

// TestWithoutAccountsThereAreNoUsers, and what to set is said.
func TestWithoutAccountsThereAreNoUsers(t *testing.T) {
	d := newDaemon(t)
	d.settings = append(d.settings, "enableNamesrv=false", "namesrvAddr=127.0.0.1:1")
	d.brokerAlone()
	for code := int32(remoting.ReqAuthCreateUser); code <= remoting.ReqAuthListACL; code++ {
		if r := d.call(d.broker, coded(code, userBody("bob", "bobs-first", "", ""))); r.Code != remoting.RespSystemError || !strings.Contains(r.Remark, "aclEnable") {
			t.Errorf("%s is answered %d %q", remoting.RequestName(code), r.Code, r.Remark)
		}
	}
}

// heartbeatOf is one of a consumer.
func heartbeatOf(client, group, topic string) *remoting.Command {
	return &remoting.Command{Code: remoting.ReqHeartBeat, Body: fmt.Appendf(nil, `{"clientID":%q,"consumerDataSet":[{"groupName":%q,"consumeType":"CONSUME_PASSIVELY","messageModel":"CLUSTERING","subscriptionDataSet":[{"topic":%q,"subString":"*"}]}]}`, client, group, topic)}
}

// TestADenyIsDeletedByMoreThanASignature: listAcl is signed with the same text.
func TestADenyIsDeletedByMoreThanASignature(t *testing.T) {
	d := newDaemon(t).withAccounts(accountsText)
	d.settings = append(d.settings, "enableNamesrv=false", "namesrvAddr=127.0.0.1:1", "adminAddresses=192.0.2.50")
	b := d.brokerAlone()
	trusted, elsewhere := far(t, b.now.srv, "192.0.2.50"), far(t, b.now.srv, "192.0.2.51")
	ask := func(at string, code int32, cmd *remoting.Command, want string) {
		t.Helper()
		r := callAs(t, theAdmin, at, coded(code, cmd))
		if got := fmt.Sprint(r.Code, " ", r.Remark); !strings.HasPrefix(got, want) {
			t.Errorf("%s at %s: answered %q, want %q", remoting.RequestName(code), at, got, want)
		}
	}
	entry := func(resource string) *remoting.Command {
		return &remoting.Command{Fields: fieldsOf("subject", "User:bob", "policyType", "Custom", "resource", resource)}
	}
	const no = "1 A Deny can only be deleted"
	ask(elsewhere, remoting.ReqAuthCreateUser, userBody("bob", "bobs-secret", "", ""), "0 ")
	ask(elsewhere, remoting.ReqAuthCreateACL, aclBody("User:bob", "Topic:open", "Pub", "Allow"), "0 ")
	ask(elsewhere, remoting.ReqAuthCreateACL, aclBody("User:bob", "Topic:secret", "Pub", "Deny"), "0 ")
	ask(elsewhere, remoting.ReqAuthDeleteACL, entry("Topic:secret"), no)
	ask(elsewhere, remoting.ReqAuthDeleteACL, entry(""), no)
	ask(elsewhere, remoting.ReqAuthDeleteACL, entry("Topic:open"), "0 ")
	ask(trusted, remoting.ReqAuthDeleteACL, entry("Topic:secret"), "0 ")
	ask(trusted, remoting.ReqAuthDeleteACL, entry(""), "16 The acl is not exist")
}
