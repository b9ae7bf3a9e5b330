package interop

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/target"
	"pairmq/tools/interop/wire"
)

// TestRequest has each client send requests to a consumer of another one, and the Go client to
// its own, and wait for its replies; then mqadmin of a Java client looks at the consumer.
func TestRequest(t *testing.T) {
	w := &world{target: startTarget(t, map[string]string{"flushDiskType": "ASYNC_FLUSH"}), peers: map[string]*peers.Peer{}}
	w.dir, w.conn = w.target.Dir, dial(t, w.target)
	all := map[string]*agents.Agent{}
	for _, version := range []string{peers.V4, peers.V5} {
		p, err := peers.Fetch(t.Context(), version)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Compile(t.Context(), w.dir); err != nil {
			t.Fatal(err)
		}
		w.peers["java-"+version] = p
		all[version] = w.start(t, "java-"+version, "java-"+version)
	}
	w.goAgent = buildGoAgent(t, w.dir)
	all[goClient] = w.start(t, goClient, goClient)
	for _, one := range []struct{ asks, answers string }{{peers.V4, peers.V5}, {peers.V5, peers.V4}, {goClient, goClient}, {goClient, peers.V4}, {peers.V4, goClient}} {
		asks, answers := one.asks, one.answers
		t.Run(asks+" asks "+answers, func(t *testing.T) {
			ctx := within(t, 3*time.Minute)
			w.conn = dial(t, w.target) // one that idles while the next agent is compiled is closed
			pair := dotless(asks + "-" + answers)
			topic, group, clone := "Requests-"+pair, "Answers-"+pair, "Cloned-"+pair
			if err := w.conn.CreateTopic(ctx, topic, 4); err != nil {
				t.Fatal(err)
			}
			consumer, err := all[answers].Answer(ctx, agents.Subscription{Group: group, Topic: topic, Instance: group})
			if err != nil {
				t.Fatal(err)
			}
			requester, err := all[asks].Requester(ctx, "Asks-"+pair, topic)
			if err != nil {
				t.Fatal(err)
			}
			if asks == goClient {
				showProducer(t, w.target.Broker, requester, "Asks-"+pair)
			}
			for n := range 20 {
				if err := requester.Ask(ctx, n, 30*time.Second, false); err != nil {
					t.Fatalf("request %d: %v\n%s\n%s", n, err, all[asks].Log(), all[answers].Log())
				}
			}
			if err := requester.Stop(ctx); err != nil {
				t.Error(err)
			}
			p, java := w.peers["java-"+asks]
			if !java || answers == goClient {
				if err := consumer.Stop(ctx); err != nil {
					t.Error(err)
				}
				return
			}
			for _, tt := range []struct{ command, want string }{
				{"consumerStatus -g " + group, `@` + group},
				{"queryCq -t " + topic + " -q 0 -i 0 -c 2 -b " + w.target.Broker, `(?s)max: \d.*======`},
				{"cloneGroupOffset -s " + group + " -d " + clone + " -t " + topic, `clone group offset success`},
			} {
				out, err := p.Admin(ctx, w.dir, w.target.Namesrv, strings.Fields(tt.command)...)
				if err != nil {
					t.Fatal(err)
				}
				if !regexp.MustCompile(tt.want).MatchString(out) || complaint.MatchString(out) {
					t.Errorf("mqadmin %s: nothing matches %q in:\n%s", tt.command, tt.want, out)
				}
			}
			if w.target.Kind == target.Pairmq {
				if _, ok, err := w.conn.ConsumerOffset(ctx, clone, topic, 0); err != nil || !ok {
					t.Errorf("the group that offsets were cloned to has none: %v", err)
				}
			}
			if err := consumer.Stop(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

// producerConnections is the request for the producers of a group that are connected.
const producerConnections = 204

// gaveUp is what all clients say of a request whose time is over.
const gaveUp = "wait reply message timeout"

// showProducer has a requester of the Go client be one that a broker knows. That client sends its
// first heartbeat a second after it has begun, to brokers that it has sent to by then, where
// Java's sends one before its first request. A reply that comes earlier is lost, with Apache's
// brokers as well: they find a producer by the clientID of its heartbeat alone.
func showProducer(t *testing.T, addr string, r *agents.Requester, group string) {
	t.Helper()
	if err := r.Ask(within(t, time.Minute), 0, 100*time.Millisecond, false); err != nil && !strings.Contains(err.Error(), gaveUp) {
		t.Fatal(err)
	}
	producersKnown(t, addr, group)
}

// producersKnown waits until a broker knows these groups of producers: from then on they can be
// replied to.
func producersKnown(t *testing.T, addr string, groups ...string) {
	t.Helper()
	for _, group := range groups {
		eventually(within(t, time.Minute), t, "producers "+group+" at "+addr, func() error {
			resp, err := ask(t.Context(), addr, wire.NewCommand(producerConnections, "producerGroup", group))
			if err == nil && !bytes.Contains(resp.Body, []byte(`"clientId"`)) {
				err = fmt.Errorf("they are %s", resp.Body)
			}
			return err
		})
	}
}
