package acl

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pairmq/internal/remoting"
)

// apaches is in the form of RocketMQ's own example, with what its own tool writes.
const apaches = `# comment
globalWhiteRemoteAddresses:
  - 10.10.103.*
  - 192.168.0.{1,2}

accounts:
  - accessKey: RocketMQ
    secretKey: 12345678
    whiteRemoteAddress:
    admin: false
    defaultTopicPerm: DENY
    defaultGroupPerm: SUB
    topicPerms:
      - topicA=DENY
      - topicB=PUB|SUB   # both
      - topicC=SUB
    groupPerms:
    - groupA=DENY
    - groupB=PUB|SUB

  - accessKey: rocketmq2
    secretKey: "a \"secret\" # \u00e9"
    whiteRemoteAddress: 192.168.1.*
    admin: true
- accessKey: 'writer''s'
`

func decodeOK(t *testing.T, text string) (*File, *Rules) {
	t.Helper()
	f, r, err := decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f, r
}

var good = strings.TrimSuffix(apaches, "- accessKey: 'writer''s'\n")

func TestDecodeFile(t *testing.T) {
	f, _ := decodeOK(t, good)
	want := &File{
		Global: []string{"10.10.103.*", "192.168.0.{1,2}"},
		Accounts: []Account{
			{AccessKey: "RocketMQ", SecretKey: "12345678", DefaultTopicPerm: "DENY", DefaultGroupPerm: "SUB", TopicPerms: []string{"topicA=DENY", "topicB=PUB|SUB", "topicC=SUB"}, GroupPerms: []string{"groupA=DENY", "groupB=PUB|SUB"}},
			{AccessKey: "rocketmq2", SecretKey: `a "secret" # é`, WhiteRemoteAddress: "192.168.1.*", Admin: true},
		},
	}
	if !reflect.DeepEqual(f, want) {
		t.Errorf("read\n%+v, want\n%+v", f, want)
	}
	again, _ := decodeOK(t, string(f.AppendTo(nil)))
	if !reflect.DeepEqual(again, f) {
		t.Errorf("written and read again it is\n%+v, want\n%+v", again, f)
	}
}

