package broker

import (
	"strconv"
	"sync"
	"time"

	"pairmq/daemon/broker/timer"
	"pairmq/store"
)

// A sample is the store's counters, and those of messages with a time of their own, at a time.
type sample struct {
	at     time.Time
	stats  store.Stats
	timers timer.Status
}

// rates keeps the store's counters of the last ten minutes, and of the last two
// midnights, by this machine's clock.
type rates struct {
	mu        sync.Mutex // guards the rest
	ring      [60]sample // one each upkeepPeriod
	count     int        // samples taken; the newest is ring[(count-1)%60]
	day       string
	morning   store.Stats // today's midnight
	yesterday store.Stats // the one before
}

func newRates(now time.Time, s store.Stats) *rates {
	r := &rates{day: now.Format(time.DateOnly), morning: s, yesterday: s}
	r.ring[0], r.count = sample{at: now, stats: s}, 1
	return r
}

func (r *rates) sample(now time.Time, s store.Stats, t timer.Status) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ring[r.count%len(r.ring)] = sample{now, s, t}
	r.count++
	if day := now.Format(time.DateOnly); day != r.day {
		r.day, r.yesterday, r.morning = day, r.morning, s
	}
}

// averages returns what count has grown by per second over about 10 s, a minute
// and ten minutes before now, where it is last; three numbers parted by blanks.
func (r *rates) averages(now time.Time, last int64, count func(*store.Stats) int64) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var text []byte
	for _, periods := range [...]int{1, 6, len(r.ring)} {
		from := &r.ring[max(r.count-min(periods, len(r.ring)), 0)%len(r.ring)]
		rate := 0.0
		if d := now.Sub(from.at).Seconds(); d > 0 {
			rate = float64(last-count(&from.stats)) / d
		}
		if text != nil {
			text = append(text, ' ')
		}
		text = strconv.AppendFloat(text, rate, 'f', 1, 64)
	}
	return string(text)
}

// timed is how many messages with a time of their own were looked at and are done, when the last sample was taken.
func (r *rates) timed() (at time.Time, read, done int64) {
	r.mu.Lock()
	s := &r.ring[(r.count-1)%len(r.ring)]
	at, read, done = s.at, s.timers.Read, s.timers.Done
	r.mu.Unlock()
	return at, read, done
}

// midnights returns the counters at today's midnight and at the one before; at
// the start, if that was later.
func (r *rates) midnights() (today, yesterday store.Stats) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.morning, r.yesterday
}
