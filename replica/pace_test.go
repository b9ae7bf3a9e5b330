package replica

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestPace(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p := pace{rate: 1000}
	steps := []struct {
		at   time.Duration
		sent int
		wait time.Duration
	}{
		{0, 1000, 0}, {0, 500, 500 * time.Millisecond}, {500 * time.Millisecond, 100, 100 * time.Millisecond},
		{time.Hour, 1000, 0}, {time.Hour, 1, time.Millisecond}, // an hour of silence saves one second, no more
	}
	for i, s := range steps {
		if got := p.spent(start.Add(s.at), s.sent); got != s.wait {
			t.Errorf("step %d: wait %v, want %v", i, got, s.wait)
		}
	}
	if got := new(pace).spent(start, 1<<30); got != 0 {
		t.Errorf("without a rate: wait %v", got)
	}
}

// TestCatchingUpKeepsToItsRate: 3,200 bytes a second, of which a second's worth
// may come at once.
func TestCatchingUpKeepsToItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, logOf(1000, 1))
		defer p.end()
		p.master.opts.Rate = 100 * testRecord
		p.follow(&memLog{})
		began := time.Now()
		for _, s := range []int64{2, 5, 8} {
			time.Sleep(time.Until(began.Add(time.Duration(s) * time.Second)))
			synctest.Wait()
			want := (s + 1) * 100 * testRecord
			if got := p.copy.End(); got < want-200 || got > want+200 {
				t.Errorf("after %d s the slave has %d bytes, want about %d", s, got, want)
			}
		}
		time.Sleep(5 * time.Second)
		p.same()
	})
}