func TestWhatAFileMustNotSay(t *testing.T) {
	const secret = "sesam"
	account := "accounts:\n- accessKey: RocketMQ\n  secretKey: 12345678\n"
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", []string{"line 1", "nothing of accounts"}},
		{"comments", "# accounts:\n", []string{"nothing of accounts"}},
		{"a list", "- a\n", []string{"nothing of accounts"}},
		{"a version alone", "dataVersion:\n- counter: 1\n", []string{"neither accounts"}},
		{"names it does not know", account + "  topicPerm: DENY\nglobalWhiteRemoteAddress: []\n", []string{"line 4: topicPerm", "line 5: globalWhiteRemoteAddress"}},
		{"no secret", "accounts:\n- accessKey: RocketMQ\n", []string{"line 2: the account has no secretKey"}},
		{"short names", "accounts:\n- accessKey: Rocket\n  secretKey: " + secret + "\n", []string{`accessKey "Rocket" has 6`, "its secretKey has 5"}},
		{"two of one name", account + account[len("accounts:\n"):], []string{`line 4: account "RocketMQ" is in line 2`}},
		{"two of one key", account + "  secretKey: 23456789\n", []string{"line 4: secretKey is there twice, in line 3"}},
		{"a permission that is none", account + "  defaultTopicPerm: ANY\n  topicPerms:\n  - a=PUB\n  - b\n  - c=ALL\n  - =PUB\n  - a=DENY\n", []string{`line 4: defaultTopicPerm is "ANY"`, `line 7: topicPerms has "b"`, `"c=ALL"`, `"=PUB"`, `line 10: topicPerms has "a" twice`}},
		{"a group's retries twice", account + "  topicPerms:\n  - a=PUB\n  - '%RETRY%g=SUB'\n  groupPerms: [g=DENY]\n", []string{`line 6: topicPerms has "%RETRY%g"`}},
		{"retries of nobody", account + "  topicPerms:\n  - '%RETRY%=SUB'\n", []string{`line 5: topicPerms has "%RETRY%"`}},
		{"a topic as a group", account + "  groupPerms:\n  - '%RETRY%g=DENY'\n", []string{`line 5: groupPerms has "%RETRY%g"`}},
		{"an end that is cut off", account + "  admin: true", []string{"line 4: it does not end with a line break"}},
		{"permissions that are cut off", account + "  topicPerms:\n", []string{"line 4: topicPerms has nothing"}},
		{"permissions that are lost", account + "  groupPerms: # none\n  admin: false\n", []string{"line 4: groupPerms has nothing"}},
		{"many names", "a:\nb:\nc:\nd:\ne:\nf:\ng:\nh:\ni:\nj:\nk:\nl:\nm:\nn:\no:\np:\nq:\n- x\n", []string{"line 17: it has more than 16 names"}},
		{"a truth that is none", account + "  admin: yes\n", []string{"line 4: admin wants true or false"}},
		{"a truth in quotes", account + "  admin: 'true'\n", []string{"line 4: admin wants true or false"}},
		{"addresses that are none", "globalWhiteRemoteAddresses:\n- 10.0.0\n- '*.*'\n" + account + "  whiteRemoteAddress: localhost\n", []string{`line 2: globalWhiteRemoteAddresses: "10.0.0"`, `line 3`, `line 7: whiteRemoteAddress: "localhost"`}},
		{"an octal secret", "accounts:\n- accessKey: RocketMQ\n  secretKey: 01234567\n", []string{"line 3: secretKey is a number", "quotes"}},
		{"a tab", "accounts:\n-\taccessKey: RocketMQ\n", []string{"line 2: it has a tab"}},
		{"a text of two lines", "accounts:\n- accessKey: Rocket\n    MQ\n  secretKey: 12345678\n", []string{"line 3: it is indented by 4"}},
		{"half an indent", "accounts:\n  - accessKey: RocketMQ\n   secretKey: 12345678\n", []string{"line 3: it is indented by 3"}},
		{"an anchor", "accounts: &a\n- accessKey: *b\n", []string{"line 1", "line 2"}},
		{"two documents", account + "---\n" + account, []string{"line 4: want one document"}},
		{"a mapping in brackets", "accounts: {}\n", []string{"line 1"}},
		{"a value and more", "accounts: [] x\n", []string{"line 1: something follows"}},
		{"a list that does not end", "globalWhiteRemoteAddresses: [a, b\naccounts: []\n", []string{"line 1: a list in brackets"}},
		{"no UTF-8", "accounts: []\n# \xff\ndataVersion: \xff\n", []string{"line 3: it is not UTF-8"}},
		{"too much", strings.Repeat("# comment\n", maxFile/10+1), []string{"bytes, at most"}},
		{"many accounts", "accounts:\n" + strings.Repeat("- accessKey: x\n", maxAccounts+1), []string{"at most 1000"}},
		{"deep", strings.Repeat("-\n", 1) + "accounts:\n a:\n  b:\n   c:\n    d:\n     e:\n      f:\n       g:\n        h:\n         i:\n          j: k\n", nil},
	} {
		_, err := DecodeFile([]byte(tt.text))
		if err == nil {
			t.Errorf("%s: it is read", tt.name)
			continue
		}
		for _, w := range tt.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: the error has no %q:\n%v", tt.name, w, err)
			}
		}
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error has a secret: %v", tt.name, err)
		}
	}
}

// request is one that name has signed with secret.
func request(name, secret string, code int32, fields ...string) *remoting.Command {
	cmd := &remoting.Command{Code: code, Body: []byte("body")}
	for i := 0; i < len(fields); i += 2 {
		cmd.Fields.Add(fields[i], fields[i+1])
	}
	(&Credentials{name, newSigner(secret)}).Sign(cmd)
	return cmd
}

