package interop

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/target"
	"pairmq/tools/interop/verify"
	"pairmq/tools/interop/wire"
)

const (
	resetsTopic  = "Resets"
	resetsQueues = 4
)

// offsetsPair has mqadmin of each version reset a group by time, and clone its offsets.
type offsetsPair struct {
	*failover
	sent   []verify.Sent
	second int64   // ms, between the halves of what was sent
	byTime []int64 // offsets by queue

	running []*agents.Consumer // one of each client's, that is reset
}

// forward says whether groups are reset forwards: those that are set back at a master of
// Apache's are not at a slave of ours, which takes later offsets alone.
func (o *offsetsPair) forward() bool { return o.old.Kind != target.Pairmq }

// resetters are the clients whose groups are reset: in a pair of pairmq's that in Go too.
func (o *offsetsPair) resetters() []*agents.Agent {
	if o.own() {
		return o.clients
	}
	return o.java()
}

func (o *offsetsPair) before(t *testing.T) {
	o.topic(t, resetsTopic, resetsQueues)
	o.sent, o.second = twoAges(t, o.world, resetsTopic, resetsQueues)
	o.byTime = make([]int64, resetsQueues)
	for q := range o.byTime {
		o.byTime[q] = int64(len(o.sent) / 2 / resetsQueues)
	}
	for _, client := range o.resetters() {
		group, clone := o.groups(client)
		if o.forward() {
			o.begins(t, group)
		} else {
			o.consumes(t, client, group)
		}
		o.reset(t, client, group, o.second, o.byTime[0])
		o.clone(t, client, group, clone)
	}
	begin := time.Now()
	for _, client := range o.resetters() {
		group, clone := o.groups(client)
		for _, g := range []string{group, clone} {
			o.has(within(t, 20*time.Second), t, o.master.Addr, g, o.byTime)
			o.has(within(t, metadataTime), t, o.slave.Addr, g, o.byTime)
		}
	}
	o.logf(t, "the slave has the offsets after another %v", time.Since(begin).Round(time.Millisecond))
}

func (o *offsetsPair) groups(client *agents.Agent) (group, clone string) {
	return "Reset_" + dotless(client.Name), "Cloned_" + dotless(client.Name)
}

// begins has a group at the first message but one of each queue, and leaves.
func (o *offsetsPair) begins(t *testing.T, group string) {
	t.Helper()
	o.made(t, group)
	ctx := within(t, 20*time.Second)
	for q := range resetsQueues {
		if _, err := ask(ctx, o.master.Addr, wire.NewCommand(wire.UpdateConsumerOff, "consumerGroup", group, "topic", resetsTopic, "queueId", q, "commitOffset", 1)); err != nil {
			t.Fatal(err)
		}
	}
}

