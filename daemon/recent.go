package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"pairmq/internal/meter"
)

// recentPeriod is after how long a recentTimes begins anew: it tells of one to two
// of them.
const recentPeriod = 5 * time.Minute

// recentTimes is how long sends, syncs of the log and waits for slaves took in the
// last five to ten minutes, or since the start.
type recentTimes struct {
	of [3]*meter.Histogram // nil: there is none

	mu           sync.Mutex // guards the rest
	older, newer [3]meter.Counts
}

func newRecentTimes(send, sync, replicate *meter.Histogram) *recentTimes {
	return &recentTimes{of: [3]*meter.Histogram{send, sync, replicate}}
}

// run forgets what is old, until ctx ends.
func (r *recentTimes) run(ctx context.Context) error {
	tick := time.NewTicker(recentPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			r.turn()
		}
	}
}

func (r *recentTimes) turn() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.older = r.newer
	for i, h := range r.of {
		if h != nil {
			r.newer[i] = h.Counts()
		}
	}
}

// String is what took how long, for people: the middle one of each, and the slowest of
// a hundred; "" if nothing happened.
func (r *recentTimes) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for i, name := range [...]string{"send", "fsync", "replicate"} {
		if r.of[i] == nil {
			continue
		}
		now := r.of[i].Counts()
		if c := now.Since(&r.older[i]); c.Total() > 0 {
			all = append(all, fmt.Sprintf("%s %s/%s ms", name, millis(c.Quantile(0.5)), millis(c.Quantile(0.99))))
		}
	}
	return strings.Join(all, ", ")
}

// millis is d in milliseconds, with as many digits as matter.
func millis(d time.Duration) string {
	ms := d.Seconds() * 1000
	switch {
	case ms < 1:
		return fmt.Sprintf("%.2f", ms)
	case ms < 10:
		return fmt.Sprintf("%.1f", ms)
	}
	return fmt.Sprintf("%.0f", ms)
}
