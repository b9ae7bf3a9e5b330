package interop

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/verify"
)

// Of the requests that are in flight when the master dies, one is given up soon, by its
// own time, and the other one waits.
const (
	briefly = 10 * time.Second
	long    = 2 * time.Minute
	asks    = 10
)

// requestsPair has each client send requests that the next one replies to.
type requestsPair struct {
	*failover
	conversations []*conversation
}

// A conversation is one client that asks and another one that replies.
type conversation struct {
	topic         string
	asks, answers *agents.Agent
	requester     *agents.Requester
	replier       *agents.Consumer
	quit, came    chan error // how the two in flight ended
	begun         time.Time  // when they were asked
	ended         time.Time  // when the first of them ended; valid after quit
}

func (r *requestsPair) before(t *testing.T) {
	for i, client := range r.clients {
		c := &conversation{topic: "Requests_" + dotless(client.Name), asks: client, answers: r.clients[(i+1)%len(r.clients)],
			quit: make(chan error, 1), came: make(chan error, 1)}
		r.conversations = append(r.conversations, c)
		r.topic(t, c.topic, 4)
		var err error
		if c.replier, err = c.answers.Answer(within(t, time.Minute), agents.Subscription{Group: "A_" + c.topic, Topic: c.topic, Instance: c.topic}); err != nil {
			t.Fatal(err)
		}
		if c.requester, err = c.asks.Requester(within(t, time.Minute), "P_"+c.topic, c.topic); err != nil {
			t.Fatal(err)
		}
		if !client.Java {
			showProducer(t, r.master.Addr, c.requester, "P_"+c.topic)
		}
	}
	for _, c := range r.conversations {
		for n := range asks {
			if err := c.requester.Ask(within(t, time.Minute), n, 30*time.Second, false); err != nil {
				t.Fatalf("%s asks %s: %v", c.asks.Name, c.answers.Name, err)
			}
		}
	}
}

// fly sends the requests that are in flight when the master dies.
func (r *requestsPair) fly(t *testing.T) {
	for _, c := range r.conversations {
		c.flies(t)
	}
	for _, c := range r.conversations {
		if err := c.replier.Wait(within(t, briefly), bothHeld); err != nil {
			t.Fatal(err)
		}
	}
}

// bothHeld is met once a replier has got both requests that it holds.
func bothHeld(got []verify.Got) bool {
	n := 0
	for _, g := range got {
		if g.Properties["TAGS"] == "Held" {
			n++
		}
	}
	return n == 2
}

// flies sends the two requests that are in flight when the master dies, which the replier
// holds; their commands end when the subtests that send them are over.
func (c *conversation) flies(t *testing.T) {
	t.Helper()
	c.begun = time.Now()
	go func() {
		err := c.requester.Ask(context.WithoutCancel(t.Context()), asks, briefly, true)
		c.ended = time.Now()
		c.quit <- err
	}()
	go func() { c.came <- c.requester.Ask(context.WithoutCancel(t.Context()), asks+1, long, true) }()
}

// after has every request get its reply from the first on, once the clients have found
// the new master; of those in flight one gets it as well, the other one's time is over.
func (r *requestsPair) after(t *testing.T) {
	for _, c := range r.conversations {
		producersKnown(t, r.master.Addr, "P_"+c.topic, "A_"+c.topic+"-replies")
		for n := range asks {
			if err := c.requester.Ask(within(t, time.Minute), asks+2+n, 30*time.Second, false); err != nil {
				t.Errorf("%s asks %s: %v", c.asks.Name, c.answers.Name, err)
				break
			}
		}
		err := <-c.quit
		if took := c.ended.Sub(c.begun); err == nil || !strings.Contains(err.Error(), gaveUp) || took < briefly || c.ended.Before(r.killed) {
			t.Errorf("%s: a request in flight ended after %v, %v after the master: %v", c.asks.Name, took, c.ended.Sub(r.killed), err)
		}
		if err := c.replier.Release(within(t, time.Minute)); err != nil {
			t.Error(err)
		}
		if err := <-c.came; err != nil {
			t.Errorf("%s: the request in flight that waits: %v", c.asks.Name, err)
		}
		r.logf(t, "%s asked %s: what was in flight has its reply after %v", c.asks.Name, c.answers.Name, time.Since(c.begun).Round(time.Millisecond))
		if err := errors.Join(c.requester.Stop(within(t, time.Minute)), c.replier.Stop(within(t, time.Minute))); err != nil {
			t.Error(err)
		}
	}
}
