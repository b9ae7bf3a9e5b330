package folder

import (
	"encoding/binary"
	"fmt"
)

// tail judges what lies behind the last good record: the log ends at pos. A segment
// that was made ahead holds zeros, or, where it was in use before, old records that say
// that they lie elsewhere: neither is wrong. What a power cut tore is.
func (w *walk) tail(s *segment, f Finding) error {
	l := w.log
	if w.why = f.Reason; w.pos < l.least {
		return nil // it is no tail: finish says so
	}
	limit := l.limitOf(s)
	b, err := l.bytes(s, w.pos, headerSize)
	if err != nil {
		return err
	}
	f.Kind = TornTail
	if len(b) >= headerSize && string(b[magicAt:magicAt+len(magic)]) == magic && int64(binary.BigEndian.Uint64(b[phyAt:])) == w.pos {
		f.Length = min(max(int64(binary.BigEndian.Uint32(b)), headerSize), limit-w.pos)
		f.Reason = "a part of a record: " + f.Reason
		w.wrong(f)
		return nil
	}
	last, err := l.lastNonZero(s, w.pos)
	if err != nil || last == w.pos {
		return err
	}
	old, err := l.usedBefore(s)
	if err != nil || old {
		return err
	}
	f.Length, f.Reason = last-w.pos, fmt.Sprintf("%d bytes that are no record", last-w.pos)
	w.wrong(f)
	return nil
}

// lastNonZero is the offset behind the last byte of s that is not zero, from off on;
// off if there is none.
func (l *Log) lastNonZero(s *segment, off int64) (int64, error) {
	last := off
	for {
		b, err := l.bytes(s, off, 1)
		if err != nil || len(b) == 0 {
			return last, err
		}
		for i, c := range b {
			if c != 0 {
				last = off + int64(i) + 1
			}
		}
		off += int64(len(b))
	}
}

// usedBefore says whether s holds a sound record of an earlier segment: then it was
// given back and made use of again.
func (l *Log) usedBefore(s *segment) (old bool, err error) {
	err = l.candidates(s, s.base, func(at, phy int64) (bool, error) {
		if phy < 0 || phy >= s.base || phy%l.size != at%l.size {
			return true, nil
		}
		v, err := l.judge(s, at)
		old = err == nil && v.moved
		return !old, err
	})
	return old, err
}
