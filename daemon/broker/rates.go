package broker

import (
	"strconv"
	"sync"
	"time"

	"pairmq/store"
)

// counters are what only grows.
type counters struct {
	store.Stats
	timersRead, timersDone int64 // messages with a time of their own
}

func (b *Broker) counters() counters {
	c := counters{Stats: b.store.Stats()}
	if b.timers != nil {
		t := b.timers.Status()
		c.timersRead, c.timersDone = t.Read, t.Done
	}
	return c
}

// A sample is the counters at a time.
type sample struct {
	at    time.Time
	stats counters
}

// rates keeps the counters of the last ten minutes, and of the last two
// midnights, by this machine's clock.
type rates struct {
	mu        sync.Mutex // guards the rest
	ring      [60]sample // one each upkeepPeriod
	count     int        // samples taken; the newest is ring[(count-1)%60]
	day       string
	morning   counters // today's midnight
	yesterday counters // the one before
}

func newRates(now time.Time, s counters) *rates {
	r := &rates{day: now.Format(time.DateOnly), morning: s, yesterday: s}
	r.ring[0], r.count = sample{now, s}, 1
	return r
}

func (r *rates) sample(now time.Time, s counters) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ring[r.count%len(r.ring)] = sample{now, s}
	r.count++
	if day := now.Format(time.DateOnly); day != r.day {
		r.day, r.yesterday, r.morning = day, r.morning, s
	}
}

// averages returns what count has grown by per second over about 10 s, a minute
// and ten minutes before now, where it is last; three numbers parted by blanks.
func (r *rates) averages(now time.Time, last int64, count func(*counters) int64) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var text []byte
	for _, periods := range [...]int{1, 6, len(r.ring)} {
		if text != nil {
			text = append(text, ' ')
		}
		text = strconv.AppendFloat(text, r.rate(now, periods, last, count), 'f', 1, 64)
	}
	return string(text)
}

// recent is the first of averages alone.
func (r *rates) recent(now time.Time, last int64, count func(*counters) int64) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strconv.FormatFloat(r.rate(now, 1, last, count), 'f', 1, 64)
}

// rate is what count has grown by per second in so many periods; mu is held.
func (r *rates) rate(now time.Time, periods int, last int64, count func(*counters) int64) float64 {
	from := &r.ring[max(r.count-min(periods, len(r.ring)), 0)%len(r.ring)]
	d := now.Sub(from.at).Seconds()
	if d <= 0 {
		return 0
	}
	return float64(last-count(&from.stats)) / d
}

// midnights returns the counters at today's midnight and at the one before; at
// the start, if that was later.
func (r *rates) midnights() (today, yesterday counters) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.morning, r.yesterday
}