func TestIdentify(t *testing.T) {
	_, r := decodeOK(t, good)
	unsigned := &remoting.Command{Fields: remoting.Fields{{Key: fieldAccessKey, Value: "RocketMQ"}}}
	named := &remoting.Command{Fields: remoting.Fields{{Key: fieldAccessKey, Value: "rocketmq2"}}}
	for _, tt := range []struct {
		name, from string
		cmd        *remoting.Command
		who        string
		admin      bool
		err        string
	}{
		{"nobody from an address that needs no account", "10.10.103.7", &remoting.Command{}, "", true, ""},
		{"nobody", "10.10.104.7", &remoting.Command{}, "", false, "No accessKey is configured"},
		{"one who signs", "10.10.104.7", request("RocketMQ", "12345678", 1), "RocketMQ", false, ""},
		{"one who does not", "10.10.104.7", unsigned, "", false, "Check signature failed for accessKey=RocketMQ"},
		{"one with a wrong secret", "10.10.104.7", request("RocketMQ", "12345679", 1), "", false, "Check signature failed for accessKey=RocketMQ"},
		{"one who is not known", "10.10.104.7", request("Nobody77", "12345678", 1), "", false, "Check signature failed for accessKey=Nobody77"},
		{"one who is not known, with the stand-in's secret", "10.10.104.7", request("Nobody77", r.unknown.secret, 1), "", false, "Check signature failed"},
		{"an admin", "10.10.104.7", request("rocketmq2", `a "secret" # é`, 1), "rocketmq2", true, ""},
		{"an admin who need not sign", "192.168.1.200", named, "rocketmq2", true, ""},
		{"and elsewhere must", "192.168.2.200", named, "", false, "Check signature failed"},
		{"one on the loopback", "127.0.0.1", &remoting.Command{}, "", false, "No accessKey"},
	} {
		id, err := r.Identify(tt.cmd, netip.MustParseAddr(tt.from))
		if err != nil || tt.err != "" {
			if err == nil || tt.err == "" || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: %v, want %q", tt.name, err, tt.err)
			}
			continue
		}
		if id.Name() != tt.who || id.Admin() != tt.admin {
			t.Errorf("%s: is %q, admin %v; want %q, %v", tt.name, id.Name(), id.Admin(), tt.who, tt.admin)
		}
	}
}

