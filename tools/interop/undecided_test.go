package interop

import (
	"fmt"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
)

// TestUndecided has producers never know of their transactions: the broker asks for each as
// often as it is told to, later for those whose producer wants to be left alone at first, and
// then keeps them where an operator finds them. No consumer gets any.
func TestUndecided(t *testing.T) {
	t.Parallel() // it waits more than it works
	const n, checks, immunity, givenUp = 10, 2, 12, "TRANS_CHECK_MAX_TIME_TOPIC"
	w := newWorldWith(t, map[string]string{"flushDiskType": "ASYNC_FLUSH", "transactionTimeOut": "1000", "transactionCheckInterval": "1000", "transactionCheckMax": fmt.Sprint(checks)})
	w.warm(t)
	ctx := within(t, 3*time.Minute)
	type producer struct {
		client      *agents.Agent
		topic       string
		asked, left *agents.Transactions
		begun       time.Time // before the first of left was sent
	}
	var all []*producer
	for _, client := range w.clients {
		p := &producer{client: client, topic: "U_" + dotless(client.Name)}
		w.topic(t, p.topic, 1)
		var err error
		if p.asked, err = client.Undecided(ctx, "P_"+p.topic, p.topic, 0, n, 0); err != nil {
			t.Fatal(err)
		}
		p.begun = time.Now()
		if p.left, err = client.Undecided(ctx, "Q_"+p.topic, p.topic, n, 2*n, immunity); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	times := func(want int, from, to int) func(map[int]int) bool {
		return func(checked map[int]int) bool {
			for i := from; i < to; i++ {
				if checked[i] < want {
					return false
				}
			}
			return true
		}
	}
	for _, p := range all {
		if err := p.left.Wait(ctx, func(checked map[int]int) bool { return len(checked) > 0 }); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(p.begun); took < immunity*time.Second {
			t.Errorf("%s was asked after %v, and had said that it is not to be for %d s", p.client.Name, took, immunity)
		}
		if err := p.asked.Wait(ctx, times(checks, 0, n)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(ctx, t, "all are given up", func() error { return w.has(t, givenUp, 1, 2*n*len(all)) })
	for _, p := range all {
		for name, x := range map[string]*agents.Transactions{"": p.asked, " after a while": p.left} {
			for i, got := range x.Checked() {
				if got != checks {
					t.Errorf("%s was asked %d times of message %d%s, want %d", p.client.Name, got, i, name, checks)
				}
			}
			if got := len(x.Checked()); got != n {
				t.Errorf("%s was asked of %d messages%s, want %d", p.client.Name, got, name, n)
			}
			if err := x.Stop(ctx); err != nil {
				t.Error(err)
			}
		}
		if err := w.has(t, p.topic, 1, 0); err != nil {
			t.Error(err)
		}
	}
	records, err := w.conn.PullAll(ctx, givenUp, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	from := map[string]int{}
	for _, r := range records {
		from[r.Property("REAL_TOPIC")]++
	}
	for _, p := range all {
		if from[p.topic] != 2*n {
			t.Errorf("%d of %s are kept, want %d", from[p.topic], p.topic, 2*n)
		}
	}
}
