package link

import (
	"testing"
	"time"
)

// TestChangesSettle: when a call is made for which changes.
func TestChangesSettle(t *testing.T) {
	const ms = time.Millisecond
	type change struct {
		at   time.Duration
		what news
	}
	every := func(gap, until time.Duration, what news) (all []change) {
		for at := time.Duration(0); at < until; at += gap {
			all = append(all, change{at, what})
		}
		return all
	}
	tests := []struct {
		name    string
		changes []change
		calls   []time.Duration
	}{
		{"a cable that bounces is one call", []change{{0, came}, {50 * ms, lost}, {100 * ms, came}}, []time.Duration{300 * ms}},
		{"what is lost and back at once is not waited for", []change{{0, lost}, {400 * ms, came}}, []time.Duration{600 * ms}},
		{"what is lost for good", []change{{0, lost}, {900 * ms, lost}}, []time.Duration{1000 * ms}},
		{"nothing is no change", []change{{0, nothing}}, nil},
		{"changes without end are told all the same", every(100*ms, 5*time.Second, came), []time.Duration{2000 * ms, 4000 * ms, 5100 * ms}},
		{"one other way is told at once", []change{{0, rerouted}}, []time.Duration{200 * ms}},
		{"many other ways now and then", every(50*ms, 12*time.Second, rerouted), []time.Duration{200 * ms, 5200 * ms, 10200 * ms, 15200 * ms}},
		{"another way soon after a link has gone", []change{{0, lost}, {1500 * ms, rerouted}}, []time.Duration{1000 * ms, 1700 * ms}},
		{"a link that comes up meanwhile does not wait for them", []change{{0, rerouted}, {300 * ms, rerouted}, {1000 * ms, came}}, []time.Duration{200 * ms, 1200 * ms}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			var s settler
			var calls []time.Duration
			for at := time.Duration(0); at < 20*time.Second; at += 10 * ms {
				now := begin.Add(at)
				if !s.due.IsZero() && !now.Before(s.due) {
					calls = append(calls, at)
					s.tell(now)
				}
				for _, c := range tt.changes {
					if c.at == at {
						s.note(now, c.what)
					}
				}
			}
			if len(calls) != len(tt.calls) {
				t.Fatalf("told at %v, want %v", calls, tt.calls)
			}
			for i := range calls {
				if calls[i] != tt.calls[i] {
					t.Errorf("told at %v, want %v", calls, tt.calls)
				}
			}
		})
	}
}