func TestPermissions(t *testing.T) {
	_, r := decodeOK(t, good+`
  - accessKey: admin-with-permissions
    secretKey: 12345678
    admin: true
    topicPerms: [a=PUB]
  - accessKey: default-for-all
    secretKey: 12345678
    defaultTopicPerm: SUB|PUB
  - accessKey: dashboards
    secretKey: 12345678
    defaultTopicPerm: SUB
    defaultGroupPerm: SUB
    topicPerms: [plans=DENY, '%RETRY%other=DENY', my_plans=DENY, '%DLQ%told=SUB']
    groupPerms: [secret=DENY, told=DENY, very_secret=DENY, two_plans=SUB]
`)
	for _, tt := range []struct {
		who, kind, name string
		may             Perm
	}{
		{"RocketMQ", "topic", "topicA", 0}, {"RocketMQ", "topic", "topicB", Pub | Sub}, {"RocketMQ", "topic", "topicC", Sub}, {"RocketMQ", "topic", "other", 0},
		{"RocketMQ", "group", "groupA", 0}, {"RocketMQ", "group", "groupB", Pub | Sub}, {"RocketMQ", "group", "other", Sub},
		{"RocketMQ", "topic", "%RETRY%groupA", 0}, {"RocketMQ", "topic", "%RETRY%other", Sub}, {"RocketMQ", "topic", traceTopic, Pub},
		{"rocketmq2", "topic", "any", Pub | Sub}, {"rocketmq2", "group", "any", Pub | Sub},
		{"admin-with-permissions", "topic", "a", Pub}, {"admin-with-permissions", "topic", "b", 0}, {"admin-with-permissions", "group", "b", 0},
		{"default-for-all", "topic", "x", Pub | Sub}, {"default-for-all", "group", "x", 0}, {"default-for-all", "topic", "SCHEDULE_TOPIC_XXXX", 0},
		// Of %RETRY%a_b the group may be a, with what it popped of topic b.
		{"dashboards", "topic", "%RETRY%mine", Sub}, {"dashboards", "topic", "%RETRY%mine_open", Sub}, {"dashboards", "topic", "%RETRY%secret", 0}, {"dashboards", "topic", "%RETRY%secret_open", 0},
		{"dashboards", "topic", "%RETRY%secret_", 0}, {"dashboards", "topic", "%RETRY%mine_plans", 0}, {"dashboards", "topic", "%RETRY%mine_too_plans", 0}, {"dashboards", "topic", "%RETRY%mine_my_plans", 0},
		{"dashboards", "topic", "%RETRY%very_secret_open", 0}, {"dashboards", "topic", "%RETRY%two_plans", Sub}, {"dashboards", "topic", "%RETRY%plans", Sub}, {"dashboards", "topic", "%RETRY%secrets_open", Sub},
		{"dashboards", "topic", "%RETRY%" + strings.Repeat("a", 255) + "_" + strings.Repeat("b", 127), Sub}, {"dashboards", "topic", "%RETRY%" + strings.Repeat("_", 511), 0},
		{"dashboards", "topic", "%RETRY%other", 0}, {"dashboards", "group", "other", 0},
		{"dashboards", "topic", "%DLQ%secret", 0}, {"dashboards", "topic", "%DLQ%mine", Sub}, {"dashboards", "topic", "%DLQ%told", Sub}, {"default-for-all", "topic", "%DLQ%x", Pub | Sub},
		{"default-for-all", "topic", "RMQ_SYS_TRANS_HALF_TOPIC", 0}, {"default-for-all", "topic", "rmq_sys_wheel_timer", 0}, {"default-for-all", "topic", traceTopic, Pub},
	} {
		id := &r.accounts[tt.who].signed
		for _, p := range []Perm{Pub, Sub} {
			may := id.Topic
			if tt.kind == "group" {
				may = id.Group
			}
			if err := may(tt.name, p); (err == nil) != (tt.may&p != 0) {
				t.Errorf("%s, %s %s, %d: %v", tt.who, tt.kind, tt.name, p, err)
			}
		}
	}
}

func TestAccountsAreReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plain_acl.yml")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	if _, err := Open(path, "", log); err == nil {
		t.Error("a file that is not there is opened")
	}
	write("accounts\n")
	if _, err := Open(path, "", log); err == nil {
		t.Error("a bad file is opened")
	}
	write(good)
	a, err := Open(path, "", log)
	if err != nil {
		t.Fatal(err)
	}
	once := func() *Rules { a.looked.Store(-int64(lookEvery)); return a.Rules() }
	look := func() *Rules { once(); return once() } // what has changed is read once it stays so
	first := look()
	write("accounts:\n- accessKey: RocketMQ\n")
	if look() != first || strings.Count(out.String(), "level=ERROR") != 1 {
		t.Errorf("a bad file is in force, or nobody was told:\n%s", out.String())
	}
	if look(); strings.Count(out.String(), "level=ERROR") != 1 {
		t.Errorf("one bad file is told of twice:\n%s", out.String())
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if look() != first {
		t.Error("a file that is gone has changed what is in force")
	}
	write(strings.ReplaceAll(good, "RocketMQ", "RocketMQ-2"))
	if r := look(); r.accounts["RocketMQ-2"] == nil || r.accounts["RocketMQ"] != nil {
		t.Error("a good file is not in force")
	}
	if strings.Contains(out.String(), "12345678") {
		t.Errorf("the log has a secret:\n%s", out.String())
	}

	write(strings.ReplaceAll(good, "RocketMQ", "RocketMQ-3"))
	if r := once(); r.accounts["RocketMQ-2"] == nil {
		t.Error("a file that has just changed is in force: it may be half of one")
	}
	write(strings.ReplaceAll(good, "RocketMQ", "RocketMQ-4!"))
	if r := once(); r.accounts["RocketMQ-2"] == nil {
		t.Error("a file that changes still is in force")
	}
	if err := a.Update(func(*File) error { return nil }); err == nil || !strings.Contains(err.Error(), "ask again") {
		t.Errorf("a change of a file that somebody is writing: %v", err)
	}
	if r := once(); r.accounts["RocketMQ-4!"] == nil {
		t.Error("a file that has not changed any more is not in force")
	}

	// Another file of the same size and time, as rsync -t may leave.
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	other := path + ".other"
	place := func(text string) {
		t.Helper()
		if err := errors.Join(os.WriteFile(other, []byte(text), 0o640), os.Chtimes(other, info.ModTime(), info.ModTime()), os.Rename(other, path)); err != nil {
			t.Fatal(err)
		}
	}
	if place(strings.ReplaceAll(good, "RocketMQ", "RocketMQ-5!")); look().accounts["RocketMQ-5!"] == nil {
		t.Error("a file of the size and time of the one before is not in force")
	}
	// And the same file, with its time put back.
	write(strings.ReplaceAll(good, "RocketMQ", "RocketMQ-6!"))
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if look().accounts["RocketMQ-6!"] == nil {
		t.Error("a file of which the time was put back is not in force")
	}
}

