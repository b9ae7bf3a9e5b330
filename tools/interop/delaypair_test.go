package interop

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/pair"
	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/target"
	"pairmq/tools/interop/verify"
	"pairmq/tools/interop/wire"
)

// Of the messages of a pair that are delayed, half are delivered by the master
// and half wait for the other broker.
const (
	delayedTopic  = "Delayed"
	delayedQueues = 4
	delayedHalf   = 50
)

// checkpointTime is how often a slave of 5.4.0 copies how far timers are. It reads one message
// further than it was told, forgets that, and reads that one again after the next copy: if it
// becomes master it delivers it twice.
const checkpointTime = 3 * time.Second

// TestDelayedPair kills a master that has messages waiting: its slave delivers
// them once it is master, and not again what was delivered before.
func TestDelayedPair(t *testing.T) {
	t.Parallel() // it waits more than it works
	agent := buildGoAgent(t, workDir(t))
	both := []string{peers.V4, peers.V5}
	eachPair(t, "", both, both, func(t *testing.T, master, slave *pair.Maker) { delayedPair(t, agent, master, slave, []int{1, 2}) })
	eachPair(t, "Timed/", []string{peers.V5}, []string{peers.V5}, func(t *testing.T, master, slave *pair.Maker) { delayedPair(t, agent, master, slave, []int{-1, -20}) })
}

// delayedPair sends the first half with the first of levels, of 1 s, and the second with
// the second, of 20 s; negative ones are seconds.
func delayedPair(t *testing.T, goAgent string, master, slave *pair.Maker, levels []int) {
	if levels[0] < 0 && master.Kind != target.Pairmq && slave.Kind != target.Pairmq {
		t.Skip("this is about timers of pairmq's")
	}
	p := newPairing(t, nil, master, master, slave, pair.AsyncMaster)
	var early time.Duration
	if levels[0] < 0 && (p.master.Kind != target.Pairmq || p.slave.Kind != target.Pairmq) {
		early = time.Second // 5.4.0 rounds a time down to its timerPrecisionMs
	}
	p.goAgent = goAgent
	agent := p.start(t, goClient, goClient)
	p.join(t)
	p.topic(t, delayedTopic, delayedQueues)
	p.knowsTopic(t)
	send := func(from, level int) []verify.Sent {
		t.Helper()
		sent, err := agent.Delay(within(t, time.Minute), fmt.Sprintf("P_%d", level), delayedTopic, from, from+delayedHalf, level)
		if err != nil {
			t.Fatal(err)
		}
		return placeless(sent)
	}
	sent := send(0, levels[0])
	p.delivered(t, delayedHalf)
	if levels[0] < 0 {
		p.knowsTimers(t)
	} else {
		p.knowsDelivered(t)
	}
	begin := time.Now()
	sent = append(sent, send(delayedHalf, levels[1])...)
	end := p.follows(within(t, time.Minute), t, p.slave)
	if n := p.countDelayed(t); n != delayedHalf {
		t.Fatalf("the master has delivered %d messages, %d are to wait", n, delayedHalf)
	}
	p.master.Kill()
	var twice int // how many messages may be
	if levels[0] < 0 && p.slave.Kind == target.ApacheV5 {
		twice = 1 + int(time.Since(begin)/checkpointTime)
	}
	p.logf(t, "master killed, with %d messages waiting in a log of %d bytes", delayedHalf, end)
	p.takeOver(t)

	c, err := agent.Push(within(t, time.Minute), agents.Subscription{Group: "C_Delayed", Topic: delayedTopic, Instance: "delayed"})
	if err != nil {
		t.Fatal(err)
	}
	waited := c.Wait(within(t, 2*time.Minute), distinct(2*delayedHalf))
	if err := c.Stop(within(t, 30*time.Second)); err != nil {
		t.Error(err)
	}
	r := verify.Deliveries(wantLater(2*delayedHalf), sent, c.Got())
	p.logf(t, "%d deliveries from %s, %d messages stored twice", len(c.Got()), p.master.Name(), len(r.StoredTwice))
	if n := p.countDelayed(t); n < 2*delayedHalf || n > 2*delayedHalf+twice {
		t.Errorf("%d messages were stored, want %d, or %d more", n, 2*delayedHalf, twice)
	}
	if len(r.StoredTwice) <= twice {
		r.StoredTwice = nil
	}
	if err := r.Err(); err != nil || r.Redelivered != 0 || waited != nil {
		t.Errorf("%v, %d delivered twice, %v", err, r.Redelivered, waited)
	}
	for _, g := range c.Got() {
		want := time.Second
		if g.Index >= delayedHalf {
			want = 20 * time.Second
		}
		if took := time.Duration(g.Stored-g.Born) * time.Millisecond; took < want-early {
			t.Errorf("message %d was delivered %v after it was sent, want %v", g.Index, took, want)
		}
	}
}

