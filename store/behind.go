package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"pairmq/store/commitlog"
	"pairmq/store/index"
)

// An index that was lost is made anew from all of the log, which takes minutes where
// flash is slow. A store may be opened before that is done: it is read-only then,
// gives out what is indexed already, and Run indexes the rest, from the oldest
// record on. Only the next Open, which finds little left to do, judges the log's end
// and lets anything be stored: until the newest record was seen, nobody knows which
// queue offset the next one gets.
type behind struct {
	from, to int64         // the log that is to be indexed
	at       atomic.Int64  // up to here it is
	done     chan struct{} // closed when Run has done what it can
}

// CaughtUp is closed once Run has indexed the log as far as it can: then the store is
// to be closed and opened again, without Options.OpenBehind. It is nil, and never
// ready, for a store that was not opened behind its log.
func (s *Store) CaughtUp() <-chan struct{} {
	if s.behind == nil {
		return nil
	}
	return s.behind.done
}

// Behind says of which part of the log, in bytes, the index of a store is still made, and
// how much of that there is; false for any other store. What lies beyond is not
// found yet: the end of a queue is none.
func (s *Store) Behind() (done, total int64, behind bool) {
	b := s.behind
	if b == nil {
		return 0, 0, false
	}
	return b.at.Load() - b.from, b.to - b.from, true
}

// openBehind opens the store for reading if Options.OpenBehind asks for it and much
// of the log is to be read from from on. Of the log it looks at the last segment alone.
func (s *Store) openBehind(from, window int64) (opened bool, err error) {
	if !s.opts.OpenBehind {
		return false, nil
	}
	little := from + 2*s.opts.SegmentSize // by which the index lags after any power cut
	last := s.lastBegun(little)
	if last <= little {
		return false, nil
	}
	rec, err := s.clog.Recover(commitlog.RecoverOptions{From: last, Window: window, ReadOnly: true, Check: s.check})
	if err != nil && !errors.Is(err, commitlog.ErrCorrupt) { // the next Open judges that
		return false, fmt.Errorf("store: find the end of the commit log: %w", err)
	}
	s.damaged = true // nothing is stored, given back, read over or sealed at the end
	s.behind = &behind{from: from, to: rec.End, done: make(chan struct{})}
	s.behind.at.Store(from)
	s.visible.Store(rec.End)
	s.confirmedEnd.Store(rec.End)
	s.durable.Store(rec.End)
	s.log.Warn("most of the log has to be indexed; until that is done the store is read-only and gives out what it has indexed",
		"minPhyOffset", s.clog.Start(), "indexedTo", from, "maxPhyOffset", rec.End)
	return true, nil
}

// lastBegun is the offset of the last segment behind floor that something was
// written to; floor if there is none. One that was made ahead holds zeros or what it
// was used for before.
func (s *Store) lastBegun(floor int64) int64 {
	segments, _ := s.clog.Files()
	var head [36]byte // up to the physical offset
	for at := s.clog.Start() + int64(segments-1)*s.opts.SegmentSize; at > floor; at -= s.opts.SegmentSize {
		err := s.readFile(head[:], at)
		if err != nil || int64(binary.BigEndian.Uint64(head[28:])) == at {
			return at // the medium may have lost it: there is no telling
		}
	}
	return floor
}

// catchUp indexes the log until ctx ends or all of it is. A part of the log that
// cannot be indexed ends it too: the next Open says what is wrong with it.
func (s *Store) catchUp(ctx context.Context) error {
	b := s.behind
	if b == nil {
		return nil
	}
	sc := newScan(s, b.from, false)
	sc.applied = s.announceIndexed
	end, err := s.clog.Scan(b.from, b.to, s.check, func(st commitlog.Stretch) error {
		if err := sc.visit(st); err != nil {
			return err
		}
		b.at.Store(st.End())
		return ctx.Err()
	})
	if serr := sc.finish(); serr != nil {
		err = serr
	}
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.Is(err, commitlog.ErrCorrupt):
		s.log.Error("the log cannot be indexed any further", "phyOffset", end, "err", err)
	case err != nil:
		return fmt.Errorf("store: index the log: %w", err)
	}
	b.at.Store(end)
	s.log.Info("the log is indexed", "phyOffset", end, "bytes", end-b.from)
	close(b.done)
	return nil
}

// announceIndexed wakes the consumers that wait for these records.
func (s *Store) announceIndexed(records []index.Record) {
	if s.opts.Arrived == nil {
		return
	}
	s.arrivals = s.arrivals[:0] // announce is not called: nothing is stored
	for i := range records {
		if r := &records[i]; r.QueueOffset >= 0 {
			s.arrivals = append(s.arrivals, Arrival{Topic: r.Topic, QueueID: r.QueueID, QueueOffset: r.QueueOffset, TagsCode: r.TagsCode})
		}
	}
	if len(s.arrivals) > 0 {
		s.opts.Arrived(s.arrivals)
	}
}

// notBehind refuses what needs an index that has all of the log.
func (s *Store) notBehind() error {
	if s.behind != nil {
		return fmt.Errorf("%w: the index is made anew", ErrReadOnly)
	}
	return nil
}
