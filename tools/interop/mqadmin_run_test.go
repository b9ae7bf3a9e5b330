package interop

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/line"
	"pairmq/tools/interop/mqadmin"
	"pairmq/tools/interop/pair"
	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/proc"
	"pairmq/tools/interop/target"
	"pairmq/tools/interop/wire"
)

// An adminShell is one JVM that runs mqadmin's commands one after the other.
type adminShell struct {
	child *proc.Process
	stdin *os.File
	lines chan line.Line
}

// newAdminShell starts the driver, compiled against a version; mode is an
// argument of Admin.java.
func newAdminShell(t *testing.T, p *peers.Peer, dir, namesrv, mode string) *adminShell {
	t.Helper()
	path, args, err := p.AdminCommand(dir, namesrv, mode)
	if err != nil {
		t.Fatal(err)
	}
	childIn, stdin, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer childIn.Close()
	stdout, childOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer childOut.Close()
	in := dir // commands leave files where they run
	if !filepath.IsAbs(dir) {
		in = ""
	}
	env := []string{"ROCKETMQ_HOME=" + filepath.Join(dir, "home"), "HOME=" + dir}
	child, err := proc.Start(proc.Options{Name: "mqadmin-" + mode, Path: path, Args: args, Env: env, Dir: dir, In: in, Stdin: childIn, Stdout: childOut})
	if err != nil {
		t.Fatal(err)
	}
	s := &adminShell{child: child, stdin: stdin, lines: make(chan line.Line, 256)}
	go func() {
		defer close(s.lines)
		defer stdout.Close()
		in := bufio.NewScanner(stdout)
		in.Buffer(make([]byte, 64<<10), 16<<20)
		for in.Scan() {
			if l, ok := line.Parse(in.Text()); ok {
				s.lines <- l
			}
		}
	}()
	t.Cleanup(func() { stdin.Close(); child.Kill() })
	return s
}

