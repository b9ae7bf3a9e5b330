package interop

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/target"
)

// TestRequest has a Java client of each version send requests to a consumer of the
// other one and wait for its replies; then mqadmin looks at the consumer.
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
	for asks, answers := range map[string]string{peers.V4: peers.V5, peers.V5: peers.V4} {
		t.Run("java-"+asks, func(t *testing.T) {
			ctx := within(t, 3*time.Minute)
			topic, group := "Requests-"+dotless(asks), "Answers-"+dotless(asks)
			if err := w.conn.CreateTopic(ctx, topic, 4); err != nil {
				t.Fatal(err)
			}
			consumer, err := all[answers].Answer(ctx, agents.Subscription{Group: group, Topic: topic, Instance: group})
			if err != nil {
				t.Fatal(err)
			}
			if err := all[asks].Ask(ctx, "Asks-"+dotless(asks), topic, 20); err != nil {
				t.Fatalf("%v\n%s\n%s", err, all[asks].Log(), all[answers].Log())
			}
			p := w.peers["java-"+asks]
			for _, tt := range []struct{ command, want string }{
				{"consumerStatus -g " + group, `@` + group},
				{"queryCq -t " + topic + " -q 0 -i 0 -c 2 -b " + w.target.Broker, `(?s)max: \d.*======`},
				{"cloneGroupOffset -s " + group + " -d Cloned-" + dotless(asks) + " -t " + topic, `clone group offset success`},
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
				if _, ok, err := w.conn.ConsumerOffset(ctx, "Cloned-"+dotless(asks), topic, 0); err != nil || !ok {
					t.Errorf("the group that offsets were cloned to has none: %v", err)
				}
			}
			if err := consumer.Stop(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}
