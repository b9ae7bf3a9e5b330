package store

import (
	"errors"
	"fmt"
	"time"

	"pairmq/store/commitlog"
)

// MaxLinger bounds what SetLinger sets: senders wait that long.
const MaxLinger = 50 * time.Millisecond

// SetLinger has a batch wait at least so long for more messages before it is
// synced, if less than that was configured; 0: as configured. It is for flash that
// is to be spared: OK means what it did, only later. It is bounded by MaxLinger, and
// by a quarter of FlushTimeout, after which senders are told that it took too long.
// It returns what was set.
func (s *Store) SetLinger(d time.Duration) time.Duration {
	d = max(0, min(d, MaxLinger, s.opts.FlushTimeout/4))
	s.clog.SetLinger(d)
	return d
}

// Rest has work that nobody waits for put off, or not any more: the log is read
// over less often. It is never put off for ever.
func (s *Store) Rest(on bool) { s.resting.Store(on) }

// Sync returns when all that was stored before is on flash, whatever the flush
// policy: the log, consumer offsets, and what of the index is not made from the
// log in a moment. A store that is read-only has nothing to sync.
func (s *Store) Sync() error {
	if s.damaged {
		return nil
	}
	if err := s.clog.Flush(); errors.Is(err, commitlog.ErrClosed) {
		return nil // Run ends, which flushes everything
	} else if err != nil {
		return fmt.Errorf("store: sync: %w", putError(err))
	}
	if err := errors.Join(s.index.SyncOffsets(), s.index.Seal(s.durable.Load())); err != nil {
		return fmt.Errorf("store: sync: %w", err)
	}
	return nil
}