// made has a group be there, as one of its consumers comes and goes; 5.x clones no offsets to
// one that is not.
func (o *offsetsPair) made(t *testing.T, group string) {
	t.Helper()
	ctx := within(t, 20*time.Second)
	c, err := wire.Dial(ctx, o.master.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Heartbeat(ctx, "192.0.2.1@"+group, group, resetsTopic); err != nil {
		t.Fatal(err)
	}
}

// consumes has a group at the end.
func (o *offsetsPair) consumes(t *testing.T, client *agents.Agent, group string) {
	t.Helper()
	c, err := client.Push(within(t, time.Minute), agents.Subscription{Group: group, Topic: resetsTopic, Instance: group})
	if err != nil {
		t.Fatal(err)
	}
	waited := c.Wait(within(t, time.Minute), distinct(len(o.sent)))
	if err := errors.Join(waited, c.Stop(within(t, 30*time.Second))); err != nil {
		t.Fatal(err)
	}
	committed(within(t, 30*time.Second), t, o.world, group, resetsTopic, resetsQueues)
}

// admin runs a command of the version of a client's mqadmin; for the client in Go that of 4.9.7.
func (o *offsetsPair) admin(t *testing.T, client *agents.Agent, want *regexp.Regexp, command string) {
	t.Helper()
	version := peers.V4
	if client.Java {
		version = strings.TrimPrefix(client.Name, "java-")
	}
	out := o.shells[version].run(t, 1, strings.Fields(command), time.Minute)
	if complaint.MatchString(out) || !want.MatchString(out) {
		t.Errorf("mqadmin %s of %s prints nothing like %v:\n%s", command, client.Name, want, out)
	}
}

// reset resets a group by a time, in ms, for which this is to be the offset of queue 0, the
// last of what is printed of it.
func (o *offsetsPair) reset(t *testing.T, client *agents.Agent, group string, ms, offset int64) {
	t.Helper()
	printed := regexp.MustCompile(fmt.Sprintf(`(?m)^%s\s+0\s(.*\s)?%d\s*$`, target.BrokerName, offset))
	o.admin(t, client, printed, fmt.Sprintf("resetOffsetByTime -g %s -t %s -s %d -f true", group, resetsTopic, ms))
}

func (o *offsetsPair) clone(t *testing.T, client *agents.Agent, from, to string) {
	t.Helper()
	o.made(t, to)
	o.admin(t, client, regexp.MustCompile(`clone group offset success`), fmt.Sprintf("cloneGroupOffset -s %s -d %s -t %s -o true", from, to, resetsTopic))
}

// has waits until a broker has these offsets of a group.
func (o *offsetsPair) has(ctx context.Context, t *testing.T, addr, group string, want []int64) {
	t.Helper()
	eventually(ctx, t, "offsets of "+group+" at "+addr, func() error {
		c, err := wire.Dial(ctx, addr)
		if err != nil {
			return err
		}
		defer c.Close()
		for q, offset := range want {
			if at, ok, err := c.ConsumerOffset(ctx, group, resetsTopic, int32(q)); err != nil || !ok || at != offset {
				return fmt.Errorf("queue %d: %d (%v, %w), want %d", q, at, ok, err, offset)
			}
		}
		return nil
	})
}

// after has the groups that were reset and cloned at the old master go on from there, and
// resets one of them once more, as it runs, to the beginning. RocketMQ's clients take half
// a minute for that.
func (o *offsetsPair) after(t *testing.T) {
	for _, client := range o.resetters() {
		group, clone := o.groups(client)
		for _, g := range []string{group, clone} {
			o.has(within(t, 20*time.Second), t, o.master.Addr, g, o.byTime)
		}
		c, err := client.Push(within(t, time.Minute), agents.Subscription{Group: clone, Topic: resetsTopic, Instance: clone})
		if err != nil {
			t.Fatal(err)
		}
		beginsAt(within(t, time.Minute), t, c, o.sent, o.byTime)
		if c, err = client.Push(within(t, time.Minute), agents.Subscription{Group: group, Topic: resetsTopic, Instance: group + "-again"}); err != nil {
			t.Fatal(err)
		}
		o.running = append(o.running, c)
	}
	for i, client := range o.resetters() {
		group, _ := o.groups(client)
		if err := o.running[i].Wait(within(t, time.Minute), distinct(len(o.sent)/2)); err != nil {
			t.Fatal(err)
		}
		committed(within(t, 30*time.Second), t, o.world, group, resetsTopic, resetsQueues)
		o.reset(t, client, group, 1, 0)
	}
}

// end has each consumer that was reset get everything once more, and clones its offsets.
func (o *offsetsPair) end(t *testing.T) {
	for i, client := range o.resetters() {
		group, clone := o.groups(client)
		c, half := o.running[i], len(o.sent)/2
		waited := c.Wait(within(t, 2*time.Minute), distinct(2*half))
		committed(within(t, 30*time.Second), t, o.world, group, resetsTopic, resetsQueues)
		if err := c.Stop(within(t, 30*time.Second)); err != nil {
			t.Error(err)
		}
		r := verify.Deliveries(wantSmall(2*half), o.sent, c.Got())
		if err := r.Err(); err != nil || r.Redelivered != half || waited != nil {
			t.Errorf("%s: %v, %d delivered twice, want %d, %v", group, err, r.Redelivered, half, waited)
		}
		o.clone(t, client, group, clone+"_again")
		ends := slices.Repeat([]int64{int64(2 * half / resetsQueues)}, resetsQueues)
		o.has(within(t, 20*time.Second), t, o.master.Addr, clone+"_again", ends)
	}
}
