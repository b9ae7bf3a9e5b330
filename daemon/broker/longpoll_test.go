package broker

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store"
)

// heldPullFields are the fields of a pull that may be held.
func heldPullFields(changes ...string) []string {
	return pullFields("T", append([]string{"sysFlag", "6"}, changes...)...)
}

func TestHeldPullIsWoken(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 2)
		consumer, producer := r.client(), r.client()
		all := consumer.begin(remoting.ReqPullMessage, "", heldPullFields()...)
		tagB := consumer.begin(remoting.ReqLitePullMessage, "", heldPullFields("subscription", "TagB")...)
		queue1 := consumer.begin(remoting.ReqPullMessage, "", heldPullFields("queueId", "1")...)
		time.Sleep(time.Second) // of the bubble's time
		if !pending(all) || !pending(tagB) || !pending(queue1) {
			t.Fatal("a pull was answered before there was anything")
		}
		producer.send("T", "TagA", "a")
		if resp := <-all; bodies(t, resp) != "a" || offsets(resp) != "1 0..1 from broker 0" {
			t.Errorf("woken with %d %s, %q", resp.Code, offsets(resp), bodies(t, resp))
		}
		if !pending(tagB) || !pending(queue1) {
			t.Fatal("a pull was woken by what it did not want")
		}
		producer.send("T", "TagB", "b")
		if resp := <-tagB; bodies(t, resp) != "b" || offsets(resp) != "2 0..2 from broker 0" {
			t.Errorf("woken with %d %s, %q", resp.Code, offsets(resp), bodies(t, resp))
		}
		if resp := <-queue1; resp.Code != remoting.RespPullNotFound || resp.Remark != "NO_MATCHED_LOGIC_QUEUE" {
			t.Errorf("at its time the third is answered %d %s", resp.Code, resp.Remark)
		}
		r.idle()
	})
}

// idle checks that no pull is held any more.
func (r *rig) idle() {
	r.t.Helper()
	synctest.Wait()
	p := r.b.polls
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count != 0 || len(p.byTime) != 0 || len(p.queues) != 0 || len(p.woken) != 0 {
		r.t.Errorf("held pulls are left: %d counted, %d by time, %d queues, %d woken", p.count, len(p.byTime), len(p.queues), len(p.woken))
	}
}

// TestHoldEnds: a hold lasts as long as the client asks, and no longer than it
// can bear.
func TestHoldEnds(t *testing.T) {
	tests := []struct {
		sysFlag, suspend string
		want             time.Duration
	}{
		{"6", "15000", 15 * time.Second},
		{"6", "20000", 20 * time.Second},
		{"6", "600000", 25 * time.Second},
		{"6", "9223372036854775807", 25 * time.Second},
		{"6", "1", time.Millisecond},
		{"6", "0", 0}, {"6", "-5", 0}, {"4", "15000", 0},
	}
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 2)
		c := r.client()
		start := time.Now()
		took := make(chan string, len(tests))
		for i, test := range tests {
			got := c.begin(remoting.ReqPullMessage, "", heldPullFields("sysFlag", test.sysFlag, "suspendTimeoutMillis", test.suspend)...)
			go func() {
				resp := <-got
				took <- fmt.Sprint(i, " ", time.Since(start), " ", resp.Code)
			}()
		}
		seen := map[string]bool{}
		for range tests {
			seen[<-took] = true
		}
		for i, test := range tests {
			if want := fmt.Sprint(i, " ", test.want, " 19"); !seen[want] {
				t.Errorf("hold of %s with flag %s: want %q among %v", test.suspend, test.sysFlag, want, seen)
			}
		}
		r.idle()
	})
	bubble(t, func(o *Options, _ *fakeStore) { o.MaxHold = time.Second }, func(t *testing.T, r *rig) { // longPollingEnable=false
		r.topic("T", 2)
		start := time.Now()
		r.client().call(remoting.ReqPullMessage, "", heldPullFields()...)
		if took := time.Since(start); took != time.Second {
			t.Errorf("a short poll took %v, want 1s", took)
		}
	})
}

// TestGoldenNotFound: what a pull that was held in vain is answered.
func TestGoldenNotFound(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 2)
		r.st.queues[queueKey{"T", 0}] = &fakeQueue{}
		got, want := r.client().call(remoting.ReqPullMessage, "", heldPullFields()...), golden(t, "v4-pull-response-not-found")
		if got.Code != want.Code || got.Remark != want.Remark || offsets(got) != offsets(want) {
			t.Errorf("answered %d %s, %s, want %d %s, %s", got.Code, got.Remark, offsets(got), want.Code, want.Remark, offsets(want))
		}
	})
}

