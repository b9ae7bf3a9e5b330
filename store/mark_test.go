package store

import "testing"

func TestMark(t *testing.T) {
	for _, m := range []mark{
		{crcSince: noCRC, window: 8 << 20},
		{crcSince: 4096, window: 1 << 20},
		{crcSince: 0},
		{crcSince: 91, clean: true, end: 1 << 40, sum: 0xdeadbeef},
	} {
		if got := parseMark(m.appendTo(nil)); got != m {
			t.Errorf("%+v is read as %+v", m, got)
		}
	}
	first := []byte{0, 0, 0, 0, 0, 0, 16, 0} // of a store of the first versions, open
	if got, want := parseMark(first), (mark{crcSince: 4096}); got != want {
		t.Errorf("the first form is read as %+v, want %+v", got, want)
	}
	for _, n := range []int{0, 7, 9, 11, 13, 19, 21} {
		if got, want := parseMark(make([]byte, n)), (mark{crcSince: noCRC}); got != want {
			t.Errorf("%d bytes are read as %+v, want nothing known", n, got)
		}
	}
}
