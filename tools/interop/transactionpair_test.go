package interop

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/pair"
	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/target"
	"pairmq/tools/interop/verify"
)

// TestTransactionPair kills a master that has asked for open transactions, again and
// again: its slave, once it is master, asks for those and no others, and consumers get
// what was committed at either, once.
func TestTransactionPair(t *testing.T) {
	t.Parallel() // it waits more than it works
	clients, both := javaClients(t), []string{peers.V4, peers.V5}
	eachPair(t, "", both, both, func(t *testing.T, master, slave *pair.Maker) { transactionPair(t, clients, master, slave) })
}

func transactionPair(t *testing.T, clients map[string]*peers.Peer, master, slave *pair.Maker) {
	const topic, queues = "Transacted", 4
	p := newPairing(t, clients, master, master, slave, pair.AsyncMaster)
	agent := p.start(t, "java-"+peers.V5, "java-"+peers.V5)
	p.join(t)
	p.topic(t, topic, queues)
	begin := func(group string, from int, how plan) (*agents.Transactions, []verify.Sent) {
		t.Helper()
		x, err := agent.Transact(within(t, time.Minute), group, topic, from, from+ofEach, how.first, how.then, true)
		if err != nil {
			t.Fatal(err)
		}
		return x, how.commits(x.Sent())
	}
	ended, sent := begin("P_Ended", 0, someAtOnce)
	atMaster := len(sent)
	if err := ended.Decide(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	eventually(within(t, transactionTime), t, "what is committed at the master", func() error { return p.has(t, topic, queues, atMaster) })
	open, more := begin("P_Open", ofEach, allAsked)
	sent = append(sent, more...)
	if err := open.Wait(within(t, transactionTime), allAsked.asked(ofEach, 2*ofEach, 2)); err != nil {
		t.Fatal(err)
	}
	p.knowsTransactions(t)
	end := p.follows(within(t, time.Minute), t, p.slave)
	p.master.Kill()
	p.logf(t, "master killed, with %d transactions open, and a log of about %d bytes", ofEach, end)
	p.takeOver(t)
	if err := p.has(t, topic, queues, atMaster); err != nil {
		t.Errorf("before anything is decided: %v", err)
	}
	if err := open.Decide(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}

	c, err := agent.Push(within(t, time.Minute), agents.Subscription{Group: "C_Transacted", Topic: topic, Instance: "transacted"})
	if err != nil {
		t.Fatal(err)
	}
	waited := c.Wait(within(t, transactionTime), distinct(len(sent)))
	if err := c.Stop(within(t, 30*time.Second)); err != nil || waited != nil {
		t.Errorf("%v, %v", waited, err)
	}
	onceEach(t, "at the new master", sent, c.Got())
	if err := p.has(t, topic, queues, len(sent)); err != nil {
		t.Error(err)
	}
	p.logf(t, "%d deliveries from %s", len(c.Got()), p.master.Name())
	for _, x := range []*agents.Transactions{ended, open} {
		if err := x.Stop(within(t, 30*time.Second)); err != nil {
			t.Error(err)
		}
	}
}

// knowsTransactions waits until an Apache slave has the topic, without which it would not
// give out, and copied how far its master is, from where a promoted one goes on.
func (p *pairing) knowsTransactions(t *testing.T) {
	t.Helper()
	if p.slave.Kind == target.Pairmq {
		return
	}
	for file, what := range map[string]string{"topics.json": "Transacted", "consumerOffset.json": "RMQ_SYS_TRANS_HALF_TOPIC@CID_RMQ_SYS_TRANS"} {
		eventually(within(t, metadataTime), t, what+" at the slave", func() error {
			b, err := os.ReadFile(filepath.Join(p.slave.Dir, "store", "config", file))
			if err == nil && !bytes.Contains(b, []byte(what)) {
				err = fmt.Errorf("%s is %s", file, b)
			}
			return err
		})
	}
	p.logf(t, "%s has copied the progress", p.slave.Name())
}
