package broker

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"pairmq/internal/acl"
	"pairmq/internal/auth"
	"pairmq/internal/remoting"
)

// TestOnlyProducersThatMaySendAreAsked: everybody may be a producer of any group, and who is
// asked what becomes of a half gets its message.
func TestOnlyProducersThatMaySendAreAsked(t *testing.T) {
	text := "accounts:\n"
	for name, perm := range map[string]string{"the-sender": "PUB", "the-reader": "SUB", "the-other": "DENY"} {
		text += "- accessKey: " + name + "\n  secretKey: 12345678\n  topicPerms: [T=" + perm + "]\n"
	}
	identity := identities(t, text)
	c := newClients(10, 10, 1000, newExpressions(func() bool { return true }))
	may := new(Broker).maySend("T")
	join := func(id string, who *acl.Identity) *remoting.Conn {
		conn := new(remoting.Conn)
		if err := c.produce(conn, member{id: id, cost: 1, who: who}, "PG"); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	join("reader", identity("the-reader"))
	join("other", identity("the-other"))
	if c.anyProducer("PG", may) != nil {
		t.Error("a producer is asked that may not send")
	}
	sender := join("sender", identity("the-sender"))
	for range 100 {
		if c.anyProducer("PG", may) != sender {
			t.Fatal("another than the sender is asked")
		}
	}
	local := join("local", nil) // where nobody is asked who they are
	asked := map[*remoting.Conn]bool{}
	for range 100 {
		asked[c.anyProducer("PG", may)] = true
	}
	if len(asked) != 2 || !asked[sender] || !asked[local] {
		t.Errorf("%d producers are asked in turn, want the two that may send", len(asked))
	}
}

// TestAProducerThatMaySendNoMoreIsNotAsked, though it is connected still, and in its group until it has been
// silent for long.
func TestAProducerThatMaySendNoMoreIsNotAsked(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "plain_acl.yml")
	if err := os.WriteFile(path, []byte("accounts: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	accounts, err := acl.Open(path, filepath.Join(dir, "users.json"), nil)
	if err != nil {
		t.Fatal(err)
	}
	say := func(change func(*auth.Table) error) {
		t.Helper()
		if err := accounts.UpdateUsers(change); err != nil {
			t.Fatal(err)
		}
	}
	b := &Broker{opts: Options{Accounts: accounts}, clients: newClients(10, 10, 1000, newExpressions(func() bool { return true }))}
	conn := new(remoting.Conn)
	beat := func() {
		t.Helper()
		if err := b.clients.produce(conn, member{id: "bob", cost: 1, who: identify(t, accounts, "the-bob")}, "PG"); err != nil {
			t.Fatal(err)
		}
	}
	asked := func(want *remoting.Conn, when string) {
		t.Helper()
		if got := b.clients.anyProducer("PG", b.maySend("T")); got != want {
			t.Errorf("%s %p is asked, want %p", when, got, want)
		}
	}
	say(func(t *auth.Table) error {
		return t.Create(&auth.User{Name: "the-bob", Password: "12345678", Policies: []*auth.Policy{{Entries: []*auth.Entry{{Resource: "Topic:T", Actions: []string{"Pub"}, Decision: "Allow"}}}}})
	})
	beat()
	asked(conn, "while it may send")
	say(func(t *auth.Table) error {
		return t.Change(&auth.User{Name: "the-bob", Password: "12345678", Type: "Super"})
	})
	beat()
	asked(conn, "after its next heartbeat")
	say(func(t *auth.Table) error { t.Delete("the-bob"); return nil })
	asked(nil, "once it is gone")
}

// TestRepliesGoToTheAccountThatAsked: whoever else says a clientID gets none of its replies while
// it is there.
func TestRepliesGoToTheAccountThatAsked(t *testing.T) {
	identity := identities(t, "accounts:\n- accessKey: the-asker\n  secretKey: 12345678\n- accessKey: the-thief\n  secretKey: 12345678\n")
	c := newClients(10, 10, 1000, newExpressions(func() bool { return true }))
	beat := func(conn *remoting.Conn, account string) {
		t.Helper()
		var who *acl.Identity
		if account != "" {
			who = identity(account)
		}
		if err := c.produce(conn, member{id: "192.0.2.9@1", cost: 1, who: who}, "PG"); err != nil {
			t.Fatal(err)
		}
	}
	asks, again, thief, local := new(remoting.Conn), new(remoting.Conn), new(remoting.Conn), new(remoting.Conn)
	beat(asks, "the-asker")
	beat(thief, "the-thief")
	beat(local, "")
	if c.producer("192.0.2.9@1") != asks {
		t.Error("another account gets what the first has asked for")
	}
	beat(again, "the-asker") // it has connected anew
	if c.producer("192.0.2.9@1") != again {
		t.Error("the newer connection of the account does not get its replies")
	}
	c.closed(again)
	if c.producer("192.0.2.9@1") != nil {
		t.Error("a connection that is gone gets replies")
	}
	if beat(thief, "the-thief"); c.producer("192.0.2.9@1") != thief {
		t.Error("an id that nobody has is not given")
	}
}

// identities returns who the accounts of a file are.
func identities(t *testing.T, text string) func(name string) *acl.Identity {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plain_acl.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	accounts, err := acl.Open(path, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return func(name string) *acl.Identity { return identify(t, accounts, name) }
}

// identify returns who signs as name.
func identify(t *testing.T, accounts *acl.Accounts, name string) *acl.Identity {
	t.Helper()
	cmd := &remoting.Command{}
	own, err := acl.ReadCredentials(credentials(t, name))
	if err != nil {
		t.Fatal(err)
	}
	own.Sign(cmd)
	id, err := accounts.Rules().Identify(cmd, netip.MustParseAddr("192.0.2.2"))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// credentials writes the file of an account.
func credentials(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tools.yml")
	if err := os.WriteFile(path, []byte("accessKey: "+name+"\nsecretKey: 12345678\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
