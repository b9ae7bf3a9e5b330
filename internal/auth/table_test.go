package auth

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

const tableText = `{"users":[
 {"username":"root","password":"pass-of-root","userType":"SUPER","userStatus":"Disable"},
 {"username":"bob","password":"pass-of-bob","userType":"normal","userStatus":"",
  "policies":[{"policyType":"custom","entries":[
   {"resource":"topic:a","actions":["pub","SUB"],"decision":"allow"},
   {"resource":"Topic:a*","actions":["Pub","Sub","Create","Update","Delete","Get","List"],"sourceIps":["10.0.0.0/8","::1"],"decision":"Deny"}]},
  {"policyType":"Default","entries":[{"resource":"*","actions":["All"],"decision":"Allow"}]}]}]}`

func decodeOK(t *testing.T, text string) *Table {
	t.Helper()
	table, err := DecodeFile([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// said is all that is said of users, in one line.
func said(users ...*User) (s string) {
	for _, u := range users {
		s += u.Name + " " + u.Password + " " + u.Type + " " + u.Status + ":"
		for _, p := range u.Policies {
			for _, e := range p.Entries {
				s += p.Type + " " + e.Resource + " " + strings.Join(e.Actions, ",") + " " + strings.Join(e.Sources, ",") + " " + e.Decision + ";"
			}
		}
	}
	return s
}

// TestDecodeFile: all is put into RocketMQ's words and order, and is the same once it is written.
func TestDecodeFile(t *testing.T) {
	const want = "bob pass-of-bob Normal enable:Custom Topic:a pub,SUB  Allow;Custom Topic:a* Pub,Sub,Create,Update,Delete,Get,List 10.0.0.0/8,::1 Deny;Default * All  Allow;root pass-of-root Super disable:"
	table := decodeOK(t, tableText)
	if got := said(table.Users...); got != want {
		t.Errorf("decodes to %s, want %s", got, want)
	}
	b, err := table.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got := said(decodeOK(t, string(b)).Users...); got != want || !strings.HasPrefix(string(b), sumKey) {
		t.Errorf("%s\ndecodes to %s", b, got)
	}
	empty, err := new(Table).Encode()
	if err != nil {
		t.Fatal(err)
	}
	if table = decodeOK(t, string(empty)); len(table.Users) != 0 {
		t.Errorf("an empty table decodes to %+v", table)
	}
}

// TestADamagedFileSaysNothing: no part of a file and no file with a wrong bit is taken for one.
func TestADamagedFileSaysNothing(t *testing.T) {
	table := decodeOK(t, tableText)
	whole, err := table.Encode()
	if err != nil {
		t.Fatal(err)
	}
	last := len(strings.TrimRight(string(whole), "\n"))
	for n := range last {
		if _, err := DecodeFile(whole[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are taken for a file", n, len(whole))
		}
	}
	for i := range whole {
		for bit := range 8 {
			b := append([]byte(nil), whole...)
			b[i] ^= 1 << bit
			if _, err := DecodeFile(b); err == nil {
				t.Fatalf("with bit %d of byte %d turned it is taken for a file:\n%s", bit, i, b)
			}
		}
	}
	if _, err := DecodeFile(append([]byte(`{`), whole[len(sumKey)+10:]...)); err != nil { // as by hand
		t.Errorf("without its checksum it is refused: %v", err)
	}
}

// TestWhatAFileMustNotSay: what can be read in two ways, or is not known, is refused.
func TestWhatAFileMustNotSay(t *testing.T) {
	user := func(s string) string { return `{"users":[{"username":"bob","password":"pw-of-bob"` + s + `}]}` }
	policies := func(s string) string { return user(`,"policies":[` + s + `]`) }
	entry := func(resource, actions, more string) string {
		return policies(`{"policyType":"Custom","entries":[{"resource":"` + resource + `","actions":[` + actions + `],` + more + `}]}`)
	}
	const allow = `"decision":"Allow"`
	decodeOK(t, user(``))
	decodeOK(t, entry("Topic:a", `"Pub"`, allow))
	for _, tt := range []struct{ text, words string }{
		{``, "EOF"},
		{`[]`, "cannot unmarshal"},
		{`{"users":[]} {}`, "follows"},
		{`{"users":[],"users":[]}`, "twice"},
		{`{"Users":[]}`, "none of"},
		{`{"users password":[]}`, "none of"},
		{`{"":[]}`, "none of"},
		{`{"users":` + strings.Repeat("[", 200_000), "nests deeper"},
		{`{"users":[null]}`, "username can not be blank"},
		{`{"users":[],"crc32":"00000000"}`, "crc32"},
		{user(`,"userType":"Normal","userType":"Super"`), "twice"},
		{user(`,"usertype":"Super"`), "none of"},
		{`{"users":[{"username":"bob","pw-of-bob"}]}`, "the key that ends at byte 39 is none of"},
		{`{"users":[{"username":"bob","password":1e9991,"userType":"pw-of-bob"}]}`, "cannot unmarshal number into"},
		{user(`,"admin":true`), "none of"},
		{user(`,"entries":[]`), "unknown field"},
		{user(`,"userType":"Supper"`), "userType"},
		{user(`,"userStatus":"off"`), "userStatus"},
		{`{"users":[{"username":" ","password":"x"}]}`, "username can not be blank"},
		{`{"users":[{"username":"bob","password":" "}]}`, "password can not be blank"},
		{`{"users":[{"username":"b\nob","password":"x"}]}`, "username"},
		{`{"users":[{"username":"bob ","password":"x"}]}`, "username"},
		{`{"users":[{"username":"bob","password":"x\u0000"}]}`, "password"},
		{`{"users":[{"username":"` + strings.Repeat("b", 256) + `","password":"x"}]}`, "username"},
		{`{"users":[{"username":"bob","password":"` + strings.Repeat("b", 256) + `"}]}`, "password"},
		{`{"users":[{"username":"bob","password":"x"},{"username":"eve","password":"x"},{"username":"bob","password":"y"}]}`, "twice"},
		{`{"users":[` + strings.Repeat(`{"username":"bob","password":"x"},`, 1000) + `{"username":"x","password":"x"}]}`, "1001 users"},
		{strings.Repeat(" ", MaxFile) + `{"users":[]}`, "bytes"},
		{policies(`null`), "The policy entries is empty"},
		{policies(`{"policyType":"Custom","entries":[]}`), "The policy entries is empty"},
		{policies(`{"policyType":"Custom","entries":[null]}`), "The resource is null"},
		{strings.Replace(entry("Topic:a", `"Pub"`, allow), "Custom", "Customs", 1), "policyType"},
		{entry("", `"Pub"`, allow), "The resource is null"},
		{entry("Topics:a", `"Pub"`, allow), "The resource type is null"},
		{entry("Any:a", `"Pub"`, allow), "The resource type is null"},
		{entry("Namespace:a", `"Pub"`, allow), "The resource type is null"},
		{entry("Topic:", `"Pub"`, allow), "The resource type is null"},
		{entry("Topic", `"Pub"`, allow), "The resource type is null"},
		{entry("Topic:a*b*", `"Pub"`, allow), "The resource pattern is null"},
		{entry("Topic:*b", `"Pub"`, allow), "The resource pattern is null"},
		{entry("Topic:**", `"Pub"`, allow), "The resource pattern is null"},
		{entry("Topic: a", `"Pub"`, allow), "The resource pattern is null"},
		{entry("Topic:"+strings.Repeat("a", 256), `"Pub"`, allow), "The resource pattern is null"},
		{entry("Topic:%RETRY%g", `"Pub"`, allow), "retries"},
		{entry("Group:%RETRY%*", `"Sub"`, allow), "retries"},
		{entry("Topic:a", ``, allow), "The actions is empty"},
		{entry("Topic:a", `"Any"`, allow), "The actions can not be"},
		{entry("Topic:a", `"Unknown"`, allow), "The actions can not be"},
		{entry("Topic:a", `"Pub",""`, allow), "The actions can not be"},
		{entry("Topic:a", `"Pub"`, `"decision":""`), "The decision"},
		{entry("Topic:a", `"Pub"`, `"decision":"Denied"`), "The decision"},
		{entry("Topic:a", `"Pub"`, `"sourceIps":[""],`+allow), "The source ip"},
		{entry("Topic:a", `"Pub"`, `"sourceIps":["localhost"],`+allow), "The source ip"},
		{entry("Topic:a", `"Pub"`, `"sourceIps":["10.0.0.0/33"],`+allow), "The source ip"},
		{entry("Topic:a", `"Pub"`, `"sourceIps":["fe80::1%eth0"],`+allow), "The source ip"},
		{entry("Topic:a", `"Pub"`, `"sourceIps":["::ffff:10.0.0.0/104"],`+allow), "The source ip"},
		{entry("Topic:a", `"Pub"`, `"sourceIps":[`+strings.Repeat(`"::1",`, 32)+`"::1"],`+allow), "33 addresses"},
		{entry("Topic:a", `"Pub"`, allow+`},{"resource":"topic:a","actions":["Sub"],"decision":"Deny"`), "twice"},
		{policies(`{"policyType":"Custom","entries":[{"resource":"*","actions":["Pub"],"decision":"Allow"}]},{"entries":[{"resource":"*","actions":["Sub"],"decision":"Deny"}]}`), "twice"},
		{entry("Topic:a", `"Pub"`, allow+strings.Repeat(`},{"resource":"Topic:b","actions":["Sub"],"decision":"Deny"`, 200)), "200 entries"},
	} {
		table, err := DecodeFile([]byte(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.words) {
			t.Errorf("%.300s is %+v, %v; want %q", tt.text, table, err, tt.words)
		}
		if err != nil && strings.Contains(err.Error(), "pw-of-bob") {
			t.Errorf("the complaint %v has a password", err)
		}
	}
}

// TestJudge: which entry decides, rule by rule. That the rules are Apache's its own classes show.
func TestJudge(t *testing.T) {
	table := decodeOK(t, `{"users":[{"username":"eve","password":"x"},{"username":"bob","password":"x","policies":[
{"policyType":"Custom","entries":[
 {"resource":"Topic:abc","actions":["Pub"],"decision":"Allow"},
 {"resource":"Topic:ab*","actions":["Pub","Sub"],"decision":"Deny"},
 {"resource":"Topic:abcd*","actions":["All"],"decision":"Allow"},
 {"resource":"Group:*","actions":["Sub"],"sourceIps":["10.1.0.0/16","192.0.2.7","2001:db8::/32","::ffff:198.51.100.1"],"decision":"Allow"},
 {"resource":"Group:g","actions":["Get"],"decision":"Deny"}]},
{"policyType":"Default","entries":[
 {"resource":"*","actions":["Get"],"decision":"Allow"},
 {"resource":"Topic:abc","actions":["Sub"],"decision":"Allow"},
 {"resource":"Topic:*","actions":["Pub"],"decision":"Deny"}]}]}]}`)
	bob, eve := table.Find("bob"), table.Find("eve")
	for _, tt := range []struct {
		k     Kind
		name  string
		any   Action
		from  string
		want  Verdict
		exact bool
	}{
		{Topic, "abc", Pub, "10.0.0.1", Allowed, true},
		{Topic, "abc", Sub, "10.0.0.1", Denied, false}, // by the prefix; the default policy is not asked
		{Topic, "ab", Pub, "10.0.0.1", Denied, false},
		{Topic, "abcd", Pub, "10.0.0.1", Allowed, false}, // the longer prefix
		{Topic, "abcdx", Delete, "10.0.0.1", Allowed, false},
		{Topic, "abx", Get, "10.0.0.1", Allowed, false}, // the custom policy says nothing of this action
		{Topic, "a", Pub, "10.0.0.1", Denied, false},
		{Topic, "a", Sub, "10.0.0.1", Unsaid, false},
		{Topic, "a", Sub | Get, "10.0.0.1", Allowed, false},
		{Topic, "a", Pub | Get, "10.0.0.1", Denied, false}, // Topic:* before *
		{Group, "g", Sub, "10.1.255.255", Allowed, false},
		{Group, "g", Sub, "10.2.0.0", Unsaid, false},
		{Group, "g", Sub, "192.0.2.7", Allowed, false},
		{Group, "g", Sub, "192.0.2.8", Unsaid, false},
		{Group, "g", Sub, "2001:db8:1::1", Allowed, false},
		{Group, "g", Sub, "2001:db9::1", Unsaid, false},
		{Group, "g", Sub, "198.51.100.1", Allowed, false},
		{Group, "g", Sub | Get, "10.1.0.1", Denied, true},
		{Group, "h", Get, "10.2.0.0", Allowed, false},
		{Cluster, "c", Get, "10.2.0.0", Allowed, false},
		{Cluster, "c", Update, "10.2.0.0", Unsaid, false},
	} {
		if v, exact := bob.Judge(tt.k, tt.name, tt.any, netip.MustParseAddr(tt.from)); v != tt.want || exact != tt.exact {
			t.Errorf("%v of %v:%s from %s is %v %t, want %v %t", tt.any, tt.k, tt.name, tt.from, v, exact, tt.want, tt.exact)
		}
	}
	if v, _ := eve.Judge(Topic, "abc", Pub, netip.MustParseAddr("10.0.0.1")); v != Unsaid {
		t.Errorf("of whom nothing is said may be %v", v)
	}
}

// TestEdits are what requests do, one after the other.
func TestEdits(t *testing.T) {
	table := new(Table)
	put := func(subject, kind, resource, action, decision string) func() error {
		return func() error {
			return table.Put(&ACL{Subject: subject, Policies: []*Policy{{Type: kind, Entries: []*Entry{{Resource: resource, Actions: []string{action}, Decision: decision}}}}})
		}
	}
	for _, tt := range []struct {
		what  string
		do    func() error
		words string // of the refusal, "" for none
		users int
		said  string // of bob, by resource and actions
	}{
		{"create", func() error { return table.Create(&User{Name: "bob", Password: "first"}) }, "", 1, ""},
		{"create again", func() error { return table.Create(&User{Name: "bob", Password: "second"}) }, "The user is existed", 1, ""},
		{"change nobody", func() error { return table.Change(&User{Name: "eve", Password: "second"}) }, "The user is not exist", 1, ""},
		{"change", func() error { return table.Change(&User{Name: "bob", Status: "disable"}) }, "", 1, ""},
		{"put of nobody", put("User:eve", "", "Topic:a", "Pub", "Allow"), "The subject of User:eve is not exist", 1, ""},
		{"put of what is none", put("Role:bob", "", "Topic:a", "Pub", "Allow"), "is not exist", 1, ""},
		{"take of nobody", func() error { return table.Take("User:eve", "", "") }, "is not exist", 1, ""},
		{"take nothing", func() error { return table.Take("User:bob", "", "") }, "The acl is not exist", 1, ""},
		{"put", put("user:bob", "", "topic:a", "pub", "allow"), "", 1, "Custom Topic:a pub Allow;"},
		{"replace", put("User:bob", "Custom", "Topic:a", "Sub", "Deny"), "", 1, "Custom Topic:a Sub Deny;"},
		{"add", put("User:bob", "", "Group:g*", "Sub", "Allow"), "", 1, "Custom Topic:a Sub Deny;Custom Group:g* Sub Allow;"},
		{"default", put("User:bob", "default", "*", "All", "Allow"), "", 1, "Custom Topic:a Sub Deny;Custom Group:g* Sub Allow;Default * All Allow;"},
		{"a typo", func() error { return table.Take("User:bob", "", "Topics:a") }, "The resource type is null", 1, "Custom Topic:a Sub Deny;Custom Group:g* Sub Allow;Default * All Allow;"},
		{"take one", func() error { return table.Take("User:bob", "", "topic:a") }, "", 1, "Custom Group:g* Sub Allow;Default * All Allow;"},
		{"take what is not there", func() error { return table.Take("User:bob", "", "Topic:z") }, "", 1, "Custom Group:g* Sub Allow;Default * All Allow;"},
		{"take a policy's last", func() error { return table.Take("User:bob", "Custom", "Group:g*") }, "", 1, "Default * All Allow;"},
		{"take the last", func() error { return table.Take("User:bob", "Default", "*") }, "", 1, ""},
		{"put", put("User:bob", "", "Topic:a", "Pub", "Allow"), "", 1, "Custom Topic:a Pub Allow;"},
		{"take all", func() error { return table.Take("User:bob", "", "") }, "", 1, ""},
		{"put", put("User:bob", "", "Topic:a", "Pub", "Allow"), "", 1, "Custom Topic:a Pub Allow;"},
		{"delete", func() error { table.Delete("bob"); return nil }, "", 0, ""},
		{"delete again", func() error { table.Delete("bob"); return nil }, "", 0, ""},
	} {
		err := tt.do()
		if tt.words == "" && err != nil || tt.words != "" && (!isRefused(err) || !strings.Contains(err.Error(), tt.words)) {
			t.Errorf("%s: %v, want %q", tt.what, err, tt.words)
		}
		_, got, _ := strings.Cut(strings.ReplaceAll(said(table.Users...), "  ", " "), ":")
		if len(table.Users) != tt.users || got != tt.said {
			t.Errorf("%s: %d users, %q; want %d, %q", tt.what, len(table.Users), got, tt.users, tt.said)
		}
	}
}

// TestSelect is mqadmin listAcl.
func TestSelect(t *testing.T) {
	table := decodeOK(t, tableText)
	for _, tt := range []struct {
		subject, resource string
		want              int
	}{
		{"", "", 3}, {"bob", "", 3}, {"eve", "", 0}, {"User:", "Topic:a", 2}, {"", "a*", 1}, {"", "*", 2}, {"", "Topic:z", 0}, {"", "bob", 3},
	} {
		n := 0
		for _, a := range table.Select(tt.subject, tt.resource) {
			for _, p := range a.Policies {
				n += len(p.Entries)
			}
		}
		if n != tt.want {
			t.Errorf("by %q and %q %d entries are selected, want %d", tt.subject, tt.resource, n, tt.want)
		}
	}
}

// TestBodies: a body is about whom the header names, and nothing else.
func TestBodies(t *testing.T) {
	const body = `{"password":"x","userType":"Normal","username":"bob"}`
	if u, err := DecodeUser([]byte(body), "bob"); err != nil || said(u) != "bob x Normal :" {
		t.Errorf("%+v, %v", u, err)
	}
	if u, err := DecodeUser([]byte(`{"password":"x"}`), "bob"); !isRefused(err) {
		t.Errorf("a body without a name is %+v, %v", u, err)
	}
	for _, tt := range []string{"eve", ""} {
		if _, err := DecodeUser([]byte(body), tt); !isRefused(err) {
			t.Errorf("bob in the body is taken for %q: %v", tt, err)
		}
	}
	const acl = `{"policies":[{"entries":[{"actions":["Pub"],"decision":"Allow","resource":"Topic:a"}],"policyType":"Custom"}],"subject":"User:bob"}`
	if a, err := DecodeACL([]byte(acl), "User:bob"); err != nil || a.Subject != "User:bob" || len(a.Policies) != 1 {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := DecodeACL([]byte(acl), "User:eve"); !isRefused(err) {
		t.Errorf("bob in the body is taken for eve: %v", err)
	}
}

func isRefused(err error) bool {
	var r *Refused
	return errors.As(err, &r)
}

func FuzzDecodeFile(f *testing.F) {
	f.Add([]byte(tableText))
	f.Add([]byte(`{"crc32":"00000000","users":[]}`))
	table, err := DecodeFile([]byte(tableText))
	if err != nil {
		f.Fatal(err)
	}
	b, err := table.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, in []byte) {
		table, err := DecodeFile(in)
		if err != nil {
			return
		}
		b, err := table.Encode()
		if err != nil {
			t.Fatalf("%q decodes to %s, which is refused: %v", in, said(table.Users...), err)
		}
		if len(b) > MaxFile {
			return
		}
		again, err := DecodeFile(b)
		if err != nil || !reflect.DeepEqual(table.Users, again.Users) {
			t.Errorf("%q decodes to %s, which is written as %q and is then %+v, %v", in, said(table.Users...), b, again, err)
		}
	})
}
