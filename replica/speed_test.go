package replica

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestSpeed: what counts is the last second that is over, and not for longer than the next.
func TestSpeed(t *testing.T) {
	var s speed
	begun := time.Now()
	at := func(d time.Duration) time.Time { return begun.Add(d) }
	if got := s.count(at(0), 0); got != 0 {
		t.Errorf("%d bytes before the first", got)
	}
	for _, step := range []struct {
		after     time.Duration
		add, want int
	}{
		{0, 100, 0},
		{900 * time.Millisecond, 20, 0},
		{1100 * time.Millisecond, 7, 120},
		{1050 * time.Millisecond, 1, 120}, // from a goroutine that looked at the clock before
		{1999 * time.Millisecond, 0, 120},
		{2000 * time.Millisecond, 0, 8},
		{3000 * time.Millisecond, 0, 0},
		{3500 * time.Millisecond, 5, 0},
		{5500 * time.Millisecond, 9, 0}, // a whole second without any lies between
		{6500 * time.Millisecond, 0, 9},
	} {
		if got := s.count(at(step.after), step.add); got != int64(step.want) {
			t.Errorf("after %v: %d bytes a second, want %d", step.after, got, step.want)
		}
	}
}

// TestBothSidesTellTheSpeed of what has just been copied, and none of what was copied before.
func TestBothSidesTellTheSpeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, logOf(100, 1))
		defer p.end()
		p.follow(&memLog{})
		p.same()
		time.Sleep(10 * time.Second)
		before := p.log.End()
		p.store(50, 2)
		p.same() // a second later
		want := p.log.End() - before
		if st := p.master.Slaves(); len(st) != 1 || st[0].Speed != want {
			t.Errorf("Slaves() = %+v, want one that was sent %d bytes", st, want)
		}
		if st := p.slave.Status(); st.Speed != want {
			t.Errorf("Status() = %+v, want %d bytes that came", st, want)
		}
		time.Sleep(2 * time.Second)
		if m, s := p.master.Slaves()[0].Speed, p.slave.Status().Speed; m != 0 || s != 0 {
			t.Errorf("%d and %d bytes a second of a log that has not grown", m, s)
		}
	})
}
