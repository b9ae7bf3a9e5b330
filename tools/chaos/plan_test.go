package main

import (
	"slices"
	"testing"
)

// TestASeedIsAPlan: the same seed does the same things, another one others, and
// everything that can be done is done before anything is done again.
func TestASeedIsAPlan(t *testing.T) {
	deal := func(seed uint64) (all []step) {
		p := newPlanner(seed)
		for range 3 * len(kinds()) {
			all = append(all, p.next())
		}
		return all
	}
	first := deal(7)
	if again := deal(7); !slices.Equal(first, again) {
		t.Errorf("seed 7 gave %v, then %v", first, again)
	}
	if other := deal(8); slices.Equal(first, other) {
		t.Error("seeds 7 and 8 give the same plan")
	}
	for round := range slices.Chunk(first, len(kinds())) {
		var did []string
		for _, s := range round {
			did = append(did, s.kind)
		}
		slices.Sort(did)
		if !slices.Equal(did, sortedKinds()) {
			t.Errorf("one round is %v, want all of %v", did, sortedKinds())
		}
	}
}
