package store

import (
	"errors"
	"fmt"
	"iter"

	"pairmq/store/index"
	"pairmq/store/record"
)

// mend makes chunks of the index anew that could not be read.
func (s *Store) mend() error {
	for _, span := range s.index.Damaged() {
		if err := s.index.Rebuild(span, s.records(span.Start, span.End)); err != nil {
			return fmt.Errorf("store: mend the index from the log, %d to %d: %w", span.Start, span.End, err)
		}
	}
	return nil
}

// mendPiece is how much log is read at once, in bytes.
const mendPiece = 1 << 20

// records reads the log from start, where a record begins, to end.
func (s *Store) records(start, end int64) iter.Seq2[index.Record, error] {
	return func(yield func(index.Record, error) bool) {
		buf := make([]byte, min(mendPiece, s.opts.SegmentSize))
		for start < end {
			b := buf[:min(int64(len(buf)), end-start, s.opts.SegmentSize-start%s.opts.SegmentSize)]
			if _, err := s.clog.ReadAt(b, start); err != nil {
				yield(index.Record{}, err)
				return
			}
			n, err := s.eachRecord(b, yield)
			switch {
			case err == nil && n == 0, errors.Is(err, errStopped):
				return
			case errors.Is(err, record.ErrBlank):
				start += s.opts.SegmentSize - start%s.opts.SegmentSize
			case errors.Is(err, record.ErrShort) && n == 0 && len(b) == len(buf) && len(buf) < s.limits.Record:
				buf = make([]byte, s.limits.Record)
			case err != nil && !errors.Is(err, record.ErrShort):
				yield(index.Record{}, fmt.Errorf("store: record at %d: %w", start+int64(n), err))
				return
			case err != nil && n == 0:
				yield(index.Record{}, fmt.Errorf("store: the log ends inside the record at %d", start))
				return
			default:
				start += int64(n)
			}
		}
	}
}

// errStopped: the one who asked for records wants no more.
var errStopped = errors.New("store: enough")

// eachRecord yields the whole records at the front of b and returns how many
// bytes they have, and why there is no other.
func (s *Store) eachRecord(b []byte, yield func(index.Record, error) bool) (n int, err error) {
	for n < len(b) {
		v, err := record.Parse(b[n:], s.limits)
		if err != nil {
			return n, err
		}
		if !yield(indexRecord(&v), nil) {
			return n, errStopped
		}
		n += v.Size()
	}
	return n, nil
}
