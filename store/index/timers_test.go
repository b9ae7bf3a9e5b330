package index

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// allTimers reads a lane in pieces.
func allTimers(t *testing.T, x *Index, lane, limit int) (all []Timer) {
	t.Helper()
	var after Timer
	for {
		next, err := x.NextTimers(lane, after, limit)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, next...)
		if len(next) < limit {
			return all
		}
		after = next[limit-1]
	}
}

// TestTimersAgainstAModel adds, works off, stores anew and recalls at random, and opens
// the file again.
func TestTimersAgainstAModel(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		dir := t.TempDir()
		x := openOS(t, dir, nil)
		var model [TimerLanes][]Timer
		var recalled []int64
		var end, floor int64
		for step := range 30 {
			c := TimerChange{}
			if r.IntN(3) == 0 {
				floor += r.Int64N(end - floor + 1)
			}
			for lane := range TimerLanes {
				if n := len(model[lane]); n > 0 && r.IntN(2) == 0 {
					n = r.IntN(n)
					c.Until[lane] = model[lane][n]
					model[lane] = slices.Delete(model[lane], 0, n+1)
				}
				for range r.IntN(300) {
					end += 100
					c.Add[lane] = append(c.Add[lane], Timer{r.Int64N(1 + r.Int64N(4*timerSlice)), end})
				}
				slices.SortFunc(c.Add[lane], Timer.Compare)
				model[lane] = append(model[lane], c.Add[lane]...)
				slices.SortFunc(model[lane], Timer.Compare)
				model[lane] = slices.DeleteFunc(model[lane], func(t Timer) bool { return t.PhyOffset < floor })
			}
			if n := len(recalled); n > 0 && r.IntN(3) == 0 {
				n = 1 + r.IntN(n)
				c.Gone = slices.Clone(recalled[:n])
				recalled = recalled[n:]
			}
			c.Recalled = []int64{end + int64(step)}
			recalled = append(recalled, end+int64(step))
			c.State = TimerState{From: int64(step), End: end, Floor: floor, Count: 3, Bytes: 4, Span: 7, LogTime: 9}
			if err := x.ChangeTimers(&c); err != nil {
				t.Fatal(err)
			}
			if step%10 == 9 {
				closeIndex(t, x)
				x = openOS(t, dir, nil)
			}
			if s, err := x.TimerState(); err != nil || s != c.State {
				t.Fatalf("seed %d, step %d: state %+v, %v, want %+v", seed, step, s, err, c.State)
			}
			for lane := range TimerLanes {
				if got := allTimers(t, x, lane, 1+r.IntN(50)); !slices.Equal(got, model[lane]) {
					t.Fatalf("seed %d, step %d, lane %d: %d timers, want %d", seed, step, lane, len(got), len(model[lane]))
				}
			}
			if got, err := x.RecalledTimers(); err != nil || !slices.Equal(got, recalled) {
				t.Fatalf("seed %d, step %d: recalled %v, %v, want %v", seed, step, got, err, recalled)
			}
			var oldest []int64
			for lane := range TimerLanes {
				for _, t := range model[lane] {
					oldest = append(oldest, t.PhyOffset)
				}
			}
			slices.Sort(oldest)
			limit := 1 + r.IntN(40)
			got, err := x.OldestTimers(limit)
			if err != nil || len(got) != min(limit, len(oldest)) {
				t.Fatalf("seed %d, step %d: the oldest %d are %d, %v", seed, step, limit, len(got), err)
			}
			for i, g := range got {
				if _, is := slices.BinarySearchFunc(model[g.Lane], g.Timer, Timer.Compare); g.PhyOffset != oldest[i] || !is {
					t.Fatalf("seed %d, step %d: oldest timer %d is %+v, want one at %d", seed, step, i, g, oldest[i])
				}
			}
		}
		closeIndex(t, x)
	}
}

// TestTimersOfOneSlice: nearly all are due in the same minutes, and come in many
// commits; to work them off does not write all of them again each time.
func TestTimersOfOneSlice(t *testing.T) {
	dir := t.TempDir()
	x := openOS(t, dir, nil)
	const commits, each = 24, 2000
	r := rand.New(rand.NewPCG(1, 2))
	var all []Timer
	for n := range commits {
		var c TimerChange
		for i := range each {
			c.Add[0] = append(c.Add[0], Timer{r.Int64N(timerSlice), int64(n*each+i) * 100})
		}
		slices.SortFunc(c.Add[0], Timer.Compare)
		all = append(all, c.Add[0]...)
		if err := x.ChangeTimers(&c); err != nil {
			t.Fatal(err)
		}
	}
	slices.SortFunc(all, Timer.Compare)
	read := func() []byte {
		b, err := os.ReadFile(filepath.Join(dir, "meta.db"))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	before, written := read(), 0
	for n := each - 1; n < len(all); n += each {
		c := TimerChange{}
		c.Until[0] = all[n]
		if err := x.ChangeTimers(&c); err != nil {
			t.Fatal(err)
		}
		if rest := allTimers(t, x, 0, 5000); len(rest) != len(all)-n-1 {
			t.Fatalf("%d are left, want %d", len(rest), len(all)-n-1)
		}
		after := read()
		before, written = after, written+pagesWritten(before, after)
	}
	// A page for each commit that is still there, half of all on average, and the way
	// to it; a slice that is written again as a whole would be 100.
	if pages := written / commits; pages < 2 || pages > 2*commits {
		t.Errorf("a commit that removes %d of them writes %d pages", each, pages)
	}
	closeIndex(t, x)
}

// TestTimersOfALogThatIsCut: they are forgotten unless all of them are of what is left.
func TestTimersOfALogThatIsCut(t *testing.T) {
	for _, test := range []struct {
		cut  int64
		want int
	}{{1000, 1}, {999, 0}} {
		x := openOS(t, t.TempDir(), nil)
		c := TimerChange{State: TimerState{From: 1, End: 1000}}
		c.Add[1] = []Timer{{5, 900}}
		if err := x.ChangeTimers(&c); err != nil {
			t.Fatal(err)
		}
		if err := x.Truncate(test.cut); err != nil {
			t.Fatal(err)
		}
		if got := allTimers(t, x, 1, 10); len(got) != test.want {
			t.Errorf("cut at %d: %d timers, want %d", test.cut, len(got), test.want)
		}
		if s, err := x.TimerState(); err != nil || s.From != int64(test.want) {
			t.Errorf("cut at %d: state %+v, %v", test.cut, s, err)
		}
		closeIndex(t, x)
	}
}

func FuzzDecodeTimerBlock(f *testing.F) {
	f.Add(appendTimers(nil, []Timer{{1, 2}, {1, 3}, {4, 0}}))
	f.Fuzz(func(t *testing.T, in []byte) {
		b, err := decodeTimerBlock(in)
		if err != nil {
			return
		}
		var all []Timer
		for i := range b.n() {
			all = append(all, b.at(i))
		}
		if got := appendTimers(nil, all); !bytes.Equal(got, in) {
			t.Errorf("%x decodes to %v, which encodes to %x", in, all, got)
		}
		if n := b.behind(all[len(all)-1]); n != len(all) {
			t.Errorf("%d of %d are at the last or before", n, len(all))
		}
	})
}
