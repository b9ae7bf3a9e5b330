package interop

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/pair"
	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/target"
	"pairmq/tools/interop/verify"
)

const (
	givenUpTopic    = "TRANS_CHECK_MAX_TIME_TOPIC"
	checkMost       = 12 // times that a producer is asked
	checkedBefore   = 3  // times that it is asked when the master dies
	immuneSeconds   = 22
	limitedEach     = 4 // messages of each kind and client
	limitedTopic    = "TransactionLimits"
	undecidedQueues = 4
)

// TestTransactionLimitsPair kills a master that has asked producers of each client who never know:
// the new master counts on, and gives their messages up. Those of which it is to ask later it asks
// for no earlier than the old one would have, and they are committed.
func TestTransactionLimitsPair(t *testing.T) {
	t.Parallel() // it waits more than it works
	dir := workDir(t)
	clients, goAgent := javaClientsIn(t, dir), buildGoAgent(t, dir)
	kind, err := target.Kind()
	if err != nil {
		t.Fatal(err)
	}
	m := maker(t, kind)
	p := newPairing(t, clients, m, m, m, pair.AsyncMaster, fmt.Sprint("transactionCheckMax=", checkMost))
	p.goAgent, p.expected = goAgent, "a transaction is given up"
	type limited struct {
		client            *agents.Agent
		topic             string
		undecided, immune *agents.Transactions
		begun             time.Time // when the first that is immune was sent, or before
	}
	var all []*limited
	for _, name := range []string{"java-" + peers.V4, "java-" + peers.V5, goClient} {
		all = append(all, &limited{client: p.start(t, name, name), topic: limitedTopic + "_" + dotless(name)})
	}
	p.join(t)
	for _, x := range all {
		p.topic(t, x.topic, undecidedQueues)
		ctx := within(t, time.Minute)
		eventually(ctx, t, "a route for "+x.client.Name, func() error { // which a JVM that has just begun may be too busy for
			_, err := x.client.Delay(ctx, "P_Warm", x.topic, 0, 1, 0)
			return err
		})
	}
	ctx := within(t, transactionTime)
	for _, x := range all {
		if x.undecided, err = x.client.Transact(ctx, "U_"+x.topic, x.topic, 0, limitedEach, []int{agents.Unknown}, []int{agents.Unknown}, false); err != nil {
			t.Fatal(err)
		}
		x.begun = time.Now()
		if x.immune, err = x.client.TransactImmune(ctx, "I_"+x.topic, x.topic, limitedEach, 2*limitedEach, immuneSeconds, agents.Commit); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range all {
		if err := x.undecided.Wait(ctx, plan{first: []int{agents.Unknown}}.asked(0, limitedEach, checkedBefore)); err != nil {
			t.Fatal(err)
		}
	}
	p.follows(ctx, t, p.slave)
	p.master.Kill()
	var before []int
	for _, x := range all {
		before = append(before, x.undecided.Checked()[0])
		if took := time.Since(x.begun); len(x.immune.Checked()) != 0 && took < immuneSeconds*time.Second {
			t.Errorf("%s was asked after %v, want %d s", x.client.Name, took, immuneSeconds)
		}
	}
	p.logf(t, "master killed after it had asked %v times", before)
	p.takeOver(t)

	for _, x := range all {
		if err := x.immune.Wait(within(t, transactionTime), plan{first: []int{agents.Unknown}}.asked(limitedEach, 2*limitedEach, 1)); err != nil {
			t.Error(err)
			continue
		}
		if took := time.Since(x.begun); took < immuneSeconds*time.Second {
			t.Errorf("%s was asked after %v, want %d s", x.client.Name, took, immuneSeconds)
		}
	}
	given := len(all) * limitedEach
	eventually(within(t, transactionTime), t, "what is given up", func() error { return p.has(t, givenUpTopic, 1, given) })
	for _, x := range all {
		for n := range limitedEach {
			if times := x.undecided.Checked()[n]; times < checkedBefore || times > checkMost+1 { // the last time before the kill may not be known to the slave
				t.Errorf("%s was asked for message %d %d times, want no more than %d", x.client.Name, n, times, checkMost)
			}
		}
		c, err := x.client.Push(within(t, time.Minute), agents.Subscription{Group: "C_" + x.topic, Topic: x.topic, Instance: x.topic})
		if err != nil {
			t.Fatal(err)
		}
		sent := append(placeless(x.immune.Sent()), verify.Sent{Index: 0, Status: "SEND_OK", QueueOffset: verify.NoOffset})
		waited := c.Wait(within(t, time.Minute), distinct(len(sent)))
		if err := errors.Join(waited, c.Stop(within(t, time.Minute)), x.undecided.Stop(within(t, time.Minute)), x.immune.Stop(within(t, time.Minute))); err != nil {
			t.Errorf("%s: %v", x.client.Name, err)
		}
		onceEach(t, x.client.Name, sent, c.Got())
		p.logf(t, "%s was asked %v times for what it never knows, and committed %d messages", x.client.Name, x.undecided.Checked(), len(c.Got())-1)
	}
	if err := p.has(t, givenUpTopic, 1, given); err != nil {
		t.Error(err)
	}
}
