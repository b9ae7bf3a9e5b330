package transaction

import "math/bits"

// A window has a bit for each queue offset from base on: whether there is nothing left
// to be done for it. Before base that is so.
type window struct {
	base  int64 // a multiple of 64
	words []uint64
}

// newWindow returns one in which all before from is done.
func newWindow(from int64) window {
	w := window{base: from &^ 63}
	for i := w.base; i < from; i++ {
		w.set(i)
	}
	return w
}

func (w *window) set(i int64) {
	n := i - w.base
	if n < 0 {
		return
	}
	for int64(len(w.words)) <= n/64 {
		w.words = append(w.words, 0)
	}
	w.words[n/64] |= 1 << (n % 64)
}

func (w *window) has(i int64) bool {
	n := i - w.base
	return n < 0 || n/64 < int64(len(w.words)) && w.words[n/64]&(1<<(n%64)) != 0
}

// next returns the first offset from i on that is not done.
func (w *window) next(i int64) int64 {
	n := max(i-w.base, 0)
	for n/64 < int64(len(w.words)) {
		if rest := ^w.words[n/64] >> (n % 64); rest != 0 {
			return w.base + n + int64(bits.TrailingZeros64(rest))
		}
		n = n&^63 + 64
	}
	return w.base + n
}

// forget drops the words of which all is done, up to the first that is not.
func (w *window) forget() {
	n := (w.next(w.base) - w.base) / 64
	n = min(n, int64(len(w.words)))
	w.base += n * 64
	w.words = append(w.words[:0], w.words[n:]...)
}
