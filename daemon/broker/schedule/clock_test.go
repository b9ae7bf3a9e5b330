package schedule

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// TestAWallClockThatSteps: whatever it does, back to 1970 or years ahead, a message is
// due its delay after it arrived, by no more than slack allows.
func TestAWallClockThatSteps(t *testing.T) {
	const year = 365 * 24 * time.Hour
	steps := []time.Duration{-50 * year, 50 * year, -time.Hour, time.Hour, -2 * time.Second, 2 * time.Second, -10 * time.Millisecond, 15 * time.Millisecond}
	for _, delay := range []time.Duration{0, time.Second, time.Minute, 2 * time.Hour} {
		for seed := range uint64(20) {
			synctest.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 1))
				var wrong time.Duration
				c := clock{wall: func() int64 { return time.Now().Add(wrong).UnixMilli() }, began: time.Now()}
				newest := c.wall() // as the store has it: it never runs backwards
				l := level{delay: delay.Milliseconds(), marks: marks{{0, c.ahead(newest)}}}
				type waiting struct{ offset, stamp, due int64 }
				var all []waiting
				var forgot int64
				for n := range int64(400) {
					time.Sleep(time.Duration(rng.Int64N(int64(delay/16 + time.Second))))
					if rng.IntN(40) == 0 {
						wrong += steps[rng.IntN(len(steps))]
					}
					newest = max(newest, c.wall())
					l.marks.add(mark{n, c.ahead(newest)}, l.delay)
					all = append(all, waiting{n, newest, c.up() + l.delay})
					for len(all) > 0 && all[0].due <= c.up() {
						forgot = all[0].offset + 1
						all = all[1:]
					}
					l.marks.forget(forgot)
					if len(l.marks) > maxMarks {
						t.Fatalf("%d marks", len(l.marks))
					}
					for _, w := range all {
						due := l.dueAt(&c, l.marks.at(w.offset), w.offset, w.stamp)
						if off := due - w.due; off < -slack(l.delay) || off > slack(l.delay) {
							t.Fatalf("seed %d, delay %v, wall clock wrong by %v: message %d is due at %d, want %d", seed, delay, wrong, w.offset, due, w.due)
						}
					}
				}
			})
		}
	}
}

// TestASteadyClockNeedsOneMark, also where the log is ahead of it by a little.
func TestASteadyClockNeedsOneMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock{wall: func() int64 { return time.Now().UnixMilli() }, began: time.Now()}
		ms := marks{{0, c.ahead(0)}}
		for n := range int64(1000) {
			time.Sleep(time.Second)
			ms.add(mark{n, c.ahead(0)}, 1000)
		}
		if len(ms) != 1 {
			t.Errorf("%d marks, want 1", len(ms))
		}
	})
}

// TestTooManyMarks: a message goes by the last, and none waits longer than its delay.
func TestTooManyMarks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock{wall: func() int64 { return 0 }, began: time.Now()}
		l := level{delay: 1000, marks: marks{{0, 0}}}
		for n := range int64(2 * maxMarks) {
			l.marks.add(mark{n, n * 1_000_000}, l.delay)
		}
		if len(l.marks) != maxMarks {
			t.Fatalf("%d marks, want %d", len(l.marks), maxMarks)
		}
		if due := l.dueAt(&c, l.marks.at(2*maxMarks), 2*maxMarks, 0); due > 1000 {
			t.Errorf("due at %d, want 1000 at the latest", due)
		}
		l.marks.forget(3 * maxMarks)
		if len(l.marks) != 1 {
			t.Errorf("%d marks are kept, want 1", len(l.marks))
		}
	})
}
