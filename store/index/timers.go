package index

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sort"

	"go.etcd.io/bbolt"
)

// TimerLanes is how many kinds of timers there are, each with a clock of its own.
const TimerLanes = 2

// A Timer is a record that is due at a time, in ms of the clock that its lane goes by.
type Timer struct{ Due, PhyOffset int64 }

// Compare orders timers by when they are due, then by their place in the log.
func (t Timer) Compare(o Timer) int {
	return cmp.Or(cmp.Compare(t.Due, o.Due), cmp.Compare(t.PhyOffset, o.PhyOffset))
}

// A LaneTimer is a timer and the lane that it is in.
type LaneTimer struct {
	Lane int
	Timer
}

// TimerState is what the timers of the file belong to.
type TimerState struct {
	From    int64 // queue offset; of what is before it the file has all that is pending
	End     int64 // bytes; where the log ends of which that is true
	Floor   int64 // bytes; timers of records before it are void: these were stored anew
	Count   int64 // pending timers
	Bytes   int64 // and of their records
	Span    int64 // ms; what the clock of spans showed
	LogTime int64 // ms since 1970; and the log's clock at that moment
}

// A TimerChange is one commit of timers.
type TimerChange struct {
	State    TimerState
	Until    [TimerLanes]Timer   // those up to and including it are done
	Add      [TimerLanes][]Timer // in order, none that is there; Due is not negative
	Recalled []int64             // where records lie that are not to be delivered
	Gone     []int64             // those of them of which nothing needs to be known any more
}

// The timers bucket is made when it is first written to. Its keys are be32 lane, and
// be64 Due and be64 PhyOffset of the first timer of a block; the content is the block:
// timers of a lane, in order, that are due in one slice of time, at most timerBlockMax
// of one commit: for each Due 8 and PhyOffset 8. So a commit of timers that are due at
// random touches a page for each slice, not for each timer; and one that removes the
// first of many that are due in the same slice writes half a page for each commit that
// they came with, not all of the slice. Blocks may overlap. In lane recalledLane keys
// have the PhyOffset of a record that was recalled in place of Due, and 0. The key
// "state" has From 8, End 8, Floor 8, Count 8, Bytes 8, Span 8 and LogTime 8.
const (
	bucketTimers  = "timers"
	timerSlice    = 10 * 60 * 1000 // ms
	timerSize     = 16
	timerBlockMax = 120 // two of these fill a page
	timerKeySize  = 20
	timerState    = "state"
	recalledLane  = TimerLanes
)

func timerKey(lane int, t Timer) []byte {
	be := binary.BigEndian
	return be.AppendUint64(be.AppendUint64(be.AppendUint32(nil, uint32(lane)), uint64(t.Due)), uint64(t.PhyOffset))
}

func appendTimers(dst []byte, all []Timer) []byte {
	be := binary.BigEndian
	for _, t := range all {
		dst = be.AppendUint64(be.AppendUint64(dst, uint64(t.Due)), uint64(t.PhyOffset))
	}
	return dst
}

// A timerBlock is the content of a value: timers in their order. It aliases the file.
type timerBlock []byte

// decodeTimerBlock fails with ErrDamaged unless b is whole timers in order.
func decodeTimerBlock(b []byte) (timerBlock, error) {
	if len(b) == 0 || len(b)%timerSize != 0 {
		return nil, fmt.Errorf("%w: %d bytes of timers", ErrDamaged, len(b))
	}
	block := timerBlock(b)
	for i := range block.n() {
		if t := block.at(i); t.Due < 0 || t.PhyOffset < 0 || i > 0 && t.Compare(block.at(i-1)) <= 0 {
			return nil, fmt.Errorf("%w: timer %d of %d, due at %d, at %d in the log, is out of order", ErrDamaged, i, block.n(), t.Due, t.PhyOffset)
		}
	}
	return block, nil
}

func (b timerBlock) n() int { return len(b) / timerSize }

func (b timerBlock) at(i int) Timer {
	be := binary.BigEndian
	return Timer{int64(be.Uint64(b[i*timerSize:])), int64(be.Uint64(b[i*timerSize+8:]))}
}