// countDelayed is how many messages the master has stored in the topic.
func (p *pairing) countDelayed(t *testing.T) int {
	t.Helper()
	var n int
	for q := range int32(delayedQueues) {
		end, err := p.conn.MaxOffset(within(t, 20*time.Second), delayedTopic, q)
		if err != nil {
			t.Fatal(err)
		}
		n += int(end)
	}
	return n
}

// knowsTopic waits until a slave of ours has the topic, which it asks of Apache's masters now and then;
// for one of Apache's, knowsDelivered and knowsTimers wait.
func (p *pairing) knowsTopic(t *testing.T) {
	t.Helper()
	if p.slave.Kind != target.Pairmq {
		return
	}
	eventually(within(t, metadataTime), t, "the topic at the slave", func() error {
		got, err := ask(t.Context(), p.slave.Addr, wire.NewCommand(wire.AllTopics))
		if err == nil && !bytes.Contains(got.Body, []byte(`"`+delayedTopic+`"`)) {
			err = fmt.Errorf("it is not among %.500s", got.Body)
		}
		return err
	})
}

// delivered waits until the master has delivered so many.
func (p *pairing) delivered(t *testing.T, want int) {
	t.Helper()
	eventually(within(t, time.Minute), t, "what is delivered", func() error {
		if n := p.countDelayed(t); n != want {
			return fmt.Errorf("%d messages were delivered, want %d", n, want)
		}
		return nil
	})
}

// knowsDelivered waits until an Apache slave has copied how far its master was,
// the file that a promoted one goes by, and the topics before it. Ours looks into its log.
func (p *pairing) knowsDelivered(t *testing.T) {
	t.Helper()
	if p.slave.Kind == target.Pairmq {
		return
	}
	progress := regexp.MustCompile(fmt.Sprintf(`\b1"?:\s*%d\b`, delayedHalf))
	eventually(within(t, metadataTime), t, "the progress of level 1 at the slave", func() error {
		b, err := os.ReadFile(filepath.Join(p.slave.Dir, "store", "config", "delayOffset.json"))
		if err == nil && !progress.Match(b) {
			err = fmt.Errorf("it is %s", b)
		}
		return err
	})
	p.logf(t, "%s has copied the progress", p.slave.Name())
}

// knowsTimers is knowsDelivered of messages with a time of their own.
func (p *pairing) knowsTimers(t *testing.T) {
	t.Helper()
	if p.slave.Kind == target.Pairmq {
		return
	}
	now := time.Now().UnixMilli()
	eventually(within(t, metadataTime), t, "the topic and how far timers are at the slave", func() error {
		topics, err := os.ReadFile(filepath.Join(p.slave.Dir, "store", "config", "topics.json"))
		if err != nil || !bytes.Contains(topics, []byte(`"`+delayedTopic+`"`)) {
			return fmt.Errorf("it has no topic %s, %v", delayedTopic, err)
		}
		b, err := os.ReadFile(filepath.Join(p.slave.Dir, "store", "config", "timercheck"))
		if err != nil {
			return err
		}
		if len(b) < 32 {
			return fmt.Errorf("it has %d bytes", len(b))
		}
		read, next := int64(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint64(b[24:])
		if read < now || next < delayedHalf {
			return fmt.Errorf("it is at %d, %d ms ago", next, now-read)
		}
		return nil
	})
	p.logf(t, "%s has copied how far timers are", p.slave.Name())
}
