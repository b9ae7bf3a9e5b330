package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/verify"
)

const (
	broadcastTopic  = "Broadcasts"
	broadcastQueues = 4
	broadcastPart   = 100 // messages that are sent at a time
)

// broadcastPair has three consumers by broadcast of each client: one that runs all the time,
// one that stops before the master dies, and one that crashes before. Where they are is
// in files of their own, by which those two go on when the slave is master.
type broadcastPair struct {
	*failover
	sent           []verify.Sent
	stays, crashes []*agents.Consumer
	crashers       []*agents.Agent // who runs crashes
}

// start starts a consumer of each client in these agents, by a name that its file has too.
func (b *broadcastPair) start(t *testing.T, in []*agents.Agent, who string) (all []*agents.Consumer) {
	t.Helper()
	for i, a := range in {
		c, err := a.Push(within(t, time.Minute), agents.Subscription{Group: b.group(i), Topic: broadcastTopic, Broadcast: true, Instance: who})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

func (b *broadcastPair) group(client int) string { return "B_" + dotless(b.clients[client].Name) }

func (b *broadcastPair) more(t *testing.T) {
	t.Helper()
	b.sent = append(b.sent, b.send(t, broadcastTopic, len(b.sent), broadcastPart, broadcastQueues)...)
}

// before has all of them get the first part, after which one stops.
func (b *broadcastPair) before(t *testing.T) {
	b.topic(t, broadcastTopic, broadcastQueues)
	b.more(t)
	b.stays = b.start(t, b.clients, "stays")
	b.crashes = b.start(t, b.crashers, "crashes")
	b.once(t, b.start(t, b.clients, "leaves"), 0)
	b.get(t, b.crashes)
}

// get waits until consumers have all that was sent.
func (b *broadcastPair) get(t *testing.T, consumers []*agents.Consumer) {
	t.Helper()
	for i, c := range consumers {
		if err := c.Wait(within(t, time.Minute), distinct(len(b.sent))); err != nil {
			t.Fatalf("%s: %v", b.clients[i].Name, err)
		}
	}
}

// crash ends those that crash as they have got the second part: their files have the first
// part at least.
func (b *broadcastPair) crash(t *testing.T) {
	for _, a := range b.crashers {
		eventually(within(t, time.Minute), t, "offsets in a file of "+a.Name, func() error { return b.written(a) })
	}
	b.more(t)
	b.get(t, b.crashes)
	for _, a := range b.crashers {
		a.Kill()
	}
	b.get(t, b.stays)
}

// behindFirst is an offset behind the first part, as an agent's file has it.
var behindFirst = regexp.MustCompile(fmt.Sprintf(`:\s*%d\s*[,}]`, broadcastPart/broadcastQueues))

// written fails unless an agent that has one consumer by broadcast has noted that each
// queue's first part was consumed.
func (b *broadcastPair) written(a *agents.Agent) error {
	files, err := filepath.Glob(filepath.Join(b.home(a.Name), ".rocketmq_*", "*", "*", "offset*.json"))
	if err != nil || len(files) != 1 {
		return fmt.Errorf("%d files with offsets: %v", len(files), err)
	}
	text, err := os.ReadFile(files[0])
	if err == nil && len(behindFirst.FindAll(text, -1)) != broadcastQueues {
		err = fmt.Errorf("%s is %s", files[0], text)
	}
	return err
}

// after sends the last part to the new master: who stayed gets that alone, who comes back
// what it has missed, and who has crashed nothing once more but what it had not noted.
func (b *broadcastPair) after(t *testing.T) {
	b.more(t)
	b.once(t, b.start(t, b.clients, "leaves"), broadcastPart)
	b.once(t, b.stays, 0)
	again := b.start(t, b.startCrashers(t), "crashes")
	for i, c := range again {
		if err := c.Wait(within(t, time.Minute), lastPart); err != nil {
			t.Errorf("%s: %v", b.clients[i].Name, err)
		}
		both := append(b.crashes[i].Got(), c.Got()...)
		r := verify.Deliveries(wantSmall(len(b.sent)), b.sent, both)
		if err := r.Err(); err != nil || r.Redelivered > broadcastPart {
			t.Errorf("%s, which has crashed: %v, %d delivered twice", b.clients[i].Name, err, r.Redelivered)
		}
		if slices.ContainsFunc(c.Got(), func(g verify.Got) bool { return g.Index < broadcastPart }) {
			t.Errorf("%s, which has crashed, gets what it had noted once more: %v", b.clients[i].Name, indexes(c.Got()))
		}
		b.logf(t, "%s, which has crashed, got %d messages once more", b.clients[i].Name, r.Redelivered)
		if err := c.Stop(within(t, 30*time.Second)); err != nil {
			t.Error(err)
		}
	}
}

// lastPart is met once all messages of the last part have come.
func lastPart(got []verify.Got) bool {
	n := 0
	for i := range indexes(got) {
		if i >= 2*broadcastPart {
			n++
		}
	}
	return n == broadcastPart
}

// startCrashers starts the agents that crash, one of each client, at the same place.
func (b *broadcastPair) startCrashers(t *testing.T) (all []*agents.Agent) {
	t.Helper()
	for _, client := range b.clients {
		all = append(all, b.world.start(t, client.Name, client.Name+"-crashes", often...))
	}
	return all
}

// once has consumers get every message that was sent from one on, once, and stops them.
func (b *broadcastPair) once(t *testing.T, consumers []*agents.Consumer, from int) {
	t.Helper()
	for i, c := range consumers {
		waited := c.Wait(within(t, time.Minute), distinct(len(b.sent)-from))
		if err := c.Stop(within(t, 30*time.Second)); err != nil {
			t.Error(err)
		}
		r := verify.Deliveries(wantSmall(len(b.sent)), b.sent[from:], c.Got())
		if err := r.Err(); err != nil || r.Redelivered != 0 || waited != nil {
			t.Errorf("%s: of what was sent from %d on: %v, %d delivered twice, %v", b.clients[i].Name, from, err, r.Redelivered, waited)
		}
	}
}
