package meter

import (
	"slices"
	"sync"
	"testing"
	"time"
)

func TestBoundsAreOneTwoFive(t *testing.T) {
	b := Bounds()
	if b[0] != 10*time.Microsecond || b[1] != 20*time.Microsecond || b[2] != 50*time.Microsecond || b[3] != 100*time.Microsecond || b[len(b)-1] != 10*time.Second {
		t.Errorf("the bounds are %v", b)
	}
	if !slices.IsSorted(b[:]) {
		t.Errorf("the bounds do not ascend: %v", b)
	}
}

// TestEachDurationIsInItsBucket holds bucket to Bounds, at each of them and on both
// sides of it.
func TestEachDurationIsInItsBucket(t *testing.T) {
	bounds := Bounds()
	want := func(d time.Duration) int {
		i, _ := slices.BinarySearch(bounds[:], d)
		return i
	}
	for _, b := range bounds {
		for _, d := range []time.Duration{b - 1, b, b + 1} {
			if got := bucket(d); got != want(d) {
				t.Errorf("bucket(%v) = %d, want %d", d, got, want(d))
			}
		}
	}
	for _, d := range []time.Duration{0, 1, 11 * time.Second, 20 * time.Second, 100 * time.Hour, 1<<63 - 1} {
		if got := bucket(d); got != want(d) {
			t.Errorf("bucket(%v) = %d, want %d", d, got, want(d))
		}
	}
}

func TestQuantile(t *testing.T) {
	tests := []struct {
		name     string
		observed []time.Duration
		q        float64
		want     time.Duration
	}{
		{"nothing", nil, 0.99, 0},
		{"one", []time.Duration{15 * time.Microsecond}, 1, 20 * time.Microsecond},
		{"half of a bucket", []time.Duration{3 * time.Millisecond, 4 * time.Millisecond}, 0.5, 3500 * time.Microsecond},
		{"the slowest of three", []time.Duration{time.Microsecond, time.Microsecond, time.Second}, 0.99, 985 * time.Millisecond},
		{"too long for all", []time.Duration{time.Minute}, 0.5, 10 * time.Second},
		{"less than nothing", []time.Duration{-time.Second}, 1, 10 * time.Microsecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var h Histogram
			for _, d := range tt.observed {
				h.Observe(d)
			}
			c := h.Counts()
			if got := c.Quantile(tt.q); (got - tt.want).Abs() > time.Millisecond/1000 {
				t.Errorf("Quantile(%v) = %v, want %v", tt.q, got, tt.want)
			}
		})
	}
}

func TestSinceIsWhatCameLater(t *testing.T) {
	var h Histogram
	h.Observe(time.Millisecond)
	before := h.Counts()
	h.Observe(time.Second)
	after := h.Counts()
	d := after.Since(&before)
	if d.Total() != 1 || d.Sum != time.Second || d.Quantile(1) != time.Second {
		t.Errorf("%d with a sum of %v, the longest %v; want the second alone", d.Total(), d.Sum, d.Quantile(1))
	}
}

func TestManyObserveAtOnce(t *testing.T) {
	var h Histogram
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 1000 {
				h.Observe(time.Duration(i) * time.Microsecond)
			}
		})
	}
	wg.Wait()
	if c := h.Counts(); c.Total() != 4000 || c.Sum != 4*499_500*time.Microsecond || h.Max() != 999*time.Microsecond {
		t.Errorf("%d with a sum of %v, the longest %v", c.Total(), c.Sum, h.Max())
	}
}

func TestCountingAllocatesNothing(t *testing.T) {
	var h Histogram
	var p Pairs
	n := testing.AllocsPerRun(100, func() {
		h.Observe(3 * time.Millisecond)
		p.Add(310, 0)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	var h Histogram
	for b.Loop() {
		h.Observe(3 * time.Millisecond)
	}
}

func BenchmarkPairs(b *testing.B) {
	var p Pairs
	for b.Loop() {
		p.Add(310, 0)
	}
}
