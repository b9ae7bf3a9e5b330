package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/pair"
	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/target"
)

// A usersSite is a pair that serves accounts, and mqadmin of 5.4.0 by its administrator.
type usersSite struct {
	*world
	master, slave *pair.Server
	shells        map[string]*adminShell // by the account that signs
}

// TestUsersAndPolicies has mqadmin of 5.4.0 manage users and what they may do at both brokers of a pair, and
// clients of three kinds be let do that, and nothing else, from the next request on.
func TestUsersAndPolicies(t *testing.T) {
	t.Parallel() // it waits more than it works
	if kind, err := target.Kind(); err != nil || kind != target.Pairmq {
		t.Skipf("the accounts are given to pairmqd alone, not to %s %v", kind, err)
	}
	s := newUsersSite(t)
	t.Run("mqadmin", s.manages)
	t.Run("super", s.makesSuper)
	for _, client := range []string{"java-" + peers.V4, "java-" + peers.V5, goClient} {
		t.Run(client, func(t *testing.T) { s.serves(t, client) })
	}
	t.Run("restart", s.remembers)
}

func newUsersSite(t *testing.T) *usersSite {
	dir := workDir(t)
	own, err := pair.NewMaker(t.Context(), target.Pairmq)
	if err != nil {
		t.Fatal(err)
	}
	names, err := own.Namesrv(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := &usersSite{shells: map[string]*adminShell{}}
	if s.master, err = own.Master(dir, pair.AsyncMaster, names.Addr); err != nil {
		t.Fatal(err)
	}
	if s.slave, err = own.Slave(dir, 1, names.Addr); err != nil {
		t.Fatal(err)
	}
	for _, b := range []*pair.Server{s.master, s.slave} {
		for key, value := range aclKeys(t, b.Dir) {
			b.Set(key, value)
		}
	}
	s.master.Set("adminAddresses", "127.0.0.1") // and the slave's not: see makesSuper
	for _, b := range []*pair.Server{names, s.master, s.slave} {
		if err := b.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("the end of the log of %s:\n%s", b.Name(), b.Log(25))
			}
			if err := b.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
	s.world = &world{target: &target.Target{Namesrv: names.Addr}, dir: dir, peers: javaClientsIn(t, dir), goAgent: buildGoAgent(t, dir)}
	for _, account := range []string{theAdmin, "everyone:everyones-secret", "boss:boss-secret"} {
		user, secret, _ := strings.Cut(account, ":")
		home := filepath.Join(dir, "mqadmin-"+user)
		adminHome(t, home, user, secret)
		s.shells[account] = newAdminShell(t, s.peers["java-"+peers.V5], home, names.Addr, "run")
	}
	eventually(within(t, time.Minute), t, "both brokers at the name server", func() error {
		out := s.run(t, theAdmin, "clusterList")
		if !strings.Contains(out, s.master.Addr) || !strings.Contains(out, s.slave.Addr) {
			return fmt.Errorf("clusterList shows\n%s", out)
		}
		return nil
	})
	return s
}

const theAdmin = "the-admin:admins-secret"

// run runs a command of mqadmin that an account signs; {m} and {s} are master and slave.
func (s *usersSite) run(t *testing.T, account, command string) string {
	t.Helper()
	command = strings.NewReplacer("{m}", s.master.Addr, "{s}", s.slave.Addr).Replace(command)
	return s.shells[account].run(t, 0, strings.Fields(command), time.Minute)
}

// does runs commands, each with what its output is to match; what begins with ! is a complaint that is wanted.
func (s *usersSite) does(t *testing.T, commands ...[2]string) {
	t.Helper()
	for _, c := range commands {
		out := s.run(t, theAdmin, c[0])
		want, refused := strings.CutPrefix(strings.NewReplacer("{m}", s.master.Addr, "{s}", s.slave.Addr).Replace(c[1]), "!")
		if !regexp.MustCompile("(?s)"+want).MatchString(out) || complaint.MatchString(out) != refused {
			t.Errorf("mqadmin %s: want %q, refused %t:\n%s", c[0], want, refused, out)
		}
		if strings.Contains(out, "-secret") {
			t.Errorf("mqadmin %s shows a password:\n%s", c[0], out)
		}
	}
}

// manages has every command make, show, change, copy and take away users and policies.
func (s *usersSite) manages(t *testing.T) {
	const both = "{m} success.*{s} success|{s} success.*{m} success"
	c := " -c " + target.Cluster
	s.does(t, [][2]string{
		{"createUser" + c + " -u ann -p anns-secret", both},
		{"createUser -b {m} -u ann -p anns-secret", "!CODE: 16 +DESC: The user is existed"},
		{"createUser -b {m} -u everyone -p anns-secret", "!CODE: 16 +DESC: The user is existed"},
		{"getUser -b {s} -u ann", `ann +null +Normal +enable`},
		{"listUser -b {m}", `ann +null +Normal +enable`},
		{"updateUser -b {m} -u ann -s disable", "{m} success"},
		{"updateUser -b {m} -u nobody -s disable", "!CODE: 16 +DESC: The user is not exist"},
		{"getUser -b {m} -u ann", `ann +null +Normal +disable`},
		{"getUser -b {s} -u ann", `ann +null +Normal +enable`},
		{"copyUser -f {m} -t {s} -u ann", "copy user of ann from {m} to {s} success"}, // the slave has the password
		{"getUser -b {s} -u ann", `ann +null +Normal +disable`},
		{"createUser -b {m} -u new -p news-secret", "{m} success"},
		{"copyUser -f {m} -t {s} -u new", "!CODE: 16 +DESC: password can not be blank"}, // nobody is shown one
		{"createAcl -b {m} -s User:ann -r Topic:app* -a Pub,Sub -i 10.0.0.0/8,127.0.0.1 -d Allow", "{m} success"},
		{"createAcl -b {m} -s User:nobody -r Topic:app* -a Pub -d Allow", "!CODE: 16 +DESC: The subject of User:nobody is not exist"},
		{"createAcl -b {m} -s User:ann -r Topics:app -a Pub -d Allow", "!CODE: 16 +DESC: The resource type is null"},
		{"createAcl -b {m} -s User:ann -r Topic:app -a Pub -i 10.0.0.0/99 -d Allow", "!CODE: 16 +DESC: The source ip is invalid"},
		{"getAcl -b {m} -s User:ann", `User:ann +Custom +Topic:app\* +\[Pub, Sub\] +\[10.0.0.0/8, 127.0.0.1\] +Allow`},
		{"listAcl -b {m}", `User:ann +Custom +Topic:app\*`},
		{"updateAcl -b {m} -s User:ann -r Topic:app*,Group:g -a Sub -d Deny", "{m} success"},
		{"getAcl -b {m} -s User:ann", `Topic:app\* +\[Sub\] +null +Deny.*Group:g +\[Sub\] +null +Deny`},
		{"copyAcl -f {m} -t {s}", "copy acl of User:ann from {m} to {s} success"},
		{"listAcl -b {s} -s ann -r Group", `User:ann +Custom +Group:g +\[Sub\] +null +Deny`},
		{"deleteAcl -b {s} -s User:ann -r Topic:app*", "!CODE: 1 +DESC: A Deny can only be deleted from an address in adminAddresses"},
		{"updateAcl -b {s} -s User:ann -r Topic:app*,Group:g -a Sub -d Allow", "{s} success"},
		{"deleteAcl -b {s} -s User:ann -r Topic:app*", "{s} success"},
		{"getAcl -b {s} -s User:ann", `Group:g`},
		{"deleteAcl" + c + " -s User:ann", both},
		{"deleteAcl -b {s} -s User:ann", "!CODE: 16 +DESC: The acl is not exist"},
		{"deleteUser" + c + " -u ann", both},
		{"getAcl -b {s} -s User:ann", "!CODE: 16 +DESC: The subject of User:ann is not exist"},
		{"deleteUser -b {m} -u new", "{m} success"},
	}...)
	if out := s.run(t, theAdmin, "listUser -b {m}"); strings.Contains(out, "ann") || complaint.MatchString(out) {
		t.Errorf("after deleteUser there is\n%s", out)
	}
	for _, command := range []string{"createUser -b {m} -u ann -p anns-secret", "listUser -b {m}", "createAcl -b {m} -s User:ann -r * -a All -d Allow", "listAcl -b {m}", "deleteUser -b {m} -u ann"} {
		if out := s.run(t, "everyone:everyones-secret", command); !strings.Contains(out, "Need admin permission") {
			t.Errorf("mqadmin %s by another account: want it refused:\n%s", command, out)
		}
	}
}

// makesSuper has one made where the administrator's address is known, and not where its signature alone is.
func (s *usersSite) makesSuper(t *testing.T) {
	s.does(t,
		[2]string{"createUser -b {s} -u boss -p boss-secret -t Super", "!CODE: 1 +DESC: The super user can only be create by super user, from an address in adminAddresses"},
		[2]string{"createUser -b {m} -u boss -p boss-secret -t Super", "{m} success"},
		[2]string{"getUser -b {m} -u boss", "boss +null +Super +enable"},
	)
	if out := s.run(t, "boss:boss-secret", "updateTopic -b {m} -t bosses -r 2 -w 2"); !strings.Contains(out, "success") || complaint.MatchString(out) {
		t.Errorf("a super user makes no topic:\n%s", out)
	}
}

// serves has one client do what a user may.
func (s *usersSite) serves(t *testing.T, client string) {
	user := "user-" + dotless(client)
	open, shut := "open_"+dotless(client), "shut_"+dotless(client)
	s.does(t,
		[2]string{"createUser -b {m} -u " + user + " -p first-secret", "{m} success"},
		[2]string{"createAcl -b {m} -s User:" + user + " -r Topic:* -a Pub,Sub,Get -d Allow", "{m} success"},
		[2]string{"createAcl -b {m} -s User:" + user + " -r Group:C_* -a Sub -i 127.0.0.0/8 -d Allow", "{m} success"},
		[2]string{"createAcl -b {m} -s User:" + user + " -r Topic:shut_* -a All -d Deny", "{m} success"},
	)
	s.account = user + ":first-secret"
	a := s.start(t, client, dotless(name(t)))
	sends := func(a *agents.Agent, topic, refusal string) {
		t.Helper()
		_, err := a.Produce(within(t, 2*time.Minute), "P_"+topic, topic, 7, 0, 1, 1)
		switch {
		case refusal == "" && err != nil:
			t.Errorf("a send to %s is refused: %.300v", topic, err)
		case refusal != "" && (err == nil || !regexp.MustCompile(refusal).MatchString(err.Error())):
			t.Errorf("a send to %s is %.300v, want %q", topic, err, refusal)
		}
	}
	code := func(n int, text string) string {
		if client == goClient { // it shows the remark alone
			return text
		}
		return fmt.Sprintf("CODE: %d +DESC: ", n) + text
	}
	sends(a, open, "")
	sends(a, shut, code(16, "User:"+user+" has no permission to access Topic:"+shut+" from 127.0.0.1, the decision is deny."))
	c, err := a.Push(within(t, time.Minute), agents.Subscription{Group: "C_" + open, Topic: open, Instance: open})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(within(t, 2*time.Minute), distinct(1)); err != nil {
		t.Error(err)
	}
	if err := c.Stop(within(t, 30*time.Second)); err != nil {
		t.Error(err)
	}
	s.does(t, [2]string{"updateAcl -b {m} -s User:" + user + " -r Topic:shut_* -a Pub -d Allow", "{m} success"})
	sends(a, shut, "")
	s.does(t, [2]string{"updateUser -b {m} -u " + user + " -s disable", "{m} success"})
	sends(a, open, code(16, "User:"+user+" is disabled."))
	s.does(t, // mqadmin takes one of these at a time
		[2]string{"updateUser -b {m} -u " + user + " -s enable", "{m} success"},
		[2]string{"updateUser -b {m} -u " + user + " -p second-secret", "{m} success"},
	)
	sends(a, open, code(1, "Check signature failed for accessKey="+user))
	s.account = user + ":second-secret"
	b := s.start(t, client, dotless(name(t))+"-again")
	sends(b, open, "")
	s.does(t, [2]string{"deleteAcl -b {m} -s User:" + user, "{m} success"})
	sends(b, open, code(16, "User:"+user+" has no permission to access Topic:"+open+" from 127.0.0.1, no matched policies."))
	s.does(t, [2]string{"createAcl -b {m} -s User:" + user + " -r Topic:open_* -a Pub -d Allow", "{m} success"})
	sends(b, open, "")
}

// remembers has the master killed and started again: what the clients before were left with is there.
func (s *usersSite) remembers(t *testing.T) {
	file := filepath.Join(s.master.Dir, "store", "users.json")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file of users is %v, %v", info, err)
	}
	s.master.Kill()
	if err := s.master.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	user := "user-" + dotless(goClient)
	eventually(within(t, time.Minute), t, "the users after a restart", func() error {
		if out := s.run(t, theAdmin, "listUser -b {m}"); !regexp.MustCompile(user+` +null +Normal +enable`).MatchString(out) || !regexp.MustCompile(`boss +null +Super +enable`).MatchString(out) {
			return fmt.Errorf("listUser shows\n%s", out)
		}
		return nil
	})
	s.account = user + ":second-secret"
	a := s.start(t, goClient, dotless(name(t)))
	if _, err := a.Produce(within(t, 2*time.Minute), "P_restart", "open_"+dotless(goClient), 7, 0, 1, 1); err != nil {
		t.Errorf("a send is refused: %.300v", err)
	}
	if _, err := a.Produce(within(t, 2*time.Minute), "P_restart", "shut_"+dotless(goClient), 7, 0, 1, 1); err == nil || !strings.Contains(err.Error(), "no matched policies") {
		t.Errorf("a send to what nothing is said of: %.300v", err)
	}
}