// behind returns how many are at t or before it.
func (b timerBlock) behind(t Timer) int {
	low, high := 0, b.n()
	for low < high {
		if m := (low + high) / 2; b.at(m).Compare(t) <= 0 {
			low = m + 1
		} else {
			high = m
		}
	}
	return low
}

// since returns those of records at floor or behind it.
func (b timerBlock) since(floor int64) (live []Timer) {
	for i := range b.n() {
		if t := b.at(i); t.PhyOffset >= floor {
			live = append(live, t)
		}
	}
	return live
}

// eachTimerKey calls f with the keys and values of a lane, until it says no.
func eachTimerKey(tx *bbolt.Tx, lane int, f func(key []byte, first Timer, value []byte) (more bool, err error)) error {
	bucket := tx.Bucket([]byte(bucketTimers))
	if bucket == nil {
		return nil
	}
	be := binary.BigEndian
	prefix := be.AppendUint32(nil, uint32(lane))
	c := bucket.Cursor()
	for key, value := c.Seek(prefix); bytes.HasPrefix(key, prefix); key, value = c.Next() {
		if len(key) != timerKeySize {
			return fmt.Errorf("%w: %x among the timers", ErrDamaged, key)
		}
		if more, err := f(key, Timer{int64(be.Uint64(key[4:])), int64(be.Uint64(key[12:]))}, value); !more || err != nil {
			return err
		}
	}
	return nil
}

// eachTimerBlock calls f with the blocks of a lane whose first timer is not behind last,
// by their first, until it says no.
func eachTimerBlock(tx *bbolt.Tx, lane int, last func() Timer, f func(key []byte, b timerBlock)) error {
	return eachTimerKey(tx, lane, func(key []byte, first Timer, value []byte) (bool, error) {
		if first.Compare(last()) > 0 {
			return false, nil
		}
		content, err := openValue(bucketTimers, key, value)
		if err != nil {
			return false, err
		}
		b, err := decodeTimerBlock(content)
		if err == nil && b.at(0) != first {
			err = fmt.Errorf("%w: timers from %+v on under %x", ErrDamaged, b.at(0), key)
		}
		if err == nil {
			f(key, b)
		}
		return err == nil, err
	})
}

// noTimer is behind all timers.
func noTimer() Timer { return Timer{math.MaxInt64, math.MaxInt64} }

// TimerState returns what was last committed, zero if nothing was. It fails with
// ErrDamaged: then ForgetTimers helps. Once anything has failed with that which reads or
// changes timers, all of it does, also when the file is opened anew, until ForgetTimers:
// who begins at what is due first need not come across the damage.
func (x *Index) TimerState() (s TimerState, err error) {
	err = x.view(func(tx *bbolt.Tx) error {
		s, err = loadTimerState(tx)
		return err
	})
	return s, err
}

// viewTimers is view of timers, and distrusts them all if some are damaged.
func (x *Index) viewTimers(f func(*bbolt.Tx) error) error {
	err := x.view(f)
	if errors.Is(err, ErrDamaged) {
		x.write.Lock()
		defer x.write.Unlock()
		err = errors.Join(err, x.distrustTimers())
	}
	return err
}

// distrustTimers removes the state, without which none is believed. The caller holds
// write.
func (x *Index) distrustTimers() error {
	if x.Failed() != nil { // or it is opened for reading only
		return nil
	}
	return x.update(func(tx *bbolt.Tx) error {
		if b := tx.Bucket([]byte(bucketTimers)); b != nil {
			return b.Delete([]byte(timerState))
		}
		return nil
	})
}

func loadTimerState(tx *bbolt.Tx) (s TimerState, err error) {
	if tx.Bucket([]byte(bucketTimers)) == nil {
		return s, nil
	}
	b, err := get(tx, bucketTimers, []byte(timerState))
	if err != nil {
		return s, err
	}
	if len(b) != 7*8 {
		return s, fmt.Errorf("%w: state of timers of %d bytes", ErrDamaged, len(b))
	}
	for i, n := range s.numbers() {
		*n = int64(binary.BigEndian.Uint64(b[8*i:]))
	}
	return s, nil
}

// numbers are those that are kept, in their order.
func (s *TimerState) numbers() [7]*int64 {
	return [...]*int64{&s.From, &s.End, &s.Floor, &s.Count, &s.Bytes, &s.Span, &s.LogTime}
}