// TestAFileThatIsReplacedMeanwhileIsRead: what somebody puts there between our own writing and our
// last look at it is not taken for ours.
func TestAFileThatIsReplacedMeanwhileIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plain_acl.yml")
	if err := os.WriteFile(path, []byte(good), 0o640); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	a, err := Open(path, "", slog.New(slog.NewTextHandler(&out, nil)))
	if err != nil {
		t.Fatal(err)
	}
	look := func() *Rules {
		for range 2 {
			a.looked.Store(-int64(lookEvery))
			a.Rules()
		}
		return a.Rules()
	}
	if err := a.Update(func(f *File) error { return f.Put(Account{AccessKey: "another", SecretKey: "12345678"}, false) }); err != nil {
		t.Fatal(err)
	}
	if r := look(); r.accounts["another"] == nil || strings.Contains(out.String(), "has changed and is in force") {
		t.Errorf("our own change is taken for another's:\n%s", out.String())
	}
	k, err := a.load()
	if err != nil {
		t.Fatal(err)
	}
	written, err := replace(path, k.file.AppendTo(nil))
	if err != nil {
		t.Fatal(err)
	}
	theirs := path + ".new" // a name that people use
	if err := errors.Join(os.WriteFile(theirs, []byte(strings.ReplaceAll(good, "RocketMQ", "theirs-1")), 0o640), os.Rename(theirs, path)); err != nil {
		t.Fatal(err)
	}
	a.set(k, written)
	if look().accounts["theirs-1"] == nil {
		t.Error("the file that was put in the place of ours is not in force")
	}
}