// TestArrivalBeforeHold: a record that becomes visible after the read and
// before the hold has woken nobody, and is given out all the same.
func TestArrivalBeforeHold(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 2)
		r.st.arrived = nil // as if it had come too early
		c := r.client()
		c.send("T", "", "old")
		r.st.mu.Lock()
		r.st.stale = true
		r.st.mu.Unlock()
		resp := <-c.begin(remoting.ReqPullMessage, "", heldPullFields()...)
		if bodies(t, resp) != "old" {
			t.Errorf("answered %d %s, want the record", resp.Code, resp.Remark)
		}
		r.idle()
	})
}

func TestHeldPullsAreBounded(t *testing.T) {
	bubble(t, func(o *Options, _ *fakeStore) { o.MaxHeldPulls = 2 }, func(t *testing.T, r *rig) {
		r.topic("T", 2)
		c := r.clientAt("127.0.0.1:1")
		first := c.begin(remoting.ReqPullMessage, "", heldPullFields()...)
		second := c.begin(remoting.ReqPullMessage, "", heldPullFields("suspendTimeoutMillis", "5000")...)
		c.expect(c.call(remoting.ReqPullMessage, "", heldPullFields()...), remoting.RespSystemBusy, "2 pulls")
		c.expect(<-second, remoting.RespPullNotFound, "")
		third := c.begin(remoting.ReqPullMessage, "", heldPullFields()...)
		if !pending(third) || !pending(first) {
			t.Error("there was room for a third pull after the second was over")
		}
		c.expect(<-first, remoting.RespPullNotFound, "")
		c.expect(<-third, remoting.RespPullNotFound, "")
		r.idle()
	})
}

func TestHeldPullsGoWithTheirConnection(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 2)
		c, other := r.client(), r.client()
		for range 3 {
			c.begin(remoting.ReqPullMessage, "", heldPullFields()...)
		}
		kept := other.begin(remoting.ReqPullMessage, "", heldPullFields()...)
		synctest.Wait()
		_ = c.conn.Close()
		synctest.Wait()
		if n := len(r.b.polls.byTime); n != 1 || !pending(kept) {
			t.Errorf("%d pulls are held, want the one of the other connection", n)
		}
		r.client().send("T", "", "m")
		if resp := <-kept; bodies(t, resp) != "m" {
			t.Errorf("answered %d", resp.Code)
		}
		r.idle()
	})
}

// TestRunEndsHolds: a broker that stops answers what it holds, and holds no more.
func TestRunEndsHolds(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 2)
		c := r.client()
		got := c.begin(remoting.ReqPullMessage, "", heldPullFields()...)
		synctest.Wait()
		r.stop()
		c.expect(<-got, remoting.RespPullNotFound, "NO_MATCHED_LOGIC_QUEUE")
		start := time.Now()
		c.expect(c.call(remoting.ReqPullMessage, "", heldPullFields()...), remoting.RespPullNotFound, "")
		if took := time.Since(start); took != 0 {
			t.Errorf("a pull was held for %v after the broker's end", took)
		}
		r.idle()
	})
}

// TestManyHeldPulls: deadlines are kept in order whatever is taken out.
func TestManyHeldPulls(t *testing.T) {
	p := newLongPoll(1000)
	start := time.Now()
	var all []*heldPull
	for i := range 300 {
		h := &heldPull{reading: reading{topic: "T", queueID: int32(i % 7)}, deadline: start.Add(time.Duration(i*7919%300) * time.Second)}
		if kept, full := p.add(h); !kept || full {
			t.Fatalf("add %d: kept %v, full %v", i, kept, full)
		}
		all = append(all, h)
	}
	for i := 0; i < 300; i += 3 {
		if !p.take(all[i]) || p.take(all[i]) {
			t.Fatalf("taking out pull %d did not work once", i)
		}
		p.leave(&all[i].place)
	}
	p.arrived([]store.Arrival{{Topic: "T", QueueID: 5}, {Topic: "T", QueueID: 5}, {Topic: "T", QueueID: 9}})
	woken := len(p.woken)
	for h := p.next(); h != nil; h = p.next() {
		if h.queueID != 5 {
			t.Fatalf("queue %d was woken", h.queueID)
		}
		p.leave(&h.place)
	}
	last := start
	for now := start; len(p.byTime) > 0; now = now.Add(10 * time.Second) {
		p.expire(now)
		for h := p.next(); h != nil; h = p.next() {
			if h.deadline.After(now) || h.deadline.Before(last) {
				t.Fatalf("deadline %v at %v after %v", h.deadline, now, last)
			}
			last = h.deadline
			woken++
			p.leave(&h.place)
		}
	}
	if woken != 200 || p.count != 0 || len(p.queues) != 0 {
		t.Errorf("%d pulls woken, %d left in %d queues, want 200 and none", woken, p.count, len(p.queues))
	}
}