func putTimerState(tx *bbolt.Tx, s TimerState) error {
	var b []byte
	for _, n := range s.numbers() {
		b = binary.BigEndian.AppendUint64(b, uint64(*n))
	}
	return put(tx, bucketTimers, []byte(timerState), b)
}

// NextTimers returns the first timers of a lane behind after, at most limit, in order:
// fewer only if there are no more. It reads the blocks that begin before the last of
// them, and keeps twice limit in memory. It fails with ErrDamaged.
func (x *Index) NextTimers(lane int, after Timer, limit int) (first []Timer, err error) {
	err = x.viewTimers(func(tx *bbolt.Tx) error {
		s, err := loadTimerState(tx)
		if err != nil {
			return err
		}
		k := keeper[Timer]{limit: limit, compare: Timer.Compare, last: noTimer()}
		err = eachTimerBlock(tx, lane, func() Timer { return k.last }, func(_ []byte, b timerBlock) {
			for i := b.behind(after); i < b.n(); i++ {
				t := b.at(i)
				if t.Compare(k.last) > 0 {
					return
				}
				if t.PhyOffset >= s.Floor {
					k.add(t)
				}
			}
		})
		first = k.first()
		return err
	})
	return first, err
}

// OldestTimers returns the timers of those records that lie first in the log, at most
// limit, in the order of the log. It reads all that there are, and keeps twice limit in
// memory. It fails with ErrDamaged.
func (x *Index) OldestTimers(limit int) (oldest []LaneTimer, err error) {
	err = x.viewTimers(func(tx *bbolt.Tx) error {
		s, err := loadTimerState(tx)
		if err != nil {
			return err
		}
		order := func(a, b LaneTimer) int { return cmp.Compare(a.PhyOffset, b.PhyOffset) }
		k := keeper[LaneTimer]{limit: limit, compare: order, last: LaneTimer{Timer: noTimer()}}
		for lane := range TimerLanes {
			if err := eachTimerBlock(tx, lane, noTimer, func(_ []byte, b timerBlock) {
				for i := range b.n() {
					if t := b.at(i); t.PhyOffset >= s.Floor && t.PhyOffset < k.last.PhyOffset {
						k.add(LaneTimer{lane, t})
					}
				}
			}); err != nil {
				return err
			}
		}
		oldest = k.first()
		return nil
	})
	return oldest, err
}

// A keeper keeps the first of what it is given, in twice the room.
type keeper[T any] struct {
	limit   int
	compare func(a, b T) int
	all     []T
	last    T // what is behind it is not among the first
}

func (k *keeper[T]) add(t T) {
	if k.all = append(k.all, t); len(k.all) >= 2*k.limit {
		k.all = k.first()
		k.last = k.all[k.limit-1]
	}
}

func (k *keeper[T]) first() []T {
	sort.Slice(k.all, func(i, j int) bool { return k.compare(k.all[i], k.all[j]) < 0 })
	return k.all[:min(len(k.all), k.limit)]
}

// RecalledTimers returns where records lie that are not to be delivered, in order. It
// fails with ErrDamaged, also if there is anything in a lane that is none.
func (x *Index) RecalledTimers() (all []int64, err error) {
	err = x.viewTimers(func(tx *bbolt.Tx) error {
		if _, err := loadTimerState(tx); err != nil {
			return err
		}
		err := eachTimerKey(tx, recalledLane, func(key []byte, at Timer, value []byte) (bool, error) {
			_, err := openValue(bucketTimers, key, value)
			all = append(all, at.Due)
			return err == nil, err
		})
		if err != nil {
			return err
		}
		return noTimersBehind(tx, recalledLane)
	})
	return all, err
}

// noTimersBehind fails with ErrDamaged unless nothing but the state follows a lane: the
// checksum of an entry is seen only where its key is looked for.
func noTimersBehind(tx *bbolt.Tx, lane int) error {
	bucket := tx.Bucket([]byte(bucketTimers))
	if bucket == nil {
		return nil
	}
	if key, _ := bucket.Cursor().Seek(binary.BigEndian.AppendUint32(nil, uint32(lane+1))); string(key) != timerState {
		return fmt.Errorf("%w: %x among the timers", ErrDamaged, key)
	}
	return nil
}

