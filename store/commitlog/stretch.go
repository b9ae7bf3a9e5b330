package commitlog

import (
	"fmt"
	"iter"
)

// A Stretch is good records that lie one behind the other in a segment.
type Stretch struct {
	At    int64   // physical offset of the first
	Bytes []byte  // all of them
	Sizes []int32 // of each, in bytes
}

// Records yields the records and where they lie.
func (s *Stretch) Records() iter.Seq2[int64, []byte] {
	return func(yield func(int64, []byte) bool) {
		at, rest := s.At, s.Bytes
		for _, n := range s.Sizes {
			if !yield(at, rest[:n:n]) {
				return
			}
			at, rest = at+int64(n), rest[n:]
		}
	}
}

// End is the physical offset behind the last.
func (s *Stretch) End() int64 { return s.At + int64(len(s.Bytes)) }

// Scan calls visit with the good records from from, where one begins, up to to, in
// order, and returns the end of the last. It reads ahead as Recover does, and has check
// judge records further behind while visit runs. It may run at the same time as
// everything else, below Durable.
//
// It fails with visit's error, with ErrCorrupt at the first thing that is neither a
// record nor a filler, with an error that wraps fs.ErrNotExist where the log was given
// back meanwhile, and if the medium does; before that all good records were visited.
func (l *Log) Scan(from, to int64, check Checker, visit func(Stretch) error) (end int64, err error) {
	s := &scanner{l: l, check: check}
	a, err := s.pass(from, to, visit)
	if err == nil && a.stop != nil {
		err = fmt.Errorf("%w at offset %d: %w", ErrCorrupt, a.end, a.stop)
	}
	return a.end, err
}
