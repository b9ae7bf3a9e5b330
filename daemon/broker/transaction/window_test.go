package transaction

import (
	"math/rand/v2"
	"testing"
)

// TestWindow holds it against a map.
func TestWindow(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 3))
		from := rng.Int64N(200)
		w, done := newWindow(from), map[int64]bool{}
		for range 2000 {
			i := rng.Int64N(1000)
			w.set(i)
			done[i] = true
			if rng.IntN(50) == 0 {
				w.forget()
			}
			has := func(i int64) bool { return i < from || done[i] }
			i = rng.Int64N(1100)
			next := i
			for has(next) {
				next++
			}
			if w.has(i) != has(i) || i >= w.base && w.next(i) != next {
				t.Fatalf("seed %d: %d is done: %v, want %v; next %d, want %d", seed, i, w.has(i), has(i), w.next(i), next)
			}
		}
	}
}

// TestArrivals: an age is never greater than it is, and not much less.
func TestArrivals(t *testing.T) {
	var a arrivals
	for n := range int64(10_000) {
		a.note(sample{end: n + 1, up: n * 1000})
		if len(a.samples) > maxSamples {
			t.Fatalf("%d samples", len(a.samples))
		}
	}
	const up = 10_000 * 1000
	for offset := range int64(10_000) {
		if got, want := a.age(offset, up), up-offset*1000; got > want {
			t.Errorf("the age of %d is %d ms, it is %d", offset, got, want)
		}
	}
	if got := a.age(9990, up); got != 10_000 {
		t.Errorf("the age of a young one is %d ms, want 10000", got)
	}
	a.forget(9990)
	if got := a.age(9990, up); got != 10_000 || len(a.samples) > 20 {
		t.Errorf("then it is %d ms by %d samples", got, len(a.samples))
	}
}
