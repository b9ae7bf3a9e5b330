//go:build !race

package broker

import (
	"testing"

	"pairmq/internal/remoting"
	"pairmq/store"
)

// TestAllocations holds the paths of every message to few allocations. The race
// detector empties pools, so that it would count more.
func TestAllocations(t *testing.T) {
	tests := []struct {
		frame string
		most  float64
	}{
		{"v4-send-v2-request", 2},    // the stored properties; the texts of the answer
		{"v4-send-batch-request", 8}, // of three messages: the properties, sent and stored; their array; the texts
		{"v5-lite-pull-request", 1},  // the texts of the answer
	}
	for _, test := range tests {
		served(t, golden(t, test.frame), func(b *Broker, st *quickStore, req *remoting.Request) {
			st.result = store.Result{Status: store.Found, NextBeginOffset: 1 << 20, MinOffset: 1 << 10, MaxOffset: 1 << 21, Count: 1, Body: record1K()}
			if got := testing.AllocsPerRun(1000, func() { b.Serve(req) }); got > test.most {
				t.Errorf("%s: %v allocations, want at most %v", test.frame, got, test.most)
			}
		})
	}
}
