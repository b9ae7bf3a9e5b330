package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pairmq/tools/interop/peers"
)

// TestTrace has producers and consumers send traces of what they do, which mqadmin finds
// by a message's id.
func TestTrace(t *testing.T) {
	t.Parallel() // it waits more than it works
	const n = 3
	w := newWorldWith(t, map[string]string{"flushDiskType": "ASYNC_FLUSH", "traceTopicEnable": "true"})
	shells := map[string]*adminShell{}
	for _, version := range []string{peers.V4, peers.V5} {
		shells[version] = newAdminShell(t, w.peers["java-"+version], w.dir, w.target.Namesrv, "run")
	}
	asked := 0
	for _, client := range w.clients {
		topic := "Traced_" + dotless(client.Name)
		w.topic(t, topic, 4)
		sent, err := client.Traced(within(t, 2*time.Minute), "C_"+topic, topic, n)
		if err != nil {
			t.Fatal(err)
		}
		if len(sent) != n {
			t.Fatalf("%s: %d messages were sent", client.Name, len(sent))
		}
		for version, shell := range shells {
			for _, s := range sent {
				eventually(within(t, time.Minute), t, fmt.Sprintf("mqadmin %s finds the traces of %s", version, client.Name), func() error {
					asked++
					said := shell.run(t, asked, []string{"queryMsgTraceById", "-n", w.target.Namesrv, "-i", s.MsgID}, 30*time.Second)
					for _, want := range []string{"Pub", "Sub", "C_" + topic} {
						if !strings.Contains(said, want) {
							return fmt.Errorf("no %s: %.2000s", want, said)
						}
					}
					return nil
				})
			}
		}
	}
}
