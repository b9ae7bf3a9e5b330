package epoch

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func at(number, boot int64, id uint64, start int64) Epoch { return Epoch{number, boot, id, start} }

func TestCommon(t *testing.T) {
	a, b, c := at(1, 0, 7, 0), at(2, 0, 8, 100), at(2, 1, 9, 150)
	other := at(2, 0, 99, 120)
	tests := []struct {
		name      string
		mine, his History
		end       int64
		known     bool
	}{
		{"both empty", nil, nil, 0, false},
		{"one empty", History{a}, nil, 0, false},
		{"the same", History{a, b}, History{a, b}, math.MaxInt64, true},
		{"he went on", History{a}, History{a, b}, 100, true},
		{"I went on", History{a, b, c}, History{a, b}, 150, true},
		{"both went on", History{a, b}, History{a, other}, 100, true},
		{"both went on, the other way", History{a, other}, History{a, b}, 100, true},
		{"counted alike, another master", History{at(1, 0, 1, 0)}, History{at(1, 0, 2, 0)}, 0, false},
		{"his oldest are gone", History{a, b}, History{b, c}, 150, true},
	}
	for _, tt := range tests {
		if end, known := tt.mine.Common(tt.his); end != tt.end || known != tt.known {
			t.Errorf("%s: %v.Common(%v) = %d, %v; want %d, %v", tt.name, tt.mine, tt.his, end, known, tt.end, tt.known)
		}
	}
}

func TestCheck(t *testing.T) {
	long := History{}
	for i := range int64(Most + 1) {
		long = append(long, at(i+1, 0, 1, i))
	}
	good := []History{nil, {at(1, 0, 1, 0)}, {at(1, 0, 1, 0), at(1, 1, 2, 0)}, {at(1, 3, 1, 0), at(2, 0, 2, 50)}, long[1:]}
	for _, h := range good {
		if err := h.Check(); err != nil {
			t.Errorf("%v.Check() = %v", h, err)
		}
	}
	bad := []History{
		{at(0, 0, 1, 0)}, {at(1, -1, 1, 0)}, {at(1, 0, 1, -1)}, {at(2, 0, 1, 0), at(1, 0, 2, 50)},
		{at(1, 0, 1, 0), at(1, 0, 2, 50)}, {at(1, 0, 1, 50), at(2, 0, 2, 49)}, long,
	}
	for _, h := range bad {
		if err := h.Check(); !errors.Is(err, ErrHistory) {
			t.Errorf("%v.Check() = %v, want ErrHistory", h, err)
		}
	}
}

func TestBegin(t *testing.T) {
	h := History(nil).Promoted(0, 1)
	want := History{at(1, 0, 1, 0)}
	if !slices.Equal(h, want) {
		t.Errorf("the first epoch is %v, want %v", h, want)
	}
	h = h.Booted(40, 2).Booted(40, 3).Promoted(90, 4)
	want = History{at(1, 0, 1, 0), at(1, 2, 3, 40), at(2, 0, 4, 90)}
	if !slices.Equal(h, want) {
		t.Errorf("after two boots and a promotion the history is %v, want %v", h, want)
	}
	// The log lost its end: the epochs beyond go, their numbers are not used again.
	if got, want := h.Promoted(30, 5), (History{at(1, 0, 1, 0), at(3, 0, 5, 30)}); !slices.Equal(got, want) {
		t.Errorf("promoted at 30: %v, want %v", got, want)
	}
	if got, want := h.From(60), h[1:]; !slices.Equal(got, want) {
		t.Errorf("From(60) = %v, want %v", got, want)
	}
	if got, want := h.From(1000), h[2:]; !slices.Equal(got, want) {
		t.Errorf("From(1000) = %v, want %v", got, want)
	}
	for range 2 * Most {
		h = h.Promoted(h.Last().Start+1, 6)
	}
	if err := h.Check(); err != nil || len(h) != Most {
		t.Errorf("after many promotions: %d epochs, %v", len(h), err)
	}
}

// TestCommonAgainstBytes lets logs be written, copied, cut and promoted at
// random, each byte with the master that wrote it, and compares Common with what
// the bytes say: never more than is the same, and never less than what a copy
// needs to go on.
func TestCommonAgainstBytes(t *testing.T) {
	type half struct {
		log    []uint64
		hist   History
		master bool
	}
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 1))
		halves := make([]half, 2+rng.IntN(2))
		id := uint64(0)
		next := func() uint64 { id++; return id }
		halves[0].hist, halves[0].master = halves[0].hist.Promoted(0, next()), true
		for range 40 {
			a, b := &halves[rng.IntN(len(halves))], &halves[rng.IntN(len(halves))]
			switch rng.IntN(6) {
			case 0, 1: // a writes
				if a.master {
					for range rng.IntN(5) {
						a.log = append(a.log, a.hist.Last().ID)
					}
				}
			case 2: // a loses its end and starts anew
				if a.master {
					a.log = a.log[:len(a.log)-rng.IntN(min(len(a.log), 4)+1)]
					a.hist = a.hist.Booted(int64(len(a.log)), next())
				}
			case 3:
				a.hist, a.master = a.hist.Promoted(int64(len(a.log)), next()), true
			default: // a copies from b
				if a == b || len(b.hist) == 0 || a.hist.Last().Number > b.hist.Last().Number {
					continue
				}
				end, known := b.hist.Common(a.hist)
				if !known && len(a.log) > 0 {
					continue // compared by bytes, in life
				}
				same := 0
				for same < min(len(a.log), len(b.log)) && a.log[same] == b.log[same] {
					same++
				}
				end = min(end, int64(len(a.log)), int64(len(b.log)))
				if known && end > int64(same) {
					t.Fatalf("seed %d: %v and %v have %d bytes in common, Common says %d", seed, a.hist, b.hist, same, end)
				}
				a.log = append(slices.Clone(a.log[:end]), b.log[end:]...)
				a.hist, a.master = slices.Clone(b.hist), false
				a.log = a.log[:len(a.log)-rng.IntN(min(len(a.log)-int(end), 4)+1)] // not all of it arrived
			}
		}
	}
}
