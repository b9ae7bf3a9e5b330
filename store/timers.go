package store

import "pairmq/store/index"

// TimerState returns to what the timers of the index belong; see index.TimerState.
func (s *Store) TimerState() (index.TimerState, error) { return s.index.TimerState() }

// NextTimers returns the first timers of a lane behind after, at most limit, in order.
func (s *Store) NextTimers(lane int, after index.Timer, limit int) ([]index.Timer, error) {
	return s.index.NextTimers(lane, after, limit)
}

// OldestTimers returns the timers of the records that lie first in the log, at most limit.
func (s *Store) OldestTimers(limit int) ([]index.LaneTimer, error) {
	return s.index.OldestTimers(limit)
}

// RecalledTimers returns where records lie that are not to be delivered, in order.
func (s *Store) RecalledTimers() ([]int64, error) { return s.index.RecalledTimers() }

// ChangeTimers commits a change of timers: durable on return.
func (s *Store) ChangeTimers(c *index.TimerChange) error { return s.index.ChangeTimers(c) }

// ForgetTimers removes all timers; they can be read from the log again.
func (s *Store) ForgetTimers() error { return s.index.ForgetTimers() }
