package replica

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/replica/epoch"
)

// A chronicle is the epochs of a slave's log, and what its master says of its own.
type chronicle struct {
	log *memLog // the slave's

	mu      sync.Mutex // guards the rest
	own     epoch.History
	theirs  epoch.History
	met     int   // how often
	away    error // Meet fails with it
	broken  error // Adopt does
	adopted []adoption
	joined  int
}

// An adoption is an Adopt, and how long the slave's log was at that time.
type adoption struct {
	last epoch.Epoch
	end  int64
}

func (c *chronicle) Meet(context.Context) (epoch.History, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.met++
	return slices.Clone(c.theirs), c.away
}

func (c *chronicle) Own() epoch.History {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.own)
}

func (c *chronicle) Adopt(h epoch.History) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.adopted = append(c.adopted, adoption{h.Last(), c.log.End()})
	if c.broken == nil {
		c.own = slices.Clone(h)
	}
	return c.broken
}

// set changes what a chronicle says.
func (c *chronicle) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

// followBy lets the slave copy to c's log, and compare epochs.
func (p *pair) followBy(c *chronicle) {
	p.copy = c.log
	p.slave = NewSlave(SlaveOptions{Log: c.log, Master: func() string { return "master:10912" }, Overlap: 4 * testRecord, Histories: c,
		Joined: func() { c.set(func() { c.joined++ }) }, Dial: p.dial})
	c.log.mu.Lock()
	c.log.appended = p.slave.Grown
	c.log.mu.Unlock()
	ctx, stopSlave := context.WithCancel(context.Background())
	p.running.Go(func() { _ = p.slave.Run(ctx) })
	stop := p.cancel
	p.cancel = func() { stopSlave(); stop() }
}

// begun is an epoch that began at the record-th record.
func begun(number, boot int64, id uint64, record int) epoch.Epoch {
	return epoch.Epoch{Number: number, Boot: boot, ID: id, Start: int64(record * testRecord)}
}

