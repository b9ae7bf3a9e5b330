package store

import (
	"fmt"

	"pairmq/store/index"
)

// A sealer writes complete chunks of the index to its file while the records behind
// them are indexed: a commit waits for the medium most of its time.
type sealer struct {
	index *index.Index
	ends  chan int64    // up to where the log is on the medium, in bytes
	done  chan struct{} // closed when err says how it went
	err   error
}

// newSealer starts one; it ends with finish.
func newSealer(x *index.Index) *sealer {
	s := &sealer{index: x, ends: make(chan int64, 1), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		for end := range s.ends {
			if s.err == nil {
				s.err = x.Seal(end)
			}
		}
	}()
	return s
}

// seal has the chunks written that are complete before end. It waits while two such
// orders are not done yet, lest memory fills with chunks that the medium does not take
// as fast. It fails if an earlier one did.
func (s *sealer) seal(end int64) error {
	if err := s.index.Failed(); err != nil {
		return fmt.Errorf("store: seal index chunk: %w", err)
	}
	s.ends <- end
	return nil
}

// finish waits until all is written that was ordered.
func (s *sealer) finish() error {
	close(s.ends)
	<-s.done
	if s.err != nil {
		return fmt.Errorf("store: seal index chunk: %w", s.err)
	}
	return nil
}
