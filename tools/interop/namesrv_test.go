package interop

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/pair"
	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/proc"
	"pairmq/tools/interop/target"
	"pairmq/tools/interop/verify"
	"pairmq/tools/interop/wire"
)

const (
	namesrvRestarts = 50   // under load
	namesrvLoad     = 7000 // messages of each client, and one more; all fit a segment
	namesrvPause    = 12   // ms after each: the load takes twice as long as the restarts
	namesrvSeed     = 7
)

// TestNameServers has name servers of several kinds beside each other, and
// brokers and clients that know all of them.
func TestNameServers(t *testing.T) {
	kind, err := target.Kind()
	if err != nil {
		t.Fatal(err)
	}
	subject, err := pair.NewMaker(t.Context(), kind)
	if err != nil {
		t.Fatal(err)
	}
	clients := javaClients(t)
	// Not beside others: the port of a name server that is dead for a moment seems free.
	t.Run("Five", func(t *testing.T) { fiveNameServers(t, clients, subject) })
	for _, version := range []string{peers.V4, peers.V5} {
		t.Run("Apache-"+version, func(t *testing.T) { t.Parallel(); apacheBehindOurs(t, clients, subject, version) })
	}
}

// A namesrvWorld is a broker and the name servers that it registers with.
type namesrvWorld struct {
	*world
	servers []*pair.Server // that answer, when they run
	broker  *pair.Server
	begin   time.Time
}

func (w *namesrvWorld) logf(t *testing.T, format string, args ...any) {
	t.Helper()
	t.Logf("%5.1f s: %s", time.Since(w.begin).Seconds(), fmt.Sprintf(format, args...))
}

// fiveNameServers: one of each version of Apache's, one of the subject's, one that
// takes connections and never answers, and one that is not there, in whose order
// clients and the broker come to the good ones last.
func fiveNameServers(t *testing.T, clients map[string]*peers.Peer, subject *pair.Maker) {
	dir := workDir(t)
	w := &namesrvWorld{begin: time.Now()}
	list := []string{nobody(t), silent(t)}
	for _, kind := range []string{"apache-" + peers.V4, "apache-" + peers.V5, subject.Kind} {
		m, err := pair.NewMaker(t.Context(), kind)
		if err != nil {
			t.Fatal(err)
		}
		s, err := m.Namesrv(filepath.Join(dir, kind))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Kill)
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.servers, list = append(w.servers, s), append(list, s.Addr)
	}
	var err error
	if w.broker, err = subject.Master(dir, pair.AsyncMaster, strings.Join(list, ";")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.broker.Stop(); err != nil {
			t.Error(err)
		}
	})
	begin := time.Now()
	if err := w.broker.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.everywhere(t, "broker", wire.NewCommand(wire.BrokerCluster), w.broker.Addr)
	w.logf(t, "registered with all that answer, %v after its start", time.Since(begin).Round(time.Millisecond))
	w.world = &world{target: &target.Target{Namesrv: strings.Join(list, ";")}, dir: dir, peers: clients}
	if w.conn, err = wire.Dial(t.Context(), w.broker.Addr); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.conn.Close() })
	if err := w.conn.CreateTopic(t.Context(), pairTopic, pairQueues); err != nil {
		t.Fatal(err)
	}
	w.everywhere(t, "topic", wire.NewCommand(wire.RouteByTopic, "topic", pairTopic), w.broker.Addr)
	w.underLoad(t)
	for _, s := range w.servers {
		if !s.Running() {
			if err := s.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.everywhere(t, "topic, in the end", wire.NewCommand(wire.RouteByTopic, "topic", pairTopic), w.broker.Addr)
}

// nobody is an address where nothing listens.
func nobody(t *testing.T) string {
	t.Helper()
	port, err := proc.FreePorts()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// silent is the address of one that takes connections and never answers.
func silent(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var conns []net.Conn
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		ln.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range conns {
			c.Close()
		}
	})
	return ln.Addr().String()
}

// everywhere waits until each name server's answer to a request has this text.
func (w *namesrvWorld) everywhere(t *testing.T, what string, req *wire.Command, text string) {
	t.Helper()
	for _, s := range w.servers {
		eventually(within(t, 45*time.Second), t, what+" at "+s.Name(), func() error {
			resp, err := ask(t.Context(), s.Addr, req)
			if err == nil && !bytes.Contains(resp.Body, []byte(text)) {
				err = fmt.Errorf("it says %s", resp.Body)
			}
			return err
		})
	}
}

