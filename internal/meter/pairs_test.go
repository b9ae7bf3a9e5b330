package meter

import (
	"maps"
	"sync"
	"testing"
)

func counted(p *Pairs) map[[2]int32]uint64 {
	all := map[[2]int32]uint64{}
	for c := range p.All() {
		all[[2]int32{c.A, c.B}] += c.N
	}
	return all
}

func TestPairsAreCounted(t *testing.T) {
	var p Pairs
	for _, c := range [][2]int32{{310, 0}, {310, 0}, {0, 0}, {310, 2}, {-1, 5}, {5, -1}} {
		p.Add(c[0], c[1])
	}
	want := map[[2]int32]uint64{{310, 0}: 2, {0, 0}: 1, {310, 2}: 1, {-1, 5}: 1, {5, -1}: 1}
	if got := counted(&p); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestPairsBeyondTheLimitAreCountedTogether(t *testing.T) {
	var p Pairs
	for i := range int32(300) {
		p.Add(i, 1)
	}
	p.Add(-1, -1) // the one that has no key
	if n := len(counted(&p)); n != pairSlots || p.Rest() != 300-pairSlots+1 {
		t.Errorf("%d by themselves and %d together, want %d and %d", n, p.Rest(), pairSlots, 300-pairSlots+1)
	}
	p.Add(3, 1)
	if n := counted(&p)[[2]int32{3, 1}]; n != 2 {
		t.Errorf("a pair that has its place was counted %d times, want 2", n)
	}
}

func TestManyCountPairsAtOnce(t *testing.T) {
	var p Pairs
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range int32(1000) {
				p.Add(i%100, 0)
			}
		})
	}
	wg.Wait()
	all := counted(&p)
	if len(all) != 100 || all[[2]int32{7, 0}] != 40 {
		t.Errorf("%d pairs, one of them counted %d times; want 100 and 40", len(all), all[[2]int32{7, 0}])
	}
}