// ChangeTimers commits a change: durable on return. It fails with ErrDamaged, and then
// has changed nothing.
func (x *Index) ChangeTimers(c *TimerChange) error {
	x.write.Lock()
	defer x.write.Unlock()
	// All is read before anything is written: damage is no failure of the disk.
	var rests [TimerLanes]timerRests
	err := x.view(func(tx *bbolt.Tx) error {
		was, err := loadTimerState(tx)
		for lane := 0; lane < TimerLanes && err == nil; lane++ {
			err = rests[lane].plan(tx, lane, c.Until[lane], was.Floor, c.State.Floor)
		}
		return err
	})
	if errors.Is(err, ErrDamaged) {
		return errors.Join(err, x.distrustTimers())
	}
	if err != nil {
		return err
	}
	return x.update(func(tx *bbolt.Tx) error {
		bucket, err := tx.CreateBucketIfNotExists([]byte(bucketTimers))
		if err != nil {
			return err
		}
		for lane := range TimerLanes {
			if err := errors.Join(rests[lane].write(tx, lane), addTimers(tx, lane, c.Add[lane])); err != nil {
				return err
			}
		}
		for _, at := range c.Recalled {
			if err := put(tx, bucketTimers, timerKey(recalledLane, Timer{Due: at}), nil); err != nil {
				return err
			}
		}
		for _, at := range c.Gone {
			if err := bucket.Delete(timerKey(recalledLane, Timer{Due: at})); err != nil {
				return err
			}
		}
		return putTimerState(tx, c.State)
	})
}

// voidMax bounds how many void timers one commit removes from a lane beside those that are
// done. It is more than become void at a time, or the file would keep some each time that
// retention goes round: those that are due far apart have each a block of its own.
const voidMax = 8192

// timerRests is what blocks become.
type timerRests struct{ keys, rests [][]byte }

// plan notes what is left of blocks without what is at until or before, and, if floor is
// beyond what it was, of those in which timers of records before floor are the most
// without these: the others have them until they are due.
func (r *timerRests) plan(tx *bbolt.Tx, lane int, until Timer, was, floor int64) error {
	last, void := until, 0
	if floor > was {
		last, void = noTimer(), voidMax
	} else if until == (Timer{}) {
		return nil
	}
	return eachTimerBlock(tx, lane, func() Timer { return last }, func(key []byte, b timerBlock) {
		rest := b
		if until != (Timer{}) {
			rest = b[b.behind(until)*timerSize:]
		}
		if void > 0 && rest.n() > 0 {
			if live := rest.since(floor); 2*len(live) <= rest.n() {
				void -= rest.n() - len(live)
				rest = appendTimers(nil, live)
			}
		}
		if len(rest) < len(b) {
			r.keys, r.rests = append(r.keys, bytes.Clone(key)), append(r.rests, bytes.Clone(rest))
		}
	})
}

func (r *timerRests) write(tx *bbolt.Tx, lane int) error {
	for i, key := range r.keys {
		if err := tx.Bucket([]byte(bucketTimers)).Delete(key); err != nil {
			return err
		}
		if rest := timerBlock(r.rests[i]); len(rest) > 0 {
			if err := put(tx, bucketTimers, timerKey(lane, rest.at(0)), rest); err != nil {
				return err
			}
		}
	}
	return nil
}

func addTimers(tx *bbolt.Tx, lane int, all []Timer) error {
	for len(all) > 0 {
		slice := all[0].Due / timerSlice * timerSlice
		n := 1
		for n < min(len(all), timerBlockMax) && all[n].Due < slice+timerSlice {
			n++
		}
		if err := put(tx, bucketTimers, timerKey(lane, all[0]), appendTimers(nil, all[:n])); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

// ForgetTimers removes all of them: they are made again from the log. Durable on return.
func (x *Index) ForgetTimers() error {
	x.write.Lock()
	defer x.write.Unlock()
	return x.update(forgetTimers)
}

func forgetTimers(tx *bbolt.Tx) error {
	if tx.Bucket([]byte(bucketTimers)) == nil {
		return nil
	}
	return tx.DeleteBucket([]byte(bucketTimers))
}
