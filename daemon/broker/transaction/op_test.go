package transaction

import (
	"slices"
	"testing"
)

func TestDecodeOp(t *testing.T) {
	for body, want := range map[string][]int64{
		"0": {0}, "17": {17}, "1,2,3,": {1, 2, 3}, "5,6": {5, 6}, "": nil, ",": nil, "x,7": {7}, "-1,8": {8},
		"9223372036854775807": {9223372036854775807}, "9223372036854775808,1": {1}, "99999999999999999999999": nil,
	} {
		if got := slices.Collect(decodeOp([]byte(body))); !slices.Equal(got, want) {
			t.Errorf("%q has %v, want %v", body, got, want)
		}
	}
}

// FuzzDecodeOp: no body makes it fail, and what it yields encodes to the same.
func FuzzDecodeOp(f *testing.F) {
	for _, s := range []string{"0", "1,2,", "-5", "x", ",,,", "9223372036854775807"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		for n := range decodeOp(in) {
			if again := slices.Collect(decodeOp(appendOp(nil, n))); n < 0 || !slices.Equal(again, []int64{n}) {
				t.Errorf("%q has %d, which encodes to %v", in, n, again)
			}
		}
	})
}

func TestOpProgress(t *testing.T) {
	p := newOpProgress(300)
	for op := int64(300); op < 1100; op++ {
		p.note(op, op*2)
	}
	for _, tt := range []struct{ open, want int64 }{{0, 256}, {1022, 256}, {1023, 512}, {1500, 512}, {1535, 768}, {9999, 1024}} {
		if p.forget(tt.open); p.from() != tt.want {
			t.Errorf("with halves open from %d on, ops are needed from %d on, want %d", tt.open, p.from(), tt.want)
		}
	}
}
