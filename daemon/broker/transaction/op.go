package transaction

import (
	"bytes"
	"iter"
	"strconv"
)

// tagDecided is the only tag that an op may have: RocketMQ stops at others.
const tagDecided = "d"

// appendOp appends the body of an op for the half at a queue offset: the number in
// decimal. Both versions read it.
func appendOp(dst []byte, offset int64) []byte { return strconv.AppendInt(dst, offset, 10) }

// decodeOp yields the queue offsets of halves in the body of an op: one number, or, of
// 5.x, several with a comma behind or between. What is no number or negative is left
// out, as there.
func decodeOp(body []byte) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for word := range bytes.SplitSeq(body, []byte(",")) {
			if len(word) > 19 { // more than an int64 has
				continue
			}
			if n, err := strconv.ParseInt(string(word), 10, 64); err == nil && n >= 0 && !yield(n) {
				return
			}
		}
	}
}

// opChunk is how many ops are kept track of together.
const opChunk = 256

// opProgress knows from where on ops are needed: of each chunk of them it has the newest
// half that one is for.
type opProgress struct {
	first int64 // number of the first chunk
	halfs []int64
}

func newOpProgress(from int64) opProgress { return opProgress{first: from / opChunk} }

// note takes note of the op at a queue offset for a half.
func (p *opProgress) note(op, half int64) {
	n := op/opChunk - p.first
	if n < 0 {
		return
	}
	for int64(len(p.halfs)) <= n {
		p.halfs = append(p.halfs, -1)
	}
	p.halfs[n] = max(p.halfs[n], half)
}

// forget drops the chunks before the first that is needed if halves before open are not.
// The last chunk stays: it may not be complete.
func (p *opProgress) forget(open int64) {
	n := 0
	for n+1 < len(p.halfs) && p.halfs[n] < open {
		n++
	}
	p.first += int64(n)
	p.halfs = append(p.halfs[:0], p.halfs[n:]...)
}

// from returns the queue offset of the first op that is needed.
func (p *opProgress) from() int64 { return p.first * opChunk }
