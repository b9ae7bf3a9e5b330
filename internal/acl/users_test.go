package acl

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/auth"
	"pairmq/internal/remoting"
)

// opened are accounts without any, and users as text says.
func opened(t *testing.T, text string, log *slog.Logger) (a *Accounts, users string) {
	t.Helper()
	dir := t.TempDir()
	path, users := filepath.Join(dir, "plain_acl.yml"), filepath.Join(dir, "users.json")
	if err := os.WriteFile(path, []byte("accounts: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text != "" {
		if err := os.WriteFile(users, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a, err := Open(path, users, log)
	if err != nil {
		t.Fatal(err)
	}
	return a, users
}

// who is user bob, asking from an address.
func who(t *testing.T, a *Accounts, from string) *Identity {
	t.Helper()
	id, err := a.Rules().Identify(request("bob", "bobs-secret", remoting.ReqGetMaxOffset, "topic", "T"), netip.MustParseAddr(from))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestWhatUsersMay is what policies come to for topics that mean something else besides.
func TestWhatUsersMay(t *testing.T) {
	a, _ := opened(t, `{"users":[{"username":"bob","password":"bobs-secret","policies":[{"policyType":"Custom","entries":[
 {"resource":"Topic:*","actions":["Sub","Pub"],"decision":"Allow"},
 {"resource":"Topic:%DLQ%h","actions":["Sub"],"decision":"Allow"},
 {"resource":"Topic:rmq_sys_x","actions":["Sub"],"decision":"Allow"},
 {"resource":"Topic:seen","actions":["Get"],"decision":"Allow"},
 {"resource":"Topic:secret","actions":["Sub","Get"],"decision":"Deny"},
 {"resource":"Group:*","actions":["Sub"],"sourceIps":["10.0.0.0/8"],"decision":"Allow"},
 {"resource":"Group:g","actions":["Sub"],"decision":"Deny"},
 {"resource":"Group:h","actions":["Sub"],"decision":"Deny"},
 {"resource":"Group:mover","actions":["Update"],"decision":"Allow"}]}]}]}`, nil)
	id, far := who(t, a, "10.0.0.1"), who(t, a, "::ffff:192.0.2.1")
	for _, tt := range []struct {
		what string
		err  error
		may  bool
	}{
		{"T", id.Topic("T", Sub), true},
		{"secret", id.Topic("secret", Sub), false},
		{"secret, to send", id.Topic("secret", Pub), true},
		{"seen, to look at", id.Topic("seen", Look), true},
		{"T, to look at", id.Topic("T", Look), false}, // Apache wants Get, and Sub is not enough
		{"T, to find in", id.Topic("T", Find), true},
		{"T, offsets of", id.Topic("T", Seek), false},
		{"delayed messages of all", id.Topic("SCHEDULE_TOPIC_XXXX", Sub), false},
		{"system topics", id.Topic("RMQ_SYS_whatever", Sub), false},
		{"one that is named", id.Topic("rmq_sys_x", Sub), true},
		{"traces, to send", id.Topic("RMQ_SYS_TRACE_TOPIC", Pub), true},
		{"traces of others", id.Topic("RMQ_SYS_TRACE_TOPIC", Sub), false},
		{"dead letters", id.Topic("%DLQ%a", Sub), true},
		{"dead letters of a denied group", id.Topic("%DLQ%g", Sub), false},
		{"those that are named", id.Topic("%DLQ%h", Sub), true},
		{"retries", id.Topic("%RETRY%a", Sub), true},
		{"retries of a denied group", id.Topic("%RETRY%g", Sub), false},
		{"retries of a denied group's topic", id.Topic("%RETRY%g_T", Sub), false},
		{"retries of a denied topic", id.Topic("%RETRY%a_secret", Sub), false},
		{"retries of the longest names", id.Topic("%RETRY%"+strings.Repeat("a", 255)+"_"+strings.Repeat("b", 127), Sub), true},
		{"retries of longer ones", id.Topic("%RETRY%"+strings.Repeat("_", 511), Sub), false},
		{"popped retries", id.Popped("%RETRY%a_T", "a"), true},
		{"popped retries of a denied topic", id.Popped("%RETRY%a_secret", "a"), false},
		{"group a", id.Group("a", Sub), true},
		{"group a from elsewhere", far.Group("a", Sub), false},
		{"group mover, to move", far.Group("mover", Move), true},
		{"group mover, to find", far.Group("mover", Find), false},
		{"a message", id.Message("T", Sub), true},
		{"a secret message", id.Message("secret", Sub), false},
	} {
		if (tt.err == nil) != tt.may || tt.err != nil && (!errors.Is(tt.err, ErrDenied) || Code(tt.err) != remoting.RespNoPermission) {
			t.Errorf("%s: %v, want %t", tt.what, tt.err, tt.may)
		}
	}
	if err := id.Message("secret", Sub); strings.Contains(err.Error(), "Topic") {
		t.Errorf("%v tells the topic", err)
	}
	none, _ := opened(t, `{"users":[{"username":"bob","password":"bobs-secret","policies":[{"policyType":"Default","entries":[
 {"resource":"*","actions":["Sub"],"decision":"Deny"},{"resource":"Topic:no*","actions":["Pub"],"decision":"Deny"}]}]}]}`, nil)
	if id := who(t, none, "10.0.0.1"); !id.Lists("nowhere") || id.Lists("T") {
		t.Errorf("who may not send to no* lists nowhere %t, T %t", id.Lists("nowhere"), id.Lists("T"))
	}
	if !id.Lists("seen") || !id.Lists("%DLQ%h") {
		t.Error("what is named in an entry is not listed")
	}
	if id.Admin() || id.Lists("T") || !id.Lists("rmq_sys_x") == id.Lists("secret") {
		t.Errorf("admin is %t, lists T %t", id.Admin(), id.Lists("T"))
	}
	if got := far.Group("a", Sub).Error(); got != "User:bob has no permission to access Group:a from 192.0.2.1, no matched policies." {
		t.Errorf("the refusal is %q", got)
	}
}

// TestUsersAreReadAgain: by hand or by request, and what is not good changes nothing and is not written over.
func TestUsersAreReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		a, path := opened(t, "", slog.New(slog.NewTextHandler(&out, nil)))
		names := func() (s string) {
			for _, u := range a.Users().Users {
				s += u.Name + " "
			}
			return s
		}
		write := func(text string) {
			t.Helper()
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			for range 3 { // two looks find it the same
				a.Rules()
				time.Sleep(lookEvery)
			}
		}
		if names() != "" || a.Trouble() != "" {
			t.Errorf("without a file there are %q, %q", names(), a.Trouble())
		}
		if err := a.UpdateUsers(func(t *auth.Table) error { return t.Create(&auth.User{Name: "bob", Password: "bobs-secret"}) }); err != nil {
			t.Fatal(err)
		}
		old := who(t, a, "10.0.0.1")
		if names() != "bob " || !a.Rules().Knows(old) {
			t.Errorf("there are %q", names())
		}
		if err := a.UpdateUsers(func(t *auth.Table) error { return t.Create(&auth.User{Name: "ann", Password: "anns-secret"}) }); err != nil {
			t.Fatal(err)
		}
		if !a.Rules().Knows(old) {
			t.Error("bob is another since there is ann")
		}
		for _, change := range []func(*auth.Table) error{
			func(t *auth.Table) error { return t.Change(&auth.User{Name: "bob", Status: "disable"}) },
			func(t *auth.Table) error {
				return t.Change(&auth.User{Name: "bob", Status: "enable", Password: "bobs-other"})
			},
			func(t *auth.Table) error {
				return t.Put(&auth.ACL{Subject: "User:bob", Policies: []*auth.Policy{{Entries: []*auth.Entry{{Resource: "Topic:T", Actions: []string{"Sub"}, Decision: "Allow"}}}}})
			},
			func(t *auth.Table) error { return t.Change(&auth.User{Name: "bob", Password: "bobs-secret"}) },
			func(t *auth.Table) error { return t.Take("User:bob", "", "") },
		} {
			if err := a.UpdateUsers(change); err != nil {
				t.Fatal(err)
			}
			if a.Rules().Knows(old) {
				t.Error("bob is the same though something else is said of him")
			}
			if id, err := a.Rules().Identify(request("bob", "bobs-secret", remoting.ReqGetMaxOffset, "topic", "T"), netip.MustParseAddr("10.0.0.1")); err == nil {
				old = id
			}
		}
		if err := a.UpdateUsers(func(t *auth.Table) error { t.Delete("ann"); return nil }); err != nil || !a.Rules().Knows(old) {
			t.Errorf("bob is another since ann is gone, %v", err)
		}
		err := a.UpdateUsers(func(t *auth.Table) error { return t.Create(&auth.User{Name: "eve"}) })
		if r := (*auth.Refused)(nil); !errors.As(err, &r) || names() != "bob " {
			t.Errorf("a user without a password: %v, there are %q", err, names())
		}
		write(`{"users":[{"username":"bob","password":"bobs-secret"},{"username":"eve","password":"eves-secret"}]}`)
		if names() != "bob eve " || !a.Rules().Knows(old) {
			t.Errorf("by hand there are %q", names())
		}
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		write(string(good[:len(good)-2]))
		if names() != "bob eve " || !strings.Contains(a.Trouble(), "what it said before is in force") {
			t.Errorf("half of it: %q, %q", names(), a.Trouble())
		}
		if err := a.UpdateUsers(func(t *auth.Table) error { t.Delete("bob"); return nil }); !errors.Is(err, ErrUpdate) {
			t.Errorf("half of it was changed: %v", err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		write(string(good))
		if names() != "bob eve " || a.Trouble() != "" {
			t.Errorf("once it is good again: %q, %q", names(), a.Trouble())
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			a.Rules()
			time.Sleep(lookEvery)
		}
		if names() != "" {
			t.Errorf("once the file is gone there are %q", names())
		}
		if strings.Contains(out.String(), "bobs-secret") || strings.Contains(out.String(), "eves-secret") {
			t.Errorf("the log has a password:\n%s", &out)
		}
	})
}

// TestAChangeOfNothingIsNotWritten: who has heard a request can send it again and again, and flash wears.
func TestAChangeOfNothingIsNotWritten(t *testing.T) {
	a, _ := opened(t, "", nil)
	disable := func() error {
		return a.UpdateUsers(func(t *auth.Table) error { return t.Change(&auth.User{Name: "bob", Status: "disable"}) })
	}
	err := a.UpdateUsers(func(t *auth.Table) error { return t.Create(&auth.User{Name: "bob", Password: "bobs-secret"}) })
	if err := errors.Join(err, disable()); err != nil {
		t.Fatal(err)
	}
	first := a.users.stamp()
	if err := errors.Join(disable(), disable()); err != nil {
		t.Fatal(err)
	}
	if now := a.users.stamp(); now != first {
		t.Errorf("what was said already is written again: %+v, %+v", first, now)
	}
	if !a.Users().Find("bob").Disabled() {
		t.Error("bob is not disabled")
	}
}

// TestAFolderThatIsNotOurs: what cannot be written is not in force.
func TestAFolderThatIsNotOurs(t *testing.T) {
	a, path := opened(t, "", nil)
	if err := os.Mkdir(filepath.Join(filepath.Dir(path), ".users.json.pairmq-new"), 0o700); err != nil { // stands in its way, root too
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), ".users.json.pairmq-new", "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := a.UpdateUsers(func(t *auth.Table) error { return t.Create(&auth.User{Name: "bob", Password: "bobs-secret"}) })
	if !errors.Is(err, ErrUpdate) || len(a.Users().Users) != 0 || strings.Contains(err.Error(), path) {
		t.Errorf("%v, there are %d users", err, len(a.Users().Users))
	}
}
