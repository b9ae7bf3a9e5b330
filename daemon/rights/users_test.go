package rights

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pairmq/internal/acl"
	"pairmq/internal/remoting"
)

// TestUsersNeedWhatApacheAsksFor: an action on topic or group lets a user of 5.x do what RocketMQ 5.4.0 asks it
// for, and nothing else. testdata was written by its own classes.
func TestUsersNeedWhatApacheAsksFor(t *testing.T) {
	b, err := os.ReadFile("testdata/apache-5.4.0.txt")
	if err != nil {
		t.Fatal(err)
	}
	// users have one action on one kind, and all on the other.
	actions := []string{"Pub", "Sub", "Create", "Update", "Delete", "Get", "List"}
	var users []string
	for kind, other := range map[string]string{"Topic": "Group", "Group": "Topic"} {
		for _, action := range actions {
			users = append(users, fmt.Sprintf(`{"username":"%s-%s","password":"x","policies":[{"policyType":"Custom","entries":[
				{"resource":"%[1]s:*","actions":["%[2]s"],"decision":"Allow"},{"resource":"%[3]s:*","actions":["All"],"decision":"Allow"}]}]}`, kind, action, other))
		}
	}
	dir := t.TempDir()
	in := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	all, err := acl.Open(in("plain_acl.yml", "accounts: []\n"), in("users.json", `{"users":[`+strings.Join(users, ",")+`]}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	g := New(Options{Accounts: all.Rules})
	elsewhere := map[int32]string{ // what the gate leaves to who reads the body, or the message, and to name servers
		remoting.ReqHeartBeat: "body", remoting.ReqLockBatchMQ: "body", remoting.ReqUnlockBatchMQ: "body",
		remoting.ReqEndTransaction: "message", remoting.ReqViewMessageByID: "message", remoting.ReqGetRouteinfoByTopic: "name server",
	}
	asked := regexp.MustCompile(`(Topic|Group):\w\[([A-Z, ]+)\]`)
	held := 0
	for line := range strings.Lines(string(b)) {
		number, _, _ := strings.Cut(line, " ")
		code, err := strconv.ParseInt(number, 10, 32)
		if err != nil { // the first line
			continue
		}
		row, _ := Of(int32(code))
		if row.Right != Client || elsewhere[row.Code] != "" {
			continue
		}
		for _, of := range asked.FindAllStringSubmatch(line, -1) {
			for _, action := range actions {
				own, err := acl.ReadCredentials(in("tools.yml", "accessKey: "+of[1]+"-"+action+"\nsecretKey: x\n"))
				if err != nil {
					t.Fatal(err)
				}
				cmd := &remoting.Command{Code: row.Code}
				for _, name := range []string{row.Topic, row.Group} {
					if name != "" {
						cmd.Fields.Add(name, "N")
					}
				}
				own.Sign(cmd)
				id, err := g.identify(cmd, netip.MustParseAddr("192.0.2.1"))
				if err != nil {
					t.Fatal(err)
				}
				held++
				want := strings.Contains(","+strings.ReplaceAll(of[2], " ", "")+",", ","+strings.ToUpper(action)+",")
				if err := g.permitted(cmd, &row, id); (err == nil) != want {
					t.Errorf("%s with %s alone on the %s: %v; Apache asks for %s", remoting.RequestName(row.Code), action, of[1], err, of[2])
				}
			}
		}
	}
	if held < 200 {
		t.Errorf("%d cases are too few", held)
	}
	t.Logf("%d cases", held)
}