// underLoad has Java clients of both versions send and consume while name
// servers are killed and started: no send fails, and all is consumed.
func (w *namesrvWorld) underLoad(t *testing.T) {
	names := []string{"java-" + peers.V4, "java-" + peers.V5}
	var all []*agents.Agent
	var consumers []*agents.Consumer
	for _, name := range names {
		a := w.start(t, name, name, "-Dinterop.patience=5000") // there is one that never answers
		all = append(all, a)
		var c *agents.Consumer
		// A look-up at a name server that does not answer is the client's to repeat,
		// which it can do under another name only.
		try := 0
		eventually(within(t, 2*time.Minute), t, "a consumer of "+name, func() (err error) {
			try++
			group := fmt.Sprintf("Names_%s_%d", dotless(strings.ReplaceAll(name, "-", "_")), try)
			c, err = a.Push(t.Context(), agents.Subscription{Group: group, Topic: pairTopic, Instance: group})
			return err
		})
		consumers = append(consumers, c)
	}
	var load sync.WaitGroup
	var mu sync.Mutex
	var sent []verify.Sent
	for i, a := range all {
		from := i * (namesrvLoad + 100) // the corpus goes by hundreds
		load.Go(func() {
			got, err := a.ProduceSlowly(within(t, 4*time.Minute), "P_"+dotless(a.Name), pairTopic, pairSeed, from, from+namesrvLoad, 2, namesrvPause)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			sent = append(sent, got...)
		})
	}
	loaded := make(chan struct{})
	go func() { load.Wait(); close(loaded) }()
	n, err := w.restarts(t, loaded)
	<-loaded
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, s := range sent {
		count[s.Status]++
	}
	w.logf(t, "%d name-server restarts under load; %d messages sent: %v", n, len(sent), count)
	if count["SEND_OK"]+count["ONEWAY"] != len(sent) || len(sent) != len(all)*(namesrvLoad+1) {
		t.Errorf("of %d messages %d were sent, with %v", len(all)*(namesrvLoad+1), len(sent), count)
	}
	if n < namesrvRestarts {
		t.Errorf("the load was over after %d restarts", n)
	}
	want := verify.Corpus(pairSeed, len(all)*(namesrvLoad+100))
	for _, c := range consumers {
		waited := c.Wait(within(t, 2*time.Minute), distinct(len(sent)))
		if err := c.Stop(within(t, 30*time.Second)); err != nil {
			t.Error(err)
		}
		r := verify.Deliveries(want, sent, c.Got())
		if err := errors.Join(waited, r.Err()); err != nil {
			t.Error(err)
		}
		if r.Redelivered != 0 {
			t.Errorf("%d messages were delivered twice", r.Redelivered)
		}
	}
}

// restarts kills name servers and starts them again, in an order from a seed,
// often enough if the load lasts, and says how often. Once all are dead for a
// moment. A JVM takes its time to come back: ours goes on meanwhile.
func (w *namesrvWorld) restarts(t *testing.T, loaded <-chan struct{}) (n int, err error) {
	rng := rand.New(rand.NewPCG(namesrvSeed, 1))
	ours, theirs := w.servers[len(w.servers)-1], w.servers[:len(w.servers)-1]
	var starting sync.WaitGroup
	failed := make(chan error, namesrvRestarts)
	for i := 0; n < namesrvRestarts; i++ {
		select {
		case <-loaded:
			starting.Wait()
			return n, nil
		case err := <-failed:
			starting.Wait()
			return n, err
		default:
		}
		down := []*pair.Server{ours}
		switch i {
		case 5, 25:
			starting.Wait()
			down = append(down, theirs[rng.IntN(len(theirs))])
		case 15:
			starting.Wait()
			down = append(down, theirs...)
		}
		for _, s := range down {
			s.Kill()
		}
		time.Sleep(time.Duration(rng.IntN(200)) * time.Millisecond) // dead for a while: what is tested is that
		for _, s := range down[1:] {
			starting.Go(func() {
				if err := s.Start(t.Context()); err != nil {
					failed <- fmt.Errorf("%w\n%s", err, s.Log(20))
				}
			})
		}
		if err := ours.Start(t.Context()); err != nil {
			starting.Wait()
			return n, fmt.Errorf("after %d restarts: %w\n%s", n, err, ours.Log(20))
		}
		n += len(down)
	}
	starting.Wait()
	return n, nil
}