func TestAccountsAreUpdated(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "plain_acl.yml")
	if err := os.WriteFile(path, []byte(good), 0o640); err != nil {
		t.Fatal(err)
	}
	theirs := path + ".new" // of somebody who is about to rename it
	if err := os.WriteFile(theirs, []byte(good), 0o640); err != nil {
		t.Fatal(err)
	}
	a, err := Open(path, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	add := Account{AccessKey: "another", SecretKey: "it's a 'secret'", TopicPerms: []string{"a=PUB"}}
	if err := a.Update(func(f *File) error { return f.Put(add, true) }); err != nil {
		t.Fatal(err)
	}
	if err := a.Update(func(f *File) error {
		return f.Put(Account{AccessKey: "RocketMQ", SecretKey: "23456789", TopicPerms: []string{}}, false)
	}); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []Account{{AccessKey: "another", SecretKey: "short"}, {AccessKey: "another2"}, {AccessKey: "another\n- x: y", SecretKey: "12345678"}, {AccessKey: "another", TopicPerms: []string{"a=ALL"}}, {AccessKey: "another", Admin: true}, {AccessKey: "another3", SecretKey: "12345678", Admin: true}, {AccessKey: "another", WhiteRemoteAddress: "everywhere"}} {
		if err := a.Update(func(f *File) error { return f.Put(bad, true) }); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
	again, err := Open(path, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	f := again.File()
	if !reflect.DeepEqual(f, a.File()) || f.Version.Counter != 2 || len(f.Accounts) != 3 || !reflect.DeepEqual(f.Accounts[2], add) || f.Accounts[0].SecretKey != "23456789" || len(f.Accounts[0].TopicPerms) != 0 || f.Accounts[0].DefaultGroupPerm != "SUB" {
		t.Errorf("the file says %+v", f)
	}
	if again.Rules().accounts["another"] == nil || a.Rules().accounts["another"] == nil {
		t.Error("the account that was added is not in force")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v %v, want 0640", info.Mode(), err)
	}
	if all, _ := filepath.Glob(filepath.Join(dir, "*")); len(all) != 2 {
		t.Errorf("the folder has %q", all)
	}
	if os.Geteuid() == 0 {
		return // it may write everywhere
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o700)
	if err := a.Update(func(f *File) error { f.Delete("another"); return nil }); err == nil || !strings.Contains(err.Error(), "by hand") {
		t.Errorf("a folder that cannot be written: %v", err)
	}
}

func FuzzDecodeFile(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("globalWhiteRemoteAddresses: [1.2.3.4, 'fd00::1']\naccounts: []\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		file, err := DecodeFile(in)
		if err != nil {
			return
		}
		again, err := DecodeFile(file.AppendTo(nil))
		if err != nil || !reflect.DeepEqual(normal(again), normal(file)) {
			t.Errorf("%q is read as %+v, and what is written of it as %+v, %v", in, file, again, err)
		}
	})
}

// normal is f without the difference between nothing and an empty list.
func normal(f *File) *File {
	for i := range f.Accounts {
		a := &f.Accounts[i]
		a.TopicPerms, a.GroupPerms = append([]string{}, a.TopicPerms...), append([]string{}, a.GroupPerms...)
	}
	f.Global = append([]string{}, f.Global...)
	return f
}

func FuzzParsePattern(f *testing.F) {
	for _, s := range []string{"*", "192.168.0.*", "10.1-20.*.*", "192.168.0.{1,2}", "fd00::1:1-20:*", "fd00::{1,2}", "1.2.3.4,5.6.7.8"} {
		f.Add(s, "192.168.0.1")
	}
	f.Fuzz(func(t *testing.T, s, a string) {
		p, err := ParsePattern(s)
		addr, bad := netip.ParseAddr(a)
		if bad != nil {
			return
		}
		if got := p.Match(addr); got && err != nil {
			t.Errorf("%q is no pattern and matches %s", s, a)
		} else if got && p.Match(addr) != p.Match(addr.Unmap().WithZone("")) {
			t.Errorf("%q matches %s in one form alone", s, a)
		}
	})
}

func BenchmarkIdentify(b *testing.B) {
	_, r, err := decode([]byte(good))
	if err != nil {
		b.Fatal(err)
	}
	from := netip.MustParseAddr("203.0.113.5")
	for _, size := range []int{100, 1 << 10, 64 << 10} {
		cmd := &remoting.Command{Code: remoting.ReqSendMessageV2, Body: make([]byte, size)}
		for _, f := range [][2]string{{"a", "P_group"}, {"b", "topicB"}, {"c", "TBW102"}, {"d", "4"}, {"e", "3"}, {"f", "0"}, {"g", "1700000000000"}, {"h", "0"}, {"i", "UNIQ_KEY\x017F0000010B4218B4AAC20C5A3A2F0000\x02WAIT\x01true\x02"}, {"j", "0"}, {"k", "false"}, {"l", "0"}, {"m", "false"}, {"n", "gw"}} {
			cmd.Fields.Add(f[0], f[1])
		}
		(&Credentials{"RocketMQ", newSigner("12345678")}).Sign(cmd)
		b.Run(map[int]string{100: "100B", 1 << 10: "1KiB", 64 << 10: "64KiB"}[size], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				id, err := r.Identify(cmd, from)
				if err != nil || id.Topic("topicB", Pub) != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
