package store

import (
	"errors"
	"testing"
)

// TestTopicsWithoutQuotaCostNothing: no memory, and no lock either, for one is held
// here meanwhile.
func TestTopicsWithoutQuotaCostNothing(t *testing.T) {
	q := quotas{byTopic: map[string]*holding{}, segment: 1 << 20, limit: func(topic string) int64 {
		if topic == "Bounded" {
			return 1000
		}
		return 0
	}}
	var none quotas // no topic has one
	q.mu.Lock()
	none.mu.Lock()
	if n := testing.AllocsPerRun(1000, func() {
		for _, q := range []*quotas{&q, &none} {
			h, err := q.reserve("Free", 1<<40)
			if h != nil || err != nil {
				t.Fatalf("reserve = %v, %v", h, err)
			}
			q.place(h, 0, 1<<40)
			q.giveBack(h, 1<<40)
		}
	}); n != 0 {
		t.Errorf("a send to a topic without a quota allocates %v times more", n)
	}
	q.mu.Unlock()
	if len(q.byTopic) != 0 {
		t.Errorf("%d topics without a quota are counted", len(q.byTopic))
	}
	if h, err := q.reserve("Bounded", 1000); h == nil || err != nil {
		t.Errorf("all of a quota: %v, %v", h, err)
	} else if q.giveBack(h, 1); h.bytes != 999 {
		t.Errorf("one byte given back leaves %d", h.bytes)
	}
	if _, err := q.reserve("Bounded", 1001); !errors.Is(err, ErrTooLarge) {
		t.Errorf("more than the quota at once: %v, want ErrTooLarge", err)
	}
}
