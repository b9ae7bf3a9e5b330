package loadgen

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestHistogramQuantile(t *testing.T) {
	tests := []struct {
		name string
		in   []time.Duration
		q    float64
		want time.Duration
	}{
		{"empty", nil, 0.5, 0},
		{"one", []time.Duration{7}, 0.999, 7},
		{"negative counts as none", []time.Duration{-5}, 0.5, 0},
		{"small ones are exact", []time.Duration{1, 2, 3, 4}, 0.5, 2},
		{"the last", []time.Duration{1, 2, 3, 4}, 1, 4},
		{"one slow in a hundred is beyond p99", append(slices.Repeat([]time.Duration{10}, 99), time.Second), 0.99, 10},
		{"and is p99.9", append(slices.Repeat([]time.Duration{10}, 99), time.Second), 0.999, time.Second},
		{"end of its bucket", []time.Duration{128, 1000}, 0.5, 129},
		{"never beyond the maximum", []time.Duration{1_000_000}, 0.5, 1_000_000},
		{"the longest there is", []time.Duration{math.MaxInt64}, 0.5, math.MaxInt64},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var h Histogram
			for _, d := range tt.in {
				h.Record(d, 1)
			}
			if got := h.Quantile(tt.q); got != tt.want {
				t.Errorf("Quantile(%v) of %v = %d, want %d", tt.q, tt.in, got, tt.want)
			}
		})
	}
}

func TestHistogramMerge(t *testing.T) {
	var a, b Histogram
	a.Record(3, 2)
	b.Record(50, 1)
	a.Merge(&b)
	if a.Count() != 3 || a.Max() != 50 || a.Quantile(0.5) != 3 || a.Quantile(1) != 50 {
		t.Errorf("merged: count %d, max %d, median %d, last %d; want 3, 50, 3, 50", a.Count(), a.Max(), a.Quantile(0.5), a.Quantile(1))
	}
}

// Every duration falls into the bucket whose end is the first that reaches it,
// and no more than 1/64 above.
func FuzzHistogramBucket(f *testing.F) {
	for _, v := range []int64{0, 63, 64, 127, 128, 1 << 40, math.MaxInt64} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v int64) {
		if v < 0 {
			return
		}
		i := bucket(uint64(v))
		end := int64(bucketEnd(i))
		if end < v || end-v > v/subBuckets || (i > 0 && int64(bucketEnd(i-1)) >= v) {
			t.Errorf("%d is in bucket %d, which is from %d to %d", v, i, bucketEnd(max(i-1, 0))+1, end)
		}
	})
}

func BenchmarkHistogramRecord(b *testing.B) {
	var h Histogram
	for i := range b.N {
		h.Record(time.Duration(i)*977, 1)
	}
}
