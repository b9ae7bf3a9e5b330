package index

import (
	"math/rand/v2"
	"slices"
	"testing"

	"go.etcd.io/bbolt"
)

// TestTimersThatAreStoredAnewAgainAndAgain: they are due so far away and so far apart
// that each has a block of its own, and retention goes round under them many times. The
// file keeps no multiple of what is pending.
func TestTimersThatAreStoredAnewAgainAndAgain(t *testing.T) {
	x := openOS(t, t.TempDir(), nil)
	const count, each, rounds = 800, 400, 6
	r := rand.New(rand.NewPCG(1, 2))
	var pending []Timer // by place in the log
	var end int64
	add := func(c *TimerChange, due int64) {
		end += 100
		c.Add[1] = append(c.Add[1], Timer{due, end})
		pending = append(pending, Timer{due, end})
	}
	commit := func(c *TimerChange) {
		t.Helper()
		slices.SortFunc(c.Add[1], Timer.Compare)
		c.State.End = end
		if err := x.ChangeTimers(c); err != nil {
			t.Fatal(err)
		}
	}
	var c TimerChange
	for range count {
		add(&c, r.Int64N(20*count*timerSlice))
	}
	commit(&c)
	for range rounds * count / each {
		c := TimerChange{}
		for _, old := range pending[:each] {
			add(&c, old.Due)
		}
		pending = pending[each:]
		c.State.Floor = pending[0].PhyOffset
		commit(&c)
	}
	want := slices.SortedFunc(slices.Values(pending), Timer.Compare)
	if got := allTimers(t, x, 1, 1000); !slices.Equal(got, want) {
		t.Errorf("%d timers, want %d", len(got), len(want))
	}
	held := 0
	if err := x.view(func(tx *bbolt.Tx) error {
		return eachTimerBlock(tx, 1, noTimer, func(_ []byte, b timerBlock) { held += b.n() })
	}); err != nil {
		t.Fatal(err)
	}
	if held > 2*count {
		t.Errorf("the file has %d timers for %d that are pending", held, count)
	}
	closeIndex(t, x)
}
