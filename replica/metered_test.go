package replica

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A fakeLink is the way to a slave: by wwan0, which is metered, or by eth0.
type fakeLink struct {
	mu    sync.Mutex
	cheap bool
	asked int
}

func (f *fakeLink) via(netip.Addr, netip.Addr) (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	if f.cheap {
		return "eth0", false
	}
	return "wwan0", true
}

func (f *fakeLink) set(cheap bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cheap = cheap
}

// overMetered lets p's master reach its slaves by link.
func (p *pair) overMetered(link *fakeLink, rate int64) {
	o := Metered{Via: link.via, Rate: rate, Lag: 20 * testRecord, Delay: time.Hour}
	o.setDefaults()
	p.master.opts.Metered = o
}

// TestASlaveThatIsBehindWaitsForACheapLink: it stays connected, senders are not kept
// waiting for it, its own log is left alone, and it gets all when there is one.
func TestASlaveThatIsBehindWaitsForACheapLink(t *testing.T) {
	for _, tt := range []struct {
		name string
		has  int // records that the slave has
	}{{"with nothing", 0}, {"with a part", 300}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, logOf(9000, 1))
				defer p.end()
				link := &fakeLink{}
				p.overMetered(link, 0)
				began := time.Now()
				p.follow(&memLog{data: bytes.Clone(p.log.bytes()[:tt.has*testRecord])})
				time.Sleep(10 * time.Second)
				has := len(p.copy.bytes())
				if all := len(p.log.bytes()); has >= all/2 {
					t.Fatalf("the slave was sent %d of %d bytes", has, all)
				}
				time.Sleep(30 * time.Minute)
				if now := len(p.copy.bytes()); now != has || now < tt.has*testRecord {
					t.Errorf("the slave has %d bytes, half an hour ago %d", now, has)
				}
				all := p.master.Slaves()
				if len(all) != 1 || !all[0].Since.Before(began.Add(time.Second)) || all[0].Link != "wwan0" || all[0].Held != "waits: wwan0 is metered, for 30m0s at most" {
					t.Fatalf("slaves: %+v", all)
				}
				p.answers()
				sent := time.Now()
				p.store(1, 9)
				if a := p.answers(); len(a) != 1 || a[0].err != ErrNoSlave || time.Since(sent) > 0 {
					t.Errorf("a sender meanwhile: %v after %v; want ErrNoSlave at once", a, time.Since(sent))
				}
				link.set(true)
				p.master.LinksChanged()
				p.same()
				p.answers()
				p.store(1, 10)
				time.Sleep(time.Second)
				if a := p.answers(); len(a) != 1 || a[0].err != nil {
					t.Errorf("a sender afterwards: %v", a)
				}
				if s := p.master.Slaves(); s[0].Held != "" || s[0].Link != "eth0" {
					t.Errorf("afterwards: %+v", s)
				}
				sums := p.master.Traffic()
				if int(sums["wwan0"]+sums["eth0"]) < len(p.log.bytes())-tt.has*testRecord || int(sums["wwan0"]) < has-tt.has*testRecord {
					t.Errorf("bytes by link: %v; the log has %d", sums, len(p.log.bytes()))
				}
			})
		})
	}
}

// TestASlaveThatFollowsIsNotHeld, whatever the link costs.
func TestASlaveThatFollowsIsNotHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, logOf(10, 1))
		defer p.end()
		p.overMetered(&fakeLink{}, 0)
		p.follow(&memLog{})
		p.same()
		for i := range 200 {
			p.store(15, byte(i))
			time.Sleep(100 * time.Millisecond)
			if s := p.master.Slaves(); s[0].Held != "" {
				t.Fatalf("after %d times: %+v", i, s)
			}
		}
		p.same()
		for i, a := range p.answers() {
			if a.err != nil && i > 0 { // the first came before the slave
				t.Errorf("answer %d: %v", i, a)
			}
		}
	})
}

// TestASlaveThatWaitsForTooLong gets all over the link that there is, also where
// its connection breaks meanwhile: what it waited before counts.
func TestASlaveThatWaitsForTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, logOf(9000, 1))
		defer p.end()
		p.overMetered(&fakeLink{}, 0)
		p.follow(&memLog{})
		for range 5 {
			time.Sleep(10 * time.Minute)
			if len(p.copy.bytes()) == len(p.log.bytes()) {
				t.Fatal("it was not held")
			}
			for _, c := range p.conns() {
				c.close(errors.New("the link is down"))
			}
		}
		time.Sleep(10*time.Minute + 10*time.Second)
		p.same()
	})
}

// TestASlaveThatCatchesUpSlowly: with a rate it is sent little at a time, and with another link all.
func TestASlaveThatCatchesUpSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, logOf(9000, 1))
		defer p.end()
		link := &fakeLink{}
		p.overMetered(link, 2*testRecord)
		p.follow(&memLog{})
		time.Sleep(10 * time.Second)
		before := len(p.copy.bytes())
		time.Sleep(100 * time.Second)
		got := len(p.copy.bytes()) - before
		if got < 150*testRecord || got > 250*testRecord {
			t.Errorf("%d bytes in 100 s, want about %d", got, 200*testRecord)
		}
		if s := p.master.Slaves(); !strings.Contains(s[0].Held, "catches up with") {
			t.Errorf("slaves: %+v", s)
		}
		link.set(true)
		time.Sleep(10 * time.Second) // it is asked again by then, or when the pause is over
		p.same()
	})
}

// TestAskedNowAndThen: the kernel is not asked for each transfer.
func TestAskedNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, logOf(10, 1))
		defer p.end()
		link := &fakeLink{}
		p.overMetered(link, 0)
		p.follow(&memLog{})
		for i := range 1000 {
			p.store(1, byte(i))
			time.Sleep(100 * time.Millisecond)
		}
		p.same()
		if link.asked < 9 || link.asked > 12 {
			t.Errorf("asked %d times in 100 s", link.asked)
		}
	})
}

// TestStrangersAreForgotten: what is remembered of those that are behind has a bound.
func TestStrangersAreForgotten(t *testing.T) {
	var l lags
	now := time.Now()
	addr := netip.MustParseAddr("10.0.0.1")
	for range 1000 {
		l.note(addr, now, 100, 10)
		addr = addr.Next()
	}
	if len(l.since) > mostKin {
		t.Errorf("%d are remembered", len(l.since))
	}
	if since := l.note(addr, now, 100, 10); !since.Equal(now) {
		t.Errorf("behind since %v", since)
	}
	if since := l.note(addr, now.Add(time.Hour), 5, 10); !since.Equal(now) {
		t.Errorf("nearly level: behind since %v, want %v", since, now)
	}
	if since := l.note(addr, now, 0, 10); !since.IsZero() {
		t.Errorf("level: behind since %v", since)
	}
	if since := l.note(addr, now, 10, 10); !since.IsZero() {
		t.Errorf("it follows: behind since %v", since)
	}
}
