package interop

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/verify"
)

const tracedEach = 2 // messages of each client

// tracePair has each client send traces of what it sends and consumes, which mqadmin of each
// version finds.
type tracePair struct {
	*failover
	asked int
	ids   map[string][]string // of the last messages, by the client's group
}

func (x *tracePair) before(t *testing.T) {
	for _, client := range x.clients {
		x.topic(t, x.topicOf(client), 4)
	}
	x.more(t)
}

// after finds what was traced to the old master, and what is traced to the new one.
func (x *tracePair) after(t *testing.T) {
	x.look(t)
	x.more(t)
}

func (x *tracePair) topicOf(client *agents.Agent) string { return "Traced_" + dotless(client.Name) }

// more has all clients trace at once, since each waits for most of its time.
func (x *tracePair) more(t *testing.T) {
	t.Helper()
	sent, errs := make([][]verify.Sent, len(x.clients)), make([]error, len(x.clients))
	var all sync.WaitGroup
	for i, client := range x.clients {
		all.Go(func() {
			sent[i], errs[i] = client.Traced(within(t, 2*time.Minute), "C_"+x.topicOf(client), x.topicOf(client), tracedEach)
		})
	}
	all.Wait()
	x.ids = map[string][]string{}
	for i, client := range x.clients {
		if errs[i] != nil || len(sent[i]) != tracedEach {
			t.Fatalf("%s: %d messages were sent, %v", client.Name, len(sent[i]), errs[i])
		}
		for _, s := range sent[i] {
			x.ids["C_"+x.topicOf(client)] = append(x.ids["C_"+x.topicOf(client)], s.MsgID)
		}
	}
	x.look(t)
}

// look finds that every message was sent and consumed.
func (x *tracePair) look(t *testing.T) {
	t.Helper()
	for version, shell := range x.shells {
		for group, ids := range x.ids {
			for _, id := range ids {
				eventually(within(t, time.Minute), t, fmt.Sprintf("mqadmin %s finds the traces of %s", version, group), func() error {
					x.asked++
					said := shell.run(t, x.asked, []string{"queryMsgTraceById", "-n", x.target.Namesrv, "-i", id}, 30*time.Second)
					for _, want := range []string{"Pub", "Sub", group} {
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
