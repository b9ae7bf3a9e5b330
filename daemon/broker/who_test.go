package broker

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"pairmq/internal/acl"
	"pairmq/internal/remoting"
)

// TestOnlyProducersThatMaySendAreAsked: everybody may be a producer of any group, and who is
// asked what becomes of a half gets its message.
func TestOnlyProducersThatMaySendAreAsked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plain_acl.yml")
	text := "accounts:\n"
	for name, perm := range map[string]string{"the-sender": "PUB", "the-reader": "SUB", "the-other": "DENY"} {
		text += "- accessKey: " + name + "\n  secretKey: 12345678\n  topicPerms: [T=" + perm + "]\n"
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	accounts, err := acl.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	identity := func(name string) *acl.Identity {
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
	c := newClients(10, 10, 1000, newExpressions(func() bool { return true }))
	join := func(id string, who *acl.Identity) *remoting.Conn {
		conn := new(remoting.Conn)
		if err := c.produce(conn, member{id: id, cost: 1, who: who}, "PG"); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	join("reader", identity("the-reader"))
	join("other", identity("the-other"))
	if c.anyProducer("PG", "T") != nil {
		t.Error("a producer is asked that may not send")
	}
	sender := join("sender", identity("the-sender"))
	for range 100 {
		if c.anyProducer("PG", "T") != sender {
			t.Fatal("another than the sender is asked")
		}
	}
	local := join("local", nil) // where nobody is asked who they are
	asked := map[*remoting.Conn]bool{}
	for range 100 {
		asked[c.anyProducer("PG", "T")] = true
	}
	if len(asked) != 2 || !asked[sender] || !asked[local] {
		t.Errorf("%d producers are asked in turn, want the two that may send", len(asked))
	}
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