// apacheBehindOurs has a pair of Apache's brokers register with the subject's
// name server and with one of their own, and compares what clients and mqadmin
// see through each.
func apacheBehindOurs(t *testing.T, clients map[string]*peers.Peer, subject *pair.Maker, version string) {
	apache, err := pair.NewMaker(t.Context(), "apache-"+version)
	if err != nil {
		t.Fatal(err)
	}
	dir := workDir(t)
	w := &namesrvWorld{begin: time.Now()}
	for _, m := range []*pair.Maker{subject, apache} {
		s, err := m.Namesrv(filepath.Join(dir, m.Kind))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Kill)
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.servers = append(w.servers, s)
	}
	ours, theirs := w.servers[0], w.servers[1]
	list := ours.Addr + ";" + theirs.Addr
	master, err := apache.Master(dir, pair.SyncMaster, list)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := apache.Slave(dir, 1, list)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []*pair.Server{master, slave} {
		t.Cleanup(b.Kill)
		if err := b.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.everywhere(t, "broker", wire.NewCommand(wire.BrokerCluster), b.Addr)
	}
	w.world = &world{target: &target.Target{Namesrv: ours.Addr}, dir: dir, peers: clients}
	if w.conn, err = wire.Dial(t.Context(), master.Addr); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.conn.Close() })
	if err := w.conn.CreateTopic(t.Context(), pairTopic, pairQueues); err != nil {
		t.Fatal(err)
	}
	w.everywhere(t, "topic", wire.NewCommand(wire.RouteByTopic, "topic", pairTopic), master.Addr)
	w.produceAndConsume(t, "java-"+version)
	a := &adminPair{t: t, peer: clients["java-"+version], dir: dir, ours: ours.Addr, theirs: theirs.Addr}
	a.compare(master.Addr)
	w.logf(t, "%d commands of mqadmin print the same", a.ran)
	slave.Kill()
	for _, s := range w.servers { // its connection has closed: at once, not after 120 s
		eventually(within(t, 20*time.Second), t, "the slave's end at "+s.Name(), func() error {
			resp, err := ask(t.Context(), s.Addr, wire.NewCommand(wire.BrokerCluster))
			if err == nil && bytes.Contains(resp.Body, []byte(slave.Addr)) {
				err = errors.New("it is still listed")
			}
			return err
		})
	}
}

// produceAndConsume has a Java client send and consume by the name server's routes.
func (w *namesrvWorld) produceAndConsume(t *testing.T, client string) {
	t.Helper()
	a := w.start(t, client, client)
	c, err := a.Push(within(t, time.Minute), agents.Subscription{Group: "Names", Topic: pairTopic, Instance: client})
	if err != nil {
		t.Fatal(err)
	}
	const n = 500
	sent, err := a.Produce(within(t, time.Minute), "P_Names", pairTopic, pairSeed, 0, n, 2)
	if err != nil {
		t.Fatal(err)
	}
	waited := c.Wait(within(t, time.Minute), distinct(n))
	if err := errors.Join(waited, verify.Deliveries(verify.Corpus(pairSeed, n), sent, c.Got()).Err()); err != nil {
		t.Error(err)
	}
	if err := c.Stop(within(t, 30*time.Second)); err != nil {
		t.Error(err)
	}
	w.logf(t, "%d messages sent and consumed by %s", n, client)
}

// An adminPair runs mqadmin on both name servers and compares what it prints.
type adminPair struct {
	t            *testing.T
	peer         *peers.Peer
	dir          string
	ours, theirs string
	ran          int
}

func (a *adminPair) run(namesrv string, command ...string) string {
	a.t.Helper()
	out, err := a.peer.Admin(a.t.Context(), filepath.Join(a.dir, "admin-"+strings.ReplaceAll(namesrv, ":", "-")), namesrv, command...)
	if err != nil {
		a.t.Error(err)
	}
	return out
}

