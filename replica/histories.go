package replica

import (
	"context"
	"errors"
	"fmt"
	"math"

	"pairmq/replica/epoch"
)

// ErrStale says that a master's epoch is older than the slave's: it was away
// while another one was master.
var ErrStale = errors.New("replica: the master's epoch is older than this log's")

// Histories lets a slave and its master compare the epochs of their logs before
// the plain protocol begins, which knows none.
type Histories interface {
	// Meet asks the master for the epochs of its log; nil if it knows none, as
	// Apache's do. An error ends the attempt to replicate.
	Meet(ctx context.Context) (epoch.History, error)
	// Own returns the epochs of the slave's log.
	Own() epoch.History
	// Adopt makes the master's those of the slave's log; durable on return. It
	// is called when the logs were found equal, before anything is appended.
	Adopt(epoch.History) error
}

// meet compares the epochs of both logs, and sets aside what the slave's has
// beyond the last one that both have. It returns the master's.
func (s *Slave) meet(ctx context.Context) (epoch.History, error) {
	if s.opts.Histories == nil {
		return nil, nil
	}
	theirs, err := s.opts.Histories.Meet(ctx)
	if theirs == nil || err != nil {
		return nil, err
	}
	l, mine := s.opts.Log, s.opts.Histories.Own()
	if ours, his := mine.Last(), theirs.Last(); ours.Number > his.Number {
		return nil, fmt.Errorf("%w: %v, this one's is %v; it gives way when it reaches its successor", ErrStale, his, ours)
	}
	end, known := mine.Common(theirs)
	if !known || end == math.MaxInt64 || end >= l.End() {
		return theirs, nil // the bytes are compared all the same
	}
	if end < l.Start() {
		return nil, fmt.Errorf("%w: they part at %d, before this log begins at %d; if this slave is to follow this master, move its store away", ErrForeign, end, l.Start())
	}
	cut, err := l.Boundary(end)
	if err != nil {
		return nil, fmt.Errorf("%w: find the record at %d: %w", errLog, end, err)
	}
	why := fmt.Errorf("replica: the logs part at %d, where the master began epoch %v", end, theirs.Last())
	if err := s.setAside(cut, l.End(), why); err != nil {
		return nil, err
	}
	return theirs, nil
}

// setAside cuts the log off at cut, where its end is end, and says why.
func (s *Slave) setAside(cut, end int64, why error) error {
	file, err := s.opts.Log.Truncate(cut)
	if err != nil {
		return fmt.Errorf("%w: set aside what follows %d: %w", errLog, cut, errors.Join(err, why))
	}
	s.back = s.opts.Overlap
	s.note(func(st *MasterStatus) { st.SetAside, st.SetAsideBytes = file, st.SetAsideBytes+end-cut })
	s.notes.Error("messages that the master does not have were set aside", "phyOffset", cut, "bytes", end-cut, "file", file, "why", why)
	return nil
}
