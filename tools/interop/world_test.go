package interop

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/target"
	"pairmq/tools/interop/verify"
	"pairmq/tools/interop/wire"
)

// goClient is the version of rocketmq-client-go in go.mod.
const goClient = "go-2.1.2"

// dirEnv names a folder to work in and keep, for a look at logs afterwards.
const dirEnv = "INTEROP_DIR"

// A world is a target with one agent of each client.
type world struct {
	target  *target.Target
	conn    *wire.Conn // to the broker
	dir     string
	peers   map[string]*peers.Peer // by client name
	goAgent string                 // path of the Go agent
	clients []*agents.Agent
	account string // NAME:SECRET that agents sign as; "" is nobody
}

// workDir returns a folder for one test's files.
func workDir(t *testing.T) string {
	t.Helper()
	keep := os.Getenv(dirEnv)
	if keep == "" {
		return t.TempDir()
	}
	dir := filepath.Join(keep, strings.ReplaceAll(t.Name(), "/", "_"))
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// startTarget starts the target and ends it with the test.
func startTarget(t *testing.T, keys map[string]string) *target.Target {
	t.Helper()
	tg, err := target.Start(t.Context(), workDir(t), keys)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tg.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the end of the broker's log:\n%s", tg.Process().Tail(25))
		}
	})
	return tg
}

func dial(t *testing.T, tg *target.Target) *wire.Conn {
	t.Helper()
	c, err := tg.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// newWorld starts everything.
func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldWith(t, map[string]string{"flushDiskType": "ASYNC_FLUSH", "messageDelayLevel": delayLevels})
}

// newWorldWith is newWorld of a broker with these keys.
func newWorldWith(t *testing.T, keys map[string]string) *world {
	t.Helper()
	return newWorldOn(t, startTarget(t, keys))
}

// newWorldOn is newWorld of a target that has started.
func newWorldOn(t *testing.T, tg *target.Target) *world {
	t.Helper()
	w := &world{target: tg, dir: tg.Dir}
	w.peers = javaClientsIn(t, w.dir)
	w.goAgent = buildGoAgent(t, w.dir)
	w.conn = dial(t, w.target) // now: one that idles for two minutes is closed, and a compiler may take as long
	for _, name := range []string{"java-" + peers.V4, "java-" + peers.V5, goClient} {
		w.clients = append(w.clients, w.start(t, name, name))
	}
	return w
}

func buildGoAgent(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "goagent")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./goagent").CombinedOutput(); err != nil {
		t.Fatalf("build the Go agent: %v\n%s", err, out)
	}
	return path
}

// start starts one more agent of a client, and ends it with the test.
func (w *world) start(t *testing.T, client, name string, jvm ...string) *agents.Agent {
	t.Helper()
	home := w.home(name)
	if err := os.MkdirAll(home, 0o755); err != nil {
		t.Fatal(err)
	}
	path, args, env := w.goAgent, []string{w.target.Namesrv}, []string{"HOME=" + home}
	p, java := w.peers[client]
	if w.account != "" {
		jvm, env = append(jvm, "-Dinterop.account="+w.account), append(env, "INTEROP_ACCOUNT="+w.account)
	}
	if java {
		var err error
		if path, args, err = p.AgentCommand(home, w.target.Namesrv, jvm...); err != nil {
			t.Fatal(err)
		}
	}
	a, err := agents.Start(name, java, w.dir, path, args, env...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

// home is the folder of an agent, where its client keeps what it keeps.
func (w *world) home(agent string) string { return filepath.Join(w.dir, "home-"+agent) }

// warm has each client send to a topic of its own until a message is stored: on a busy machine
// the first one of a JVM takes longer than its client waits.
func (w *world) warm(t *testing.T) {
	t.Helper()
	w.topic(t, "Warm", 1)
	var all sync.WaitGroup
	for _, client := range w.clients {
		all.Go(func() {
			for try := 0; ; try++ {
				_, err := client.Delay(within(t, time.Minute), fmt.Sprintf("Warm_%s_%d", dotless(client.Name), try), "Warm", 0, 1, 0)
				if err == nil {
					return
				}
				if try == 5 {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// second starts another process of the same client; one in Java writes its
// headers in RocketMQ's binary form.
func (w *world) second(t *testing.T, client *agents.Agent) *agents.Agent {
	t.Helper()
	return w.start(t, client.Name, name(t)+"-second", "-Drocketmq.serialize.type=ROCKETMQ")
}

// name makes the test's name one for a topic or group.
func name(t *testing.T) string {
	return strings.NewReplacer("/", "_", ".", "", "TestClients", "T").Replace(t.Name())
}

// dotless makes a client's name one for a group.
func dotless(s string) string { return strings.ReplaceAll(s, ".", "") }

// within bounds what a test waits for.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// topic creates a topic and waits until the name server knows it.
func (w *world) topic(t *testing.T, topic string, queues int) {
	t.Helper()
	ctx := within(t, 20*time.Second)
	if err := w.conn.CreateTopic(ctx, topic, queues); err != nil {
		t.Fatal(err)
	}
	w.routed(ctx, t, topic)
}

// routed waits until the name server knows a topic.
func (w *world) routed(ctx context.Context, t *testing.T, topic string) {
	t.Helper()
	ns, err := wire.Dial(ctx, w.target.Namesrv)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	eventually(ctx, t, "a route for "+topic, func() error {
		_, err := ns.Do(ctx, wire.NewCommand(wire.RouteByTopic, "topic", topic))
		return err
	})
}

// send sends n small messages with indexes from first on, one queue after the
// other, and returns the account of them.
func (w *world) send(t *testing.T, topic string, first, n, queues int) []verify.Sent {
	t.Helper()
	ctx := within(t, time.Minute)
	var sent []verify.Sent
	for i := first; i < first+n; i++ {
		m := wire.Message{Topic: topic, QueueID: int32(i % queues), Body: fmt.Appendf(nil, "body %d", i), Properties: map[string]string{"n": fmt.Sprint(i)}}
		r, err := w.conn.Send(ctx, m)
		if err != nil {
			t.Fatalf("send %d: %v", i, err)
		}
		sent = append(sent, verify.Sent{Index: i, Status: "SEND_OK", QueueID: r.QueueID, QueueOffset: r.QueueOffset, MsgID: r.MsgID})
	}
	return sent
}

// eventually tries until it works or ctx ends, which fails the test.
func eventually(ctx context.Context, t *testing.T, what string, try func() error) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		err := try()
		if err == nil {
			return
		}
		if last == nil || ctx.Err() == nil { // what is asked as time runs out says only that
			last = err
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v, last: %v", what, ctx.Err(), last)
		case <-tick.C:
		}
	}
}

// distinct is met once n different messages have come.
func distinct(n int) func([]verify.Got) bool {
	return func(got []verify.Got) bool { return len(got) >= n && len(indexes(got)) >= n }
}

func indexes(got []verify.Got) map[int]bool {
	seen := make(map[int]bool, len(got))
	for _, g := range got {
		seen[g.Index] = true
	}
	return seen
}