// TestHistoriesSayWhereLogsPart: what follows the common epoch is set aside,
// neither more nor less, though the bytes that a connection compares might not
// show it; then the slave copies, and has its master's epochs.
func TestHistoriesSayWhereLogsPart(t *testing.T) {
	one, two, boot := begun(1, 0, 1, 0), begun(2, 0, 2, 40), begun(1, 1, 3, 40)
	tests := []struct {
		name                 string
		own, his             epoch.History
		common, theirs, ours int // records
		cut                  int // records set aside
	}{
		{"the same", epoch.History{one}, epoch.History{one}, 40, 0, 0, 0},
		{"the same, the master went on", epoch.History{one}, epoch.History{one}, 40, 10, 0, 0},
		{"an epoch began where this log ends", epoch.History{one}, epoch.History{one, two}, 40, 10, 0, 0},
		{"an epoch began behind this log's end", epoch.History{one}, epoch.History{one, begun(2, 0, 2, 45)}, 40, 10, 0, 0},
		{"an epoch began before this log's end", epoch.History{one}, epoch.History{one, two}, 40, 10, 20, 20},
		{"nothing was stored in it", epoch.History{one}, epoch.History{one, two}, 40, 0, 1, 1},
		{"the master restarted", epoch.History{one}, epoch.History{one, boot}, 40, 3, 3, 3},
		{"both began one", epoch.History{one, boot}, epoch.History{one, two}, 40, 10, 20, 20},
		{"this one's began before", epoch.History{one, begun(1, 1, 3, 38)}, epoch.History{one, two}, 38, 10, 20, 20},
		{"far ago", epoch.History{one}, epoch.History{one, begun(2, 0, 2, 10)}, 10, 90, 90, 90},
		{"at once", epoch.History{one}, epoch.History{one, begun(2, 0, 2, 1)}, 1, 5, 5, 5},
		// Nothing is known: the bytes decide.
		{"nothing in common but bytes", epoch.History{begun(1, 0, 8, 0)}, epoch.History{begun(1, 0, 9, 0)}, 40, 10, 5, 5},
		{"none of its own", nil, epoch.History{one, two}, 40, 10, 5, 5},
		{"no epoch of the master's", epoch.History{one}, nil, 40, 10, 5, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, logOf(tt.common, 1))
				defer p.end()
				p.log.grow(tt.theirs, 2)
				c := &chronicle{log: logOf(tt.common, 1), own: tt.own, theirs: tt.his}
				c.log.grow(tt.ours, 3)
				lost := c.log.bytes()[tt.common*testRecord:][:tt.cut*testRecord]
				p.followBy(c)
				time.Sleep(2 * time.Minute)
				p.same()
				p.store(5, 4)
				p.same()
				if !bytes.Equal(c.log.cut, lost) {
					t.Errorf("%d bytes were set aside, want %d", len(c.log.cut), len(lost))
				}
				if st := p.slave.Status(); !st.Connected || (st.SetAside == "") != (tt.cut == 0) || st.SetAsideBytes != int64(len(lost)) {
					t.Errorf("Status() = %+v", st)
				}
				want := tt.his
				if want == nil {
					want = tt.own
				}
				if !slices.Equal(c.Own(), want) {
					t.Errorf("the slave's epochs are %v, want %v", c.Own(), want)
				}
				// Before anything was appended, and behind all that was set aside.
				for _, a := range c.adopted {
					if want := int64(tt.common * testRecord); a.end != want {
						t.Errorf("epochs up to %v were adopted at %d, want %d", a.last, a.end, want)
					}
				}
				if n := len(c.adopted); (n == 0) != (tt.his == nil) {
					t.Errorf("epochs were adopted %d times", n)
				}
				if c.joined != len(c.adopted) {
					t.Errorf("told %d times that the logs are the same, %d times they were", c.joined, len(c.adopted))
				}
			})
		})
	}
}

// TestEpochsAloneCannotMakeLogsEqual: a history that is not that of the bytes is
// not adopted before the bytes were found equal.
func TestEpochsAloneCannotMakeLogsEqual(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, logOf(50, 1))
		defer p.end()
		h := epoch.History{begun(1, 0, 1, 0)}
		c := &chronicle{log: logOf(40, 2), own: h, theirs: append(h, begun(2, 0, 2, 45))}
		before := c.log.bytes()
		p.followBy(c)
		time.Sleep(10 * time.Minute)
		if st := p.slave.Status(); !errors.Is(st.Err, ErrForeign) || st.Connected {
			t.Errorf("Status() = %+v, want ErrForeign", st)
		}
		if len(c.adopted) != 0 || !bytes.Equal(c.log.bytes(), before) {
			t.Errorf("epochs were adopted %d times; the log has %d bytes, had %d", len(c.adopted), c.log.End(), len(before))
		}
	})
}