// run is print in a test, which fails if there is nothing to print.
func (s *adminShell) run(t *testing.T, id int, words []string, limit time.Duration) string {
	t.Helper()
	out, err := s.print(id, words, limit)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// print runs one command and returns all that it printed. An error means that the shell is of
// no use any more.
func (s *adminShell) print(id int, words []string, limit time.Duration) (string, error) {
	pairs := []any{"id", id, "ms", limit.Milliseconds(), "args", len(words)}
	for i, w := range words {
		pairs = append(pairs, strconv.Itoa(i), w)
	}
	if _, err := fmt.Fprintln(s.stdin, line.New("run", pairs...)); err != nil {
		return "", fmt.Errorf("mqadmin %s: %w\n%s", strings.Join(words, " "), err, s.child.Tail(30))
	}
	select {
	case l, ok := <-s.lines:
		if !ok {
			return "", fmt.Errorf("mqadmin %s ended the JVM\n%s", strings.Join(words, " "), s.child.Tail(30))
		}
		return l.Get("out"), nil
	case <-time.After(limit + time.Minute):
		return "", fmt.Errorf("mqadmin %s does not come back\n%s", strings.Join(words, " "), s.child.Tail(30))
	}
}

// An adminSite is a broker and a name server of a kind, with the data that
// package mqadmin speaks of, and a shell of a version to look at them.
type adminSite struct {
	shell  *adminShell
	world  *world
	dir    string
	places mqadmin.Places
}

func newAdminSite(t *testing.T, p *peers.Peer, kind string) *adminSite {
	t.Helper()
	dir := filepath.Join(workDir(t), kind)
	m, err := pair.NewMaker(t.Context(), kind)
	if err != nil {
		t.Fatal(err)
	}
	ns, err := m.Namesrv(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ns.Kill)
	if err := ns.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b, err := m.Master(dir, pair.AsyncMaster, ns.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Kill)
	if err := b.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn, err := wire.Dial(t.Context(), b.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	w := &world{target: &target.Target{Namesrv: ns.Addr, Broker: b.Addr}, dir: dir, conn: conn, peers: map[string]*peers.Peer{"java": p}}
	s := &adminSite{dir: dir, world: w}
	first := s.fill(t, w)
	slave, err := m.Slave(dir, 1, ns.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(slave.Kill)
	if err := slave.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.places = mqadmin.Places{"broker": b.Addr, "slave": slave.Addr, "namesrv": ns.Addr, "cluster": target.Cluster, "name": target.BrokerName, "dir": dir,
		"topic": mqadmin.Topic, "group": mqadmin.Group, "producers": mqadmin.Producers, "msgid": first, "unique": "7F000001000118B4AAC2000000000000"}
	s.shell = newAdminShell(t, p, dir, ns.Addr, "run")
	return s
}

// fill makes the data, and returns the id of a message.
func (s *adminSite) fill(t *testing.T, w *world) (msgID string) {
	t.Helper()
	for name, text := range map[string]string{
		"topics.json": `[{"topicName":"AdminListed","readQueueNums":2,"writeQueueNums":2,"perm":6,"order":false,"topicFilterType":"SINGLE_TAG","topicSysFlag":0,"attributes":{}}]`,
		"groups.json": `[{"groupName":"AdminListedGroup","consumeEnable":true,"retryQueueNums":1,"retryMaxTimes":16}]`,
	} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	retry := "%RETRY%" + mqadmin.Group
	w.topic(t, retry, 1) // clients look for one that is made later after half a minute only
	w.topic(t, mqadmin.Topic, mqadmin.Queues)
	ctx := within(t, 2*time.Minute)
	for i := range mqadmin.Queues * mqadmin.Each {
		m := wire.Message{Topic: mqadmin.Topic, QueueID: int32(i % mqadmin.Queues), Body: fmt.Appendf(nil, "body %d", i), Properties: map[string]string{
			"KEYS": fmt.Sprint("key", i), "TAGS": "red", "UNIQ_KEY": fmt.Sprintf("7F000001000118B4AAC200000000%04X", i)}}
		r, err := w.conn.Send(ctx, m)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			msgID = r.MsgID
		}
	}
	s.beat(t)
	agent, try := w.start(t, "java", "consumer"), 0
	eventually(ctx, t, "a consumer", func() error { // a client that has failed to start is not started again
		try++
		_, err := agent.Push(ctx, agents.Subscription{Group: mqadmin.Group, Topic: mqadmin.Topic, Instance: fmt.Sprint("admin", try)})
		return err
	})
	eventually(ctx, t, "all messages consumed and committed", func() error {
		// Clients commit of a retry topic whenever they have found it, and tools show it from then on.
		stats, err := w.conn.Do(ctx, wire.NewCommand(wire.ConsumeStats, "consumerGroup", mqadmin.Group))
		if err != nil || !strings.Contains(string(stats.Body), retry) {
			return fmt.Errorf("nothing is committed of %s yet, %w", retry, err)
		}
		for q := range int32(mqadmin.Queues) {
			if at, _, err := w.conn.ConsumerOffset(ctx, mqadmin.Group, mqadmin.Topic, q); err != nil || at != mqadmin.Each {
				return fmt.Errorf("queue %d: offset %d, %w", q, at, err)
			}
		}
		return nil
	})
	return msgID
}

// beat keeps the producers of package mqadmin's group online.
func (s *adminSite) beat(t *testing.T) {
	t.Helper()
	hb := wire.NewCommand(wire.HeartBeat)
	hb.Body = fmt.Appendf(nil, `{"clientID":"192.0.2.1@1","producerDataSet":[{"groupName":%q}],"consumerDataSet":[]}`, mqadmin.Producers)
	if _, err := s.world.conn.Do(within(t, time.Minute), hb); err != nil {
		t.Fatal(err)
	}
}

// settle waits until the group has consumed all.
func (s *adminSite) settle(t *testing.T) {
	t.Helper()
	ctx := within(t, 2*time.Minute)
	eventually(ctx, t, "all messages consumed and committed", func() error {
		for q := range int32(mqadmin.Queues) {
			end, err := s.world.conn.MaxOffset(ctx, mqadmin.Topic, q)
			if err != nil {
				return err
			}
			if at, _, err := s.world.conn.ConsumerOffset(ctx, mqadmin.Group, mqadmin.Topic, q); err != nil || at != end {
				return fmt.Errorf("queue %d: offset %d of %d, %w", q, at, end, err)
			}
		}
		return nil
	})
}

// tries is how often a command is run that a busy machine has kept from an answer.
const tries = 3

// late is what such a command prints.
var late = regexp.MustCompile(`RemotingTimeoutException|RemotingConnectException|RemotingSendRequestException|sendDefaultImpl call timeout`)

// round runs every command and returns what became of each, normalised.
func (s *adminSite) round(t *testing.T, version string) []string {
	t.Helper()
	var outs []string
	for i, c := range mqadmin.Of(version) {
		begin := time.Now()
		limit := time.Minute // as peers.Admin
		if c.Seconds > 0 {
			limit = time.Duration(c.Seconds) * time.Second
		}
		if c.Settled {
			s.settle(t)
		}
		s.beat(t)
		out := s.shell.run(t, i, c.Line(s.places), limit)
		for n := 1; n < tries && late.MatchString(out); n++ {
			t.Logf("mqadmin %s %s is run again", c.Name, c.Args)
			out = s.shell.run(t, i, c.Line(s.places), limit)
		}
		if took := time.Since(begin); took > 3*time.Second {
			t.Logf("mqadmin %s %s took %v", c.Name, c.Args, took.Round(time.Millisecond))
		}
		if os.Getenv(dirEnv) != "" {
			if err := os.WriteFile(filepath.Join(s.dir, fmt.Sprintf("out-%02d-%s", i, c.Name)), []byte(out), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		outs = append(outs, c.Normalise(out+s.beside(t, c)))
	}
	return outs
}

// beside is what a command says elsewhere than where it prints: in a file that it wrote, which is taken away, and in
// its log.
func (s *adminSite) beside(t *testing.T, c mqadmin.Command) string {
	t.Helper()
	var b strings.Builder
	if c.File != "" {
		name := filepath.Join(s.dir, c.File)
		if text, err := os.ReadFile(name); err == nil { // the command has printed why there is none
			b.WriteString("\n" + inOrder(text))
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	if c.Logs != "" {
		eventually(within(t, 4*time.Minute), t, c.Name+" logs "+c.LogsEnd, func() error {
			b.Reset()
			for _, file := range []string{"logs/rocketmqlogs/rocketmq_client.log", "logs/monitor.log"} { // 4.x, 5.x
				text, _ := os.ReadFile(filepath.Join(s.dir, file))
				for l := range strings.Lines(string(text)) {
					_, said, found := strings.Cut(l, c.Logs)
					if found {
						b.WriteString("\n" + strings.TrimSpace(said))
					}
					if found && strings.Contains(said, c.LogsEnd) {
						if strings.Contains(b.String(), mqadmin.Group) {
							return nil
						}
						b.Reset() // a busy machine has kept it from an answer: it tries again in a minute
					}
				}
			}
			return fmt.Errorf("so far: %s", b.String())
		})
	}
	return b.String()
}

// inOrder is a JSON text with its keys in order; another text is what it is.
func inOrder(text []byte) string {
	var v any
	if json.Unmarshal(text, &v) != nil {
		return string(text)
	}
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return string(text)
	}
	return string(b)
}

// adminPeer is a version with the agent and the driver compiled, in a folder of
// the test's.
func adminPeer(t *testing.T, version string) (*peers.Peer, string) {
	t.Helper()
	p, err := peers.Fetch(t.Context(), version)
	if err != nil {
		t.Fatal(err)
	}
	dir := workDir(t)
	if err := p.Compile(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	return p, dir
}
