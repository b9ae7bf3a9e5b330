package replica

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// slaveAt is a connection as far as Acks knows one.
func slaveAt(addr string) *masterConn { return &masterConn{addr: netip.MustParseAddr(addr)} }

func newTestAcks(o AcksOptions) (*Acks, func() []release) {
	var all []release
	o.Release = func(end int64, err error) { all = append(all, release{end, err}) }
	a := NewAcks(o)
	return a, func() []release {
		a.mu.Lock()
		defer a.mu.Unlock()
		defer func() { all = nil }()
		return all
	}
}

func TestSendersWaitForWhatTheyWerePromised(t *testing.T) {
	one, two, twin := slaveAt("10.0.0.1"), slaveAt("10.0.0.2"), slaveAt("10.0.0.1")
	tests := []struct {
		name   string
		needed int
		do     func(*Acks)
		want   []release
	}{
		{"slave says where it ends", 1, func(a *Acks) { a.join(one, 10); a.Confirmed(10) }, nil},
		{"no slave", 1, func(a *Acks) { a.Confirmed(10) }, []release{{10, ErrNoSlave}}},
		{"slave has it already", 1, func(a *Acks) { a.advance(one, 10); a.Confirmed(10) }, []release{{10, nil}}},
		{"slave will have it", 1, func(a *Acks) { a.advance(one, 5); a.Confirmed(10); a.advance(one, 9); a.advance(one, 10) }, []release{{9, nil}, {10, nil}}},
		{"the better of two", 1, func(a *Acks) { a.advance(one, 5); a.advance(two, 7); a.Confirmed(10); a.advance(two, 10) }, []release{{10, nil}}},
		{"slave too far behind", 1, func(a *Acks) { a.advance(one, 5); a.Confirmed(2000) }, []release{{2000, ErrNoSlave}}},
		{"slave left before", 1, func(a *Acks) { a.advance(one, 5); a.leave(one); a.Confirmed(10) }, []release{{10, ErrNoSlave}}},
		{"slave comes back in time", 1, func(a *Acks) { a.advance(one, 5); a.Confirmed(10); a.leave(one); a.advance(twin, 10) }, []release{{10, nil}}},
		{"both must have it", 2, func(a *Acks) {
			a.advance(one, 5)
			a.advance(two, 5)
			a.Confirmed(10)
			a.advance(one, 10)
			a.advance(two, 8)
		}, []release{{5, nil}, {8, nil}}},
		{"one of two is there", 2, func(a *Acks) { a.advance(one, 5); a.Confirmed(10) }, []release{{10, ErrNoSlave}}},
		{"two connections of one slave are one", 2, func(a *Acks) { a.advance(one, 10); a.advance(twin, 10); a.Confirmed(10) }, []release{{10, ErrNoSlave}}},
		{"a slave ahead of what is confirmed", 1, func(a *Acks) { a.advance(one, 5); a.Confirmed(10); a.advance(one, 99) }, []release{{10, nil}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, released := newTestAcks(AcksOptions{Needed: tt.needed, FallBehind: 1000})
			tt.do(a)
			got := slices.DeleteFunc(released(), func(r release) bool { return r.end <= 5 && r.err == nil && tt.needed == 1 })
			if tt.needed == 2 {
				got = slices.CompactFunc(got, func(a, b release) bool { return a == b })
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("released %+v, want %+v", got, tt.want)
			}
		})
	}
}

// TestGivingUp lets all go who wait, and those who come later at once, but for what a slave has.
func TestGivingUp(t *testing.T) {
	a, released := newTestAcks(AcksOptions{})
	slave := slaveAt("10.0.0.1")
	a.advance(slave, 5)
	a.Confirmed(10)
	a.leave(slave) // which may come back within slaveTimeout
	if got := released(); len(got) != 0 {
		t.Errorf("released %+v before", got)
	}
	a.GiveUp()
	a.Confirmed(11)
	a.advance(slave, 12)
	a.Confirmed(12)
	if got, want := released(), []release{{10, ErrSlaveTimeout}, {11, ErrSlaveTimeout}, {12, nil}}; !slices.Equal(got, want) {
		t.Errorf("released %+v, want %+v", got, want)
	}
}

// TestSendersWaitNoLongerThanTheirTime: in the order of the log, each until its
// own time is over; and nobody is left when the master stops.
func TestSendersWaitNoLongerThanTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, released := newTestAcks(AcksOptions{Timeout: 3 * time.Second})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { _ = a.Run(ctx); close(ended) }()
		a.advance(slaveAt("10.0.0.1"), 0)
		for i := range int64(4) {
			a.Confirmed(10 + i)
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if got := released(); len(got) != 2 || got[0].end != 10 || got[1].end != 11 || !errors.Is(got[1].err, ErrSlaveTimeout) {
			t.Errorf("after 4 s: released %+v; want the first two, each after 3 s", got)
		}
		cancel()
		<-ended
		if got := released(); len(got) != 1 || got[0].end != 13 || !errors.Is(got[0].err, ErrSlaveTimeout) {
			t.Errorf("at the end: released %+v, want all", got)
		}
	})
}