// TestNothingIsTouched where a slave must not follow, or cannot know.
func TestNothingIsTouched(t *testing.T) {
	away := errors.New("the master does not answer")
	old := epoch.History{begun(1, 0, 1, 0)}
	tests := []struct {
		name string
		c    *chronicle
		err  error
	}{
		{"a stale master", &chronicle{own: append(old, begun(2, 0, 2, 30)), theirs: old}, ErrStale},
		{"a stale master that began an epoch", &chronicle{own: append(old, begun(3, 0, 2, 30)), theirs: append(old, begun(2, 7, 3, 20))}, ErrStale},
		{"a master without any epoch", &chronicle{own: old, theirs: epoch.History{}}, ErrStale},
		{"a master that does not answer", &chronicle{own: old, theirs: old, away: away}, away},
		{"parted before this log begins", &chronicle{own: old, theirs: append(old, begun(2, 0, 2, 5))}, ErrForeign},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, logOf(80, 1))
				defer p.end()
				log := logOf(40, 1)
				log.start, log.data = testSegment, log.data[testSegment:] // from record 32 on
				tt.c.log = log
				before := log.bytes()
				p.followBy(tt.c)
				time.Sleep(10 * time.Minute)
				if st := p.slave.Status(); !errors.Is(st.Err, tt.err) || st.Connected || st.SetAside != "" {
					t.Errorf("Status() = %+v, want %v", st, tt.err)
				}
				if !bytes.Equal(log.bytes(), before) || log.cut != nil || len(tt.c.adopted) != 0 {
					t.Errorf("the log has %d bytes, had %d; epochs were adopted %d times", len(log.bytes()), len(before), len(tt.c.adopted))
				}
				if len(p.conns()) != 0 {
					t.Error("it is connected")
				}
				tt.c.set(func() {
					if tt.c.met < 100 {
						t.Errorf("in 10 min the master was asked %d times", tt.c.met)
					}
					tt.c.theirs, tt.c.away = append(tt.c.own, begun(9, 0, 9, 60)), nil // it is another one
				})
				p.slave.Retry()
				p.holds(log)
			})
		})
	}
}

// holds waits a little and demands that what the slave has is the master's.
func (p *pair) holds(copy *memLog) {
	p.t.Helper()
	time.Sleep(time.Second)
	synctest.Wait()
	if got, want := copy.bytes(), p.log.bytes()[copy.Start():]; !bytes.Equal(got, want) {
		p.t.Errorf("the copy has %d bytes, the log %d, or they differ; %+v", len(got), len(want), p.slave.Status())
	}
}

// TestAnAdoptionThatFailsIsTriedAgain: power goes between what is set aside and
// what is adopted, or flash refuses it. Nothing is appended under the epochs of
// before, and the next attempt comes to the same end.
func TestAnAdoptionThatFailsIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, logOf(40, 1))
		defer p.end()
		p.log.grow(10, 2)
		h := epoch.History{begun(1, 0, 1, 0)}
		c := &chronicle{log: logOf(40, 1), own: h, theirs: append(h, begun(2, 0, 2, 40)), broken: errors.New("flash is worn out")}
		c.log.grow(7, 3)
		p.followBy(c)
		time.Sleep(time.Minute)
		if st := p.slave.Status(); st.Connected || st.Err == nil || !strings.Contains(st.Err.Error(), "worn out") || st.SetAsideBytes != 7*testRecord {
			t.Errorf("Status() = %+v", st)
		}
		if got := c.log.End(); got != 40*testRecord {
			t.Errorf("the log ends at %d, want %d", got, 40*testRecord)
		}
		p.slave.Retry()
		c.set(func() { c.broken = nil })
		time.Sleep(time.Minute)
		p.same()
		if st := p.slave.Status(); !slices.Equal(c.Own(), c.theirs) || st.SetAsideBytes != 7*testRecord {
			t.Errorf("the epochs are %v; Status() = %+v", c.Own(), st)
		}
	})
}

// TestEachConnectionMeets: a master that comes back under another epoch is seen.
func TestEachConnectionMeets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, logOf(40, 1))
		defer p.end()
		h := epoch.History{begun(1, 0, 1, 0)}
		c := &chronicle{log: &memLog{}, theirs: h}
		p.followBy(c)
		p.same()
		for i := range 3 {
			h = append(h, begun(1, int64(i+1), uint64(i+2), int(p.log.End())/testRecord))
			c.set(func() { c.theirs = h })
			for _, m := range p.conns() {
				m.close(errors.New("the master restarts"))
			}
			p.store(3, 2)
			time.Sleep(10 * time.Second)
			p.same()
			if !slices.Equal(c.Own(), h) || p.slave.Status().SetAside != "" {
				t.Errorf("the epochs are %v, want %v; %+v", c.Own(), h, p.slave.Status())
			}
		}
	})
}
