package replica

import (
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// Metered says what a slave is sent over a link whose traffic costs money. One that
// follows is sent everything at once, as over any other; one that has fallen behind
// waits for a link that costs nothing, or is sent little at a time, for a while.
type Metered struct {
	// Via names the link that packets from local to remote leave by, and says whether it is
	// metered. nil: no link is. It may ask the kernel; it is called now and then.
	Via func(local, remote netip.Addr) (link string, metered bool)

	Rate  int64         // bytes per second to one that is behind; 0: it waits
	Lag   int64         // bytes that a slave may lack and still follows; 0 means 16 MiB
	Delay time.Duration // from when it fell behind; after that it is sent all at once; 0 means 24 h
}

func (o *Metered) setDefaults() {
	if o.Lag == 0 {
		o.Lag = 16 << 20
	}
	if o.Delay == 0 {
		o.Delay = 24 * time.Hour
	}
}

// viaTime is how long it is believed by which link a slave is reached.
const viaTime = 10 * time.Second

// firstRate bounds in bytes per second what a slave that will wait is sent before it has
// acknowledged any: it compares that with what it has, and would take a master that sends
// heartbeats instead for one whose log is shorter than its own.
const firstRate = 128 << 10

// Terms are how fast a slave is sent what it lacks.
type terms struct {
	rate int64  // bytes per second; 0: no limit
	wait bool   // nothing is sent but heartbeats
	why  string // "" if the link is not the reason
}

// A route is how one connection's slave is reached, as far as that matters. It is the
// sender's own.
type route struct {
	m             *Master
	local, remote netip.Addr

	asked   time.Time
	link    string
	metered bool
}

// look finds out by which link the slave is reached, unless that was not long ago, and
// whether anything has changed.
func (r *route) look(now time.Time) (changed bool) {
	via := r.m.opts.Metered.Via
	if via == nil || !r.asked.IsZero() && now.Sub(r.asked) < viaTime && r.asked.After(r.m.lags.relookAt()) {
		return false
	}
	r.asked = now
	link, metered := via(r.local, r.remote)
	changed = link != r.link || metered != r.metered
	r.link, r.metered = link, metered
	return changed
}

// terms says how a slave that lacks so many bytes is sent them at now. agreed: it has acknowledged
// some of what this connection has carried.
func (r *route) terms(now time.Time, lacks int64, agreed bool) terms {
	o := &r.m.opts.Metered
	if o.Via == nil {
		return terms{}
	}
	since := r.m.lags.note(r.remote, now, lacks, o.Lag)
	left := o.Delay - now.Sub(since)
	switch {
	case since.IsZero() || !r.metered || left <= 0:
		return terms{}
	case !agreed:
		return terms{rate: firstRate, why: r.because("is about to wait", left)}
	case o.Rate > 0:
		return terms{rate: o.Rate, why: r.because(fmt.Sprintf("catches up with %d bytes/s", o.Rate), left)}
	}
	return terms{wait: true, why: r.because("waits", left)}
}

func (r *route) because(does string, left time.Duration) string {
	if left > time.Minute {
		left = left.Round(time.Minute)
	}
	return fmt.Sprintf("%s: %s is metered, for %v at most", does, r.link, left.Round(time.Second))
}

// A lags remembers since when slaves are behind: over connections, since a metered one
// breaks often.
type lags struct {
	mu     sync.Mutex
	since  map[netip.Addr]time.Time
	relook time.Time // links have changed then
}

// note says since when the slave at addr is behind, the zero time if it follows: it fell
// behind with more than most bytes to get, and follows again with none.
func (l *lags) note(addr netip.Addr, now time.Time, lacks, most int64) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	since, behind := l.since[addr]
	switch {
	case lacks <= 0:
		delete(l.since, addr)
		return time.Time{}
	case behind || lacks <= most:
		return since
	}
	if l.since == nil {
		l.since = map[netip.Addr]time.Time{}
	}
	if len(l.since) >= mostKin { // strangers, or slaves long gone
		clear(l.since)
	}
	l.since[addr] = now
	return now
}

func (l *lags) relookAt() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.relook
}

// LinksChanged has Via asked again for every slave: the way to one may be another. It does not
// block.
func (m *Master) LinksChanged() {
	m.lags.mu.Lock()
	m.lags.relook = time.Now()
	m.lags.mu.Unlock()
	m.Grown()
}

// Traffic is how many bytes of log have gone over each link that Via has named, since the
// Master was made.
func (m *Master) Traffic() map[string]int64 { return m.traffic.all() }

// A traffic counts bytes by link. The zero value has counted none.
type traffic struct {
	mu   sync.Mutex
	sums map[string]int64
}

func (t *traffic) add(link string, n int) {
	if link == "" || n == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sums == nil {
		t.sums = map[string]int64{}
	}
	t.sums[link] += int64(n)
}

func (t *traffic) all() map[string]int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	sums := make(map[string]int64, len(t.sums))
	for link, n := range t.sums {
		sums[link] = n
	}
	return sums
}
