package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/pair"
	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/target"
	"pairmq/tools/interop/verify"
	"pairmq/tools/interop/wire"
)

// What is popped is sent in three parts: of the first all is acknowledged long before the master
// is killed, of the second some is in flight then, the third is for the new master.
const (
	poppedTopic  = "PoppedOfAPair"
	poppedGroup  = "PairPoppers"
	poppedQueues = 4
	poppedPart   = 40
	poppedLimit  = 3 // what has come again so often, and is refused, is a dead letter
)

// Of the second part these are never taken, and these not the first time.
var (
	poison = []int{48, 53}
	held   = []int{58, 63, 64}
)

// TestPoppedPair kills a master whose consumer has popped messages and not acknowledged all: the
// consumer gets these from the slave once that is master, with their retries counted on, and
// nothing else a second time but what was acknowledged behind one that was in flight.
func TestPoppedPair(t *testing.T) {
	t.Parallel() // it waits more than it works
	clients := map[string]*peers.Peer{"java-" + peers.V5: javaClient(t, workDir(t), peers.V5)}
	eachPair(t, "", []string{peers.V5}, nil, func(t *testing.T, master, slave *pair.Maker) { poppedPair(t, clients, master, slave) })
}

func poppedPair(t *testing.T, clients map[string]*peers.Peer, master, slave *pair.Maker) {
	p := newPairing(t, clients, master, master, slave, pair.AsyncMaster)
	p.join(t)
	p.topic(t, poppedTopic, poppedQueues)
	p.pops(t)
	holds := 8 // seconds
	if master.Kind != target.Pairmq {
		holds = 25 // its slaves ask for its offsets every 10 s, and it looks after what is due every few
	}
	sub := agents.Subscription{Group: poppedGroup, Topic: poppedTopic, Instance: "popper", Pop: 60_000, Delays: []int{1, holds - 2, 1, 1, holds},
		Later: make([]int, 3*poppedPart), Next: make([]int, 3*poppedPart)}
	for _, i := range poison {
		sub.Later[i] = poppedLimit + 5
	}
	for _, i := range held {
		sub.Later[i], sub.Next[i] = 1, 4
	}
	agent := p.start(t, "java-"+peers.V5, "java-"+peers.V5, often...)
	c, err := agent.Push(within(t, time.Minute), sub)
	if err != nil {
		t.Fatal(err)
	}
	behind, err := wire.Dial(t.Context(), p.slave.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer behind.Close()
	p.send(t, poppedTopic, 0, poppedPart, poppedQueues)
	if err := c.Wait(within(t, time.Minute), distinct(poppedPart)); err != nil {
		t.Fatal(err)
	}
	knows := func(want ...int64) {
		t.Helper()
		eventually(within(t, metadataTime), t, "offsets at the slave", func() error { return offsetsAre(t, behind, want) })
	}
	knows(10, 10, 10, 10)
	p.logf(t, "the slave knows that %d messages are done with", poppedPart)

	p.send(t, poppedTopic, poppedPart, poppedPart, poppedQueues)
	again := func(got []verify.Got) (n int) {
		for _, g := range got {
			if slices.Contains(poison, g.Index) && g.Reconsumed == 1 {
				n++
			}
		}
		return n
	}
	if err := c.Wait(within(t, time.Minute), func(got []verify.Got) bool { return distinct(2*poppedPart)(got) && again(got) == len(poison) }); err != nil {
		t.Fatal(err)
	}
	from := []int64{16, 20, 14, 15}
	if p.master.Kind != target.Pairmq { // an offset of Apache's says what was popped, not what is acknowledged
		from = []int64{20, 20, 20, 20}
	}
	knows(from...)
	p.follows(within(t, time.Minute), t, p.slave)
	p.master.Kill()
	killed := time.Now().UnixMicro()
	p.logf(t, "master killed after %d deliveries", len(c.Got()))
	for _, g := range c.Got() {
		if g.Reconsumed > 1 || g.Reconsumed == 1 && !slices.Contains(poison, g.Index) {
			t.Fatalf("message %d has come again already, for the %d. time: this machine is too busy", g.Index, g.Reconsumed)
		}
	}
	p.takeOver(t)

	p.send(t, poppedTopic, 2*poppedPart, poppedPart, poppedQueues)
	most := func(i int) int { return min(sub.Later[i], poppedLimit) }
	waited := c.Wait(within(t, 90*time.Second), func(got []verify.Got) bool {
		last := map[int]int{}
		for _, g := range got {
			last[g.Index] = max(last[g.Index], int(g.Reconsumed))
		}
		for i := range sub.Later {
			if n, ok := last[i]; !ok || n < most(i) {
				return false
			}
		}
		return true
	})
	if waited != nil {
		t.Error(waited)
	}
	p.logf(t, "all has come")
	all := byIndex(c.Got())
	repeated := 0
	for i := range sub.Later {
		at := -1
		for k, g := range all[i] {
			switch n := int(g.Reconsumed); {
			case n == at+1:
			case n == at && g.Micros > killed && all[i][k-1].Micros < killed && (n > 0 && sub.Later[i] > 0 || n == 0 && g.QueueOffset >= from[g.QueueID]):
				repeated++ // in flight when the master was killed, or behind such
			default:
				t.Errorf("message %d, at %d in queue %d, came for the %d. time after it had come for the %d., without a cause", i, g.QueueOffset, g.QueueID, n+1, at+1)
			}
			at = int(g.Reconsumed)
		}
		if at != most(i) {
			t.Errorf("message %d came again %d times, want %d", i, at, most(i))
		}
	}
	dead := "%DLQ%" + poppedGroup
	eventually(within(t, 30*time.Second), t, "dead letters", func() error {
		letters, err := p.conn.PullAll(t.Context(), dead, 0, 0)
		if err != nil {
			return err
		}
		var got []int
		for _, r := range letters {
			n, _ := strconv.Atoi(r.Property("n"))
			got = append(got, n)
		}
		if slices.Sort(got); !slices.Equal(got, poison) {
			return fmt.Errorf("they are %v, want %v", got, poison)
		}
		return nil
	})
	eventually(within(t, 30*time.Second), t, "nothing in flight", func() error {
		end, err := p.conn.MaxOffset(t.Context(), "%RETRY%"+poppedGroup+"_"+poppedTopic, 0)
		if err == nil {
			err = popped(p.world, t, poppedGroup, "%RETRY%"+poppedGroup+"_"+poppedTopic, 1, int(end))
		}
		if err == nil {
			err = popped(p.world, t, poppedGroup, poppedTopic, poppedQueues, 3*poppedPart/poppedQueues)
		}
		return err
	})
	if err := c.Stop(within(t, 30*time.Second)); err != nil {
		t.Error(err)
	}
	p.logf(t, "%d deliveries of %d messages, %d repeated by the new master, and %d dead letters", len(c.Got()), len(sub.Later), repeated, len(poison))
}

// pops makes the group, which gives up early, and has it pop.
func (p *pairing) pops(t *testing.T) {
	t.Helper()
	type object = map[string]any
	for _, r := range []struct {
		code int
		body object
	}{
		{wire.UpdateGroup, object{"groupName": poppedGroup, "consumeEnable": true, "consumeFromMinEnable": true, "retryQueueNums": 1, "retryMaxTimes": poppedLimit,
			"brokerId": 0, "whichBrokerWhenConsumeSlowly": 1}},
		{wire.SetRequestMode, object{"topic": poppedTopic, "consumerGroup": poppedGroup, "mode": "POP", "popShareQueueNum": 0}},
	} {
		b, err := json.Marshal(r.body)
		if err != nil {
			t.Fatal(err)
		}
		req := wire.NewCommand(r.code)
		req.Body = b
		if _, err := p.conn.Do(within(t, 20*time.Second), req); err != nil {
			t.Fatal(err)
		}
	}
	eventually(within(t, metadataTime), t, "the mode at the slave", func() error {
		got, err := ask(t.Context(), p.slave.Addr, wire.NewCommand(wire.AllRequestModes))
		if err == nil && !bytes.Contains(got.Body, []byte(`"`+poppedGroup+`"`)) {
			err = fmt.Errorf("it is %s", got.Body)
		}
		return err
	})
}

// offsetsAre fails unless the group is there in the queues.
func offsetsAre(t *testing.T, c *wire.Conn, want []int64) error {
	var got []int64
	for q := range int32(poppedQueues) {
		at, _, err := c.ConsumerOffset(t.Context(), poppedGroup, poppedTopic, q)
		if err != nil {
			return err
		}
		got = append(got, at)
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("they are %v, want %v", got, want)
	}
	return nil
}
