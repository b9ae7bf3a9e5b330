package interop

import (
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
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

const accountsFile = `accounts:
- accessKey: the-admin
  secretKey: admins-secret
  admin: true
- accessKey: everyone
  secretKey: everyones-secret
  defaultTopicPerm: PUB|SUB
  defaultGroupPerm: SUB
- accessKey: the-sender
  secretKey: senders-secret
  defaultTopicPerm: PUB
- accessKey: the-reader
  secretKey: readers-secret
  defaultTopicPerm: SUB
  defaultGroupPerm: SUB
`

// aclKeys write the files of accounts to dir, and return the keys that name them.
func aclKeys(t *testing.T, dir string) map[string]string {
	t.Helper()
	file, tools := filepath.Join(dir, "plain_acl.yml"), filepath.Join(dir, "tools.yml")
	for path, text := range map[string]string{file: accountsFile, tools: "accessKey: the-admin\nsecretKey: admins-secret\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return map[string]string{"flushDiskType": "ASYNC_FLUSH", "aclEnable": "true", "aclFile": file, "aclToolsFile": tools}
}

// adminHome gives mqadmin the credentials that it looks for, in the folder that is its home.
func adminHome(t *testing.T, dir, name, secret string) {
	t.Helper()
	conf := filepath.Join(dir, "home", "conf")
	if err := os.MkdirAll(conf, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(conf, "tools.yml"), fmt.Appendf(nil, "accessKey: %s\nsecretKey: %s\n", name, secret), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestACL has Apache's clients send and consume as accounts, in plain text and over TLS, and
// be refused what theirs may not; and mqadmin of both versions ask and change as an admin.
func TestACL(t *testing.T) {
	t.Parallel() // it waits more than it works
	if kind, err := target.Kind(); err != nil || kind != target.Pairmq {
		t.Skipf("the accounts are given to pairmqd alone, not to %s %v", kind, err)
	}
	dir := workDir(t)
	all := javaClientsIn(t, dir)
	goAgent := buildGoAgent(t, dir)
	certs := filepath.Join(dir, "tls")
	in := func(name string) string { return filepath.Join(certs, name) }
	for _, args := range [][]string{
		{"cert", "ca", "--dir", certs},
		{"cert", "sign", "--dir", certs, "--server", "gw-a=127.0.0.1", "--client", "app"},
	} {
		if out, err := exec.CommandContext(t.Context(), os.Getenv(ctlEnv), args...).CombinedOutput(); err != nil {
			t.Fatalf("%s=%q %q: %v\n%s", ctlEnv, os.Getenv(ctlEnv), args, err, out)
		}
	}
	for _, secure := range []bool{false, true} {
		t.Run(map[bool]string{false: "plain", true: "TLS"}[secure], func(t *testing.T) {
			w := &world{dir: workDir(t), peers: all, goAgent: goAgent}
			keys := aclKeys(t, w.dir)
			var jvm []string
			var config *tls.Config
			clients := []string{"java-" + peers.V4, "java-" + peers.V5}
			if secure {
				for key, value := range map[string]string{
					"tlsServerMode": "enforcing", "tlsServerCertPath": in("gw-a.crt"), "tlsServerKeyPath": in("gw-a.key"),
					"tlsServerNeedClientAuth": "require", "tlsServerTrustCertPath": in("ca.crt"),
					"tlsEnable": "true", "tlsClientTrustCertPath": in("ca.crt"), "tlsClientCertPath": in("gw-a.crt"), "tlsClientKeyPath": in("gw-a.key"),
				} {
					keys[key] = value
				}
				properties := filepath.Join(w.dir, "tls.properties")
				text := fmt.Sprintf("tls.test.mode.enable=false\ntls.client.authServer=true\ntls.client.trustCertPath=%s\ntls.client.certPath=%s\ntls.client.keyPath=%s\n",
					in("ca.crt"), in("app.crt"), in("app.key"))
				if err := os.WriteFile(properties, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				jvm = []string{"-Dtls.enable=true", "-Dtls.config.file=" + properties}
				own, err := tls.LoadX509KeyPair(in("app.crt"), in("app.key"))
				if err != nil {
					t.Fatal(err)
				}
				config = &tls.Config{Certificates: []tls.Certificate{own}, InsecureSkipVerify: true}
			} else {
				clients = append(clients, goClient) // it shows no certificates
			}
			var err error
			if w.target, err = target.StartTLS(t.Context(), w.dir, keys, config); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := w.target.Close(); err != nil {
					t.Error(err)
				}
				if t.Failed() {
					t.Logf("the end of the broker's log:\n%s", w.target.Process().Tail(25))
				}
			})
			w.account = "everyone:everyones-secret"
			for _, name := range clients {
				w.clients = append(w.clients, w.start(t, name, name, jvm...))
			}
			for _, a := range w.clients {
				t.Run(a.Name, func(t *testing.T) { tlsProduceConsume(t, w, a) })
			}
			for _, name := range clients {
				for _, who := range []string{"", "the-reader:readers-secret", "everyone:another-secret", "nobody-known:everyones-secret"} {
					t.Run("refused-"+name+"-"+strings.NewReplacer(":", "-").Replace(who), func(t *testing.T) { aclRefused(t, w, name, who, jvm) })
				}
			}
			if !secure {
				for _, name := range clients {
					t.Run("transactions-"+name, func(t *testing.T) { aclTransactions(t, w, name) })
					t.Run("consumer-"+name, func(t *testing.T) { aclConsumer(t, w, name) })
				}
				t.Run("pop", func(t *testing.T) { aclPop(t, w) })
				for _, version := range []string{peers.V4, peers.V5} {
					t.Run("mqadmin-"+version, func(t *testing.T) { aclAdmin(t, w, version) })
				}
			}
		})
	}
}

// aclRefused has a producer fail that may not send.
func aclRefused(t *testing.T, w *world, client, who string, jvm []string) {
	was := w.account
	defer func() { w.account = was }()
	w.account = who
	a := w.start(t, client, dotless(name(t)), jvm...)
	topic := dotless(name(t))
	sent, err := a.Produce(within(t, 2*time.Minute), "P_"+topic, topic, 1, 0, 1, 1)
	if err == nil {
		t.Fatalf("it was served: %v", sent)
	}
	want := "Check signature failed for accessKey"
	switch who {
	case "":
		want = "No accessKey is configured"
	case "the-reader:readers-secret":
		want = "No default permission for topic:" + topic[:10]
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("refused by %.300v; want %q", err, want)
	}
}

// aclTransactions has the halves of a sender's transactions end, at once and when it is
// asked.
func aclTransactions(t *testing.T, w *world, client string) {
	topic := dotless(name(t))
	group := "P_" + topic
	x, err := w.clientNamed(client).Transact(within(t, 2*time.Minute), group, topic, 0, 8, []int{agents.Commit, agents.Rollback, agents.Unknown}, []int{agents.Commit}, false)
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.clientNamed(client).Push(within(t, time.Minute), agents.Subscription{Group: "C_" + topic, Topic: topic, Instance: topic})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(within(t, 2*time.Minute), distinct(5)); err != nil {
		t.Errorf("of 8 messages 3 are committed at once, and 2 when asked: %v, %d sent", err, len(x.Sent()))
	}
	if err := c.Stop(within(t, 30*time.Second)); err != nil {
		t.Error(err)
	}
}

// aclConsumer has consumers in a group and a topic that they may not consume get nothing.
func aclConsumer(t *testing.T, w *world, client string) {
	topic := dotless(name(t))
	sent, err := w.clientNamed(client).Produce(within(t, 2*time.Minute), "P_"+topic, topic, 7, 0, messages, 1)
	if err != nil {
		t.Fatal(err)
	}
	was := w.account
	defer func() { w.account = was }()
	w.account = "the-sender:senders-secret"
	denied := w.start(t, client, dotless(name(t))+"-sender")
	sub := agents.Subscription{Group: "C_" + topic, Topic: topic, Instance: topic}
	refused, err := denied.Push(within(t, time.Minute), sub)
	if err != nil {
		t.Logf("the consumer does not start: %.200v", err)
		refused = nil
	}
	w.account = "the-reader:readers-secret"
	reader := w.start(t, client, dotless(name(t))+"-reader")
	sub.Instance, sub.Broadcast = "other", true
	sub.Group += "_B"
	c, err := reader.Push(within(t, time.Minute), sub)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(within(t, 2*time.Minute), distinct(len(sent))); err != nil {
		t.Error(err)
	}
	if refused != nil {
		if got := refused.Got(); len(got) > 0 {
			t.Errorf("who may not consume has got %d messages", len(got))
		}
	}
}

// aclPop has messages popped and acknowledged.
func aclPop(t *testing.T, w *world) {
	topic, group := dotless(name(t)), "Poppers"
	p := w.peers["java-"+peers.V5]
	home := workDir(t)
	adminHome(t, home, "the-admin", "admins-secret")
	a := w.clientNamed("java-" + peers.V5)
	sent, err := a.Delay(within(t, 5*time.Minute), "P_"+topic, topic, 0, messages, 0) // each with an answer
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{
		"updateSubGroup -b " + w.target.Broker + " -g " + group,
		"setConsumeMode -b " + w.target.Broker + " -t " + topic + " -g " + group + " -m POP -q 0",
	} {
		if out, err := p.Admin(within(t, time.Minute), home, w.target.Namesrv, strings.Fields(command)...); err != nil || complaint.MatchString(out) {
			t.Fatalf("mqadmin %s: %v\n%s", command, err, out)
		}
	}
	c, err := a.Push(within(t, time.Minute), agents.Subscription{Group: group, Topic: topic, Instance: topic, Pop: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(within(t, 2*time.Minute), distinct(len(sent))); err != nil {
		t.Error(err)
	}
	if err := c.Stop(within(t, 30*time.Second)); err != nil {
		t.Error(err)
	}
	came := byIndex(c.Got())
	for _, s := range sent {
		if n := len(came[s.Index]); n != 1 {
			t.Errorf("message %d, answered %s, was popped %d times", s.Index, s.Status, n)
		}
	}
}

// aclAdmin has mqadmin ask and change as an admin, and be refused as another account.
func aclAdmin(t *testing.T, w *world, version string) {
	p := w.peers["java-"+version]
	admin, other := workDir(t), workDir(t)+"-other"
	adminHome(t, admin, "the-admin", "admins-secret")
	adminHome(t, other, "everyone", "everyones-secret")
	b := w.target.Broker
	commands := [][2]string{
		{"updateTopic -b " + b + " -t Admins" + dotless(version) + " -r 4 -w 4", "create topic to " + b + " success"},
		{"brokerStatus -b " + b, "brokerVersionDesc"},
		{"getBrokerConfig -b " + b, "aclEnable"},
		{"updateSubGroup -b " + b + " -g AdminsGroup" + dotless(version), "create subscription group to " + b + " success"},
		{"updateBrokerConfig -b " + b + " -k brokerPermission -v 6", "update broker config success"},
		{"deleteSubGroup -b " + b + " -g AdminsGroup" + dotless(version), "delete subscription group .* success"},
		{"deleteTopic -c " + target.Cluster + " -t Admins" + dotless(version), "delete topic .* from cluster .* success"},
	}
	if version == peers.V4 {
		commands = append(commands, [][2]string{
			{"updateAclConfig -b " + b + " -a newcomer -s newcomers-secret -t topicA=PUB,topicB=SUB -g groupA=SUB -m false", "create or update plain access config to " + b + " success"},
			{"getAclConfig -b " + b, "newcomer"},
			{"updateGlobalWhiteAddr -b " + b + " -g 192.0.2.1,192.0.2.2", "update global white remote addresses to " + b + " success"},
			{"clusterAclConfigVersion -b " + b, w.target.Broker},
			{"deleteAclConfig -b " + b + " -a newcomer", "delete plain access config account from " + b + " success"},
		}...)
	}
	run := func(dir, command string) string {
		t.Helper()
		out, err := p.Admin(within(t, time.Minute), dir, w.target.Namesrv, strings.Fields(command)...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, c := range commands {
		if out := run(admin, c[0]); !regexp.MustCompile(c[1]).MatchString(out) || complaint.MatchString(out) || strings.Contains(out, "-secret") {
			t.Errorf("mqadmin %s by an admin: want %q without a complaint or a secret:\n%s", c[0], c[1], out)
		}
		if out := run(other, c[0]); !strings.HasPrefix(c[0], "brokerStatus") && !strings.HasPrefix(c[0], "getBrokerConfig") && !strings.Contains(out, "Need admin permission") {
			t.Errorf("mqadmin %s by another account: want it refused:\n%s", c[0], out)
		}
	}
}

// TestApacheSlaveWithACL has a slave of Apache's 4.9.7 copy topics from a master of ours that
// serves accounts alone. Such a slave signs nothing, and is let in by its address, as RocketMQ
// has it.
func TestApacheSlaveWithACL(t *testing.T) {
	t.Parallel() // it waits more than it works
	if kind, err := target.Kind(); err != nil || kind != target.Pairmq {
		t.Skipf("the accounts are given to pairmqd alone, not to %s %v", kind, err)
	}
	const topic, client = "SignedTopic", "java-" + peers.V4
	dir := workDir(t)
	own, err := pair.NewMaker(t.Context(), target.Pairmq)
	if err != nil {
		t.Fatal(err)
	}
	apache, err := pair.NewMaker(t.Context(), target.ApacheV4)
	if err != nil {
		t.Fatal(err)
	}
	names, err := own.Namesrv(dir)
	if err != nil {
		t.Fatal(err)
	}
	master, err := own.Master(dir, pair.AsyncMaster, names.Addr)
	if err != nil {
		t.Fatal(err)
	}
	keys := aclKeys(t, master.Dir)
	for key, value := range keys {
		master.Set(key, value)
	}
	if err := os.WriteFile(keys["aclFile"], []byte("globalWhiteRemoteAddresses: [127.0.0.1]\n"+accountsFile), 0o600); err != nil {
		t.Fatal(err)
	}
	slave, err := apache.Slave(dir, 1, names.Addr)
	if err != nil {
		t.Fatal(err)
	}
	slave.Set("aclEnable", "true")
	conf := filepath.Join(slave.Dir, "home", "conf")
	if err := os.MkdirAll(conf, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(conf, "plain_acl.yml"), []byte(accountsFile), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*pair.Server{names, master, slave} {
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("the end of the log of %s:\n%s", s.Name(), s.Log(25))
			}
			if s == slave {
				s.Kill() // it takes its time to stop
			} else if err := s.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
	w := &world{target: &target.Target{Namesrv: names.Addr}, dir: dir, peers: map[string]*peers.Peer{client: javaClient(t, dir, peers.V4)}, account: "everyone:everyones-secret"}
	agent := w.start(t, client, client)
	if _, err := agent.Order(within(t, 2*time.Minute), "P_"+topic, topic, 0, 10, 2); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(slave.Dir, "store", "config", "topics.json")
	eventually(within(t, 3*time.Minute), t, "the topic at the slave", func() error {
		text, err := os.ReadFile(copied)
		if err == nil && !strings.Contains(string(text), `"`+topic+`"`) {
			err = fmt.Errorf("%s has no %s", copied, topic)
		}
		return err
	})
}

// clientNamed is the agent of a client.
func (w *world) clientNamed(name string) *agents.Agent {
	for _, a := range w.clients {
		if a.Name == name {
			return a
		}
	}
	return nil
}