// same demands that a command prints the same of both, in the same fields.
func (a *adminPair) same(fields func(string) []string, command ...string) []string {
	a.t.Helper()
	at := func(namesrv string) []string {
		c := slices.Clone(command)
		for i := range c {
			c[i] = strings.ReplaceAll(c[i], "NAMESRV", namesrv)
		}
		return fields(strings.ReplaceAll(a.run(namesrv, c...), namesrv, "NAMESRV"))
	}
	var ours, theirs []string
	var both sync.WaitGroup // a JVM waits most of its time
	both.Go(func() { ours = at(a.ours) })
	theirs = at(a.theirs)
	both.Wait()
	a.ran++
	if !slices.Equal(ours, theirs) {
		a.t.Errorf("mqadmin %s prints\n%s\nand with Apache's name server\n%s", strings.Join(command, " "), strings.Join(ours, "\n"), strings.Join(theirs, "\n"))
	}
	return ours
}

// logged matches what a Java program says beside what it was asked for.
var logged = regexp.MustCompile(`^(WARNING|OpenJDK|\d\d:\d\d:\d\d\.\d+ )`)

// lines are what was printed, without its order and blanks.
func lines(out string) (all []string) {
	for line := range strings.Lines(out) {
		if line = strings.Join(strings.Fields(line), " "); line != "" && !logged.MatchString(line) {
			all = append(all, strings.Trim(line, ", "))
		}
	}
	slices.Sort(all)
	return all
}

// columns are the first so many of each line: what is behind them changes with time.
func columns(n int) func(string) []string {
	return func(out string) (all []string) {
		for _, line := range lines(out) {
			f := strings.Fields(line)
			all = append(all, strings.Join(f[:min(n, len(f))], " "))
		}
		return all
	}
}

func matches(all []string, pattern string) bool {
	return slices.ContainsFunc(all, regexp.MustCompile(pattern).MatchString)
}

// perm changes what name servers say of the broker's write permission, until that
// is seen, at most four times. On a slow machine both name servers, Apache's too,
// had the old permission again by the time that the next command asked; that a
// registration came in between is likely, and not proven.
func (a *adminPair) perm(command, want string) {
	a.t.Helper()
	var route []string
	for range 4 {
		if out := a.same(lines, command, "-b", target.BrokerName, "-n", "NAMESRV"); !matches(out, `\d+`) {
			a.t.Errorf("%s says\n%s", command, strings.Join(out, "\n"))
		}
		if route = a.same(lines, "topicRoute", "-t", pairTopic); matches(route, `"perm": ?`+want) {
			return
		}
	}
	a.t.Errorf("after %s the permission is not %s:\n%s", command, want, strings.Join(route, "\n"))
}

// compare runs what mqadmin has for name servers.
func (a *adminPair) compare(master string) {
	t := a.t
	has := func(what string, all []string, pattern string) {
		t.Helper()
		if !matches(all, pattern) {
			t.Errorf("%s: nothing matches %q in\n%s", what, pattern, strings.Join(all, "\n"))
		}
	}
	has("topicRoute", a.same(lines, "topicRoute", "-t", pairTopic), regexp.QuoteMeta(master))
	has("clusterList", a.same(columns(5), "clusterList"), regexp.QuoteMeta(master))
	has("topicList", a.same(lines, "topicList"), "^"+pairTopic+"$")
	has("topicClusterList", a.same(lines, "topicClusterList", "-t", pairTopic), "^"+target.Cluster+"$")
	has("updateKvConfig", a.same(lines, "updateKvConfig", "-s", "Plant", "-k", "line", "-v", "7"), "success")
	a.perm("wipeWritePerm", "4")
	a.perm("addWritePerm", "6")
	// After those, since it may have the broker register its table anew.
	has("updateOrderConf", a.same(lines, "updateOrderConf", "-t", pairTopic, "-v", target.BrokerName+":8", "-m", "put"), "success")
	has("get order conf", a.same(lines, "updateOrderConf", "-t", pairTopic, "-m", "get"), target.BrokerName+":8")
	for _, namesrv := range []string{a.ours, a.theirs} {
		has("getNamesrvConfig", lines(a.run(namesrv, "getNamesrvConfig", "-n", namesrv)), `orderMessageEnable *= *false`)
	}
}
