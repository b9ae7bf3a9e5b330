package main

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pairmq/tools/lab/order"
)

func TestAPlanFollowsFromItsSeed(t *testing.T) {
	if a, b := planCuts(7, 50), planCuts(7, 50); !slices.Equal(a, b) {
		t.Error("two plans of one seed differ")
	}
	if a, b := planCuts(7, 50), planCuts(8, 50); slices.Equal(a, b) {
		t.Error("plans of two seeds are one")
	}
	if a, b := planCuts(7, 10), planCuts(7, 50); !slices.Equal(a, b[:10]) {
		t.Error("a longer plan begins otherwise")
	}
	kinds := map[moment]int{}
	for seed := range uint64(40) {
		for i, c := range planCuts(seed, 12) {
			kinds[c.when]++
			if i == 0 && c.when != underLoad {
				t.Errorf("seed %d begins with a cut while nothing is there", seed)
			}
			if c.after < 0 || c.after > 3*time.Second {
				t.Errorf("seed %d: a cut after %v", seed, c.after)
			}
		}
	}
	if kinds[underLoad] < 200 || kinds[booting] < 50 {
		t.Errorf("of 480 cuts %v", kinds)
	}
}

func TestSharesAreLives(t *testing.T) {
	for _, tt := range []struct {
		cuts int
		want []int
	}{{0, nil}, {5, []int{5}}, {12, []int{12}}, {25, []int{12, 12, 1}}} {
		if got := shares(tt.cuts, 12); !slices.Equal(got, tt.want) {
			t.Errorf("shares(%d) = %v, want %v", tt.cuts, got, tt.want)
		}
	}
}

func TestPointsKeepToMarksAndBarriers(t *testing.T) {
	entries := []order.Entry{{Bytes: 512}, {Flush: true}, {Bytes: 512}, {FUA: true, Bytes: 512}}
	const made = 4 // before the load
	for i := range 40 {
		entries = append(entries, order.Entry{Mark: "learned-" + string(rune('1'+i/10))}, order.Entry{Bytes: 4096}, order.Entry{Bytes: 4096},
			order.Entry{Flush: i%2 == 0, FUA: i%2 == 1})
	}
	entries = append(entries, order.Entry{Mark: "dm-log-writes-end"})
	points, barriers := choosePoints(entries, 10, rand.New(rand.NewPCG(1, 1)))
	if len(points) != 10 || barriers != 42 {
		t.Fatalf("%d points of %d barriers, want 10 of 42", len(points), barriers)
	}
	last, loose, early := 0, 0, 0
	for _, p := range points {
		if p.upto <= last || !entries[p.upto-1].Barrier() {
			t.Errorf("point at %d behind one at %d, entry %+v", p.upto, last, entries[p.upto-1])
		}
		last = p.upto
		if p.upto <= made {
			early++
		}
		if want := 1 + (p.upto-made-1)/4/10; p.upto > made && p.learned != want || p.upto <= made && p.learned != 0 {
			t.Errorf("at %d %d things were learned, want %d", p.upto, p.learned, want)
		}
		if p.end > p.upto {
			loose++
			if i := slices.IndexFunc(entries[p.upto:p.end], order.Entry.Barrier); i >= 0 || !entries[p.end].Barrier() {
				t.Errorf("behind %d the writes up to %d are not those before the next barrier", p.upto, p.end)
			}
		}
	}
	if early != 2 {
		t.Errorf("%d of 10 points are before the load, want 2", early)
	}
	if loose < 4 {
		t.Errorf("%d of 10 points have writes behind them that may be there", loose)
	}
	if points, _ := choosePoints(entries[made:made+8], 10, rand.New(rand.NewPCG(1, 1))); len(points) != 2 {
		t.Errorf("%d points of two barriers", len(points))
	}
	if points, _ := choosePoints(nil, 10, rand.New(rand.NewPCG(1, 1))); len(points) != 0 {
		t.Errorf("%d points of an empty log", len(points))
	}
}
