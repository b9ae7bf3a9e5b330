package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"

	"pairmq/store/commitlog"
	"pairmq/store/index"
	"pairmq/store/record"
)

// maxPatch is how much is replaced at once, in bytes, unless one record is longer.
const maxPatch = 1 << 20

// mend replaces the records from at on that are bad here and good at the peer, as
// many as one patch takes, or notes that this could be done. It returns where they
// end. The first one was found to be bad here and good there.
func (c *comparing) mend(at int64, ours verdict) (int64, error) {
	f := Finding{Kind: BadHere, From: at, Here: ours.bad.Error()}
	same, err := c.sameBehind(at)
	if err != nil {
		return 0, err
	}
	if same == otherLog {
		c.part(at)
		return c.end, nil
	}
	patch, next, err := c.collect(at, &f)
	if err != nil {
		return 0, err
	}
	f.To = next
	switch {
	case len(patch) == 0:
		f.Note = fmt.Sprintf("the peer's record reaches beyond the end of this log, %d", c.here.end)
		f.To, next = c.end, c.end
	case same == cannotTell:
		f.Note = "the peer's log is damaged behind it as well: repair that first"
	case c.repair:
		if err := c.replace(at, patch, &f); err != nil {
			return 0, err
		}
	}
	c.add(f)
	return next, nil
}

// kinship says whether a good record behind a damaged place is in both logs.
type kinship uint8

const (
	sameLog kinship = iota
	otherLog
	cannotTell
)

// sameBehind looks at the next good record of this log: if the peer has another
// one there, its log is not the one that the damaged record belongs to.
func (c *comparing) sameBehind(at int64) (kinship, error) {
	next, ok, err := c.s.nextGood(&c.here, at+1, min(c.here.end, c.there.end))
	if err != nil || !ok {
		return sameLog, err
	}
	if same, err := c.sameAt(next); same || err != nil {
		return sameLog, err
	}
	for at <= next { // is a record missing there, or is it another one?
		v, err := c.s.judge(&c.there, at)
		if err != nil || v.bad != nil {
			return cannotTell, err
		}
		at += v.size
	}
	return otherLog, nil
}

// sameAt says whether both logs have the same at off, as far as a record's offset.
func (c *comparing) sameAt(off int64) (bool, error) {
	ours, err := c.here.bytes(off, headerSize)
	if err != nil {
		return false, err
	}
	theirs, err := c.there.bytes(off, headerSize)
	return bytes.HasPrefix(ours, theirs), err
}

// collect returns copies of the peer's records from at on, up to one that is good
// here, or bad there, and where they end.
func (c *comparing) collect(at int64, f *Finding) (patch []byte, next int64, err error) {
	for end := c.s.segmentEnd(at); at < end && len(patch) < maxPatch; {
		if f.Records > 0 { // of the first one it is known
			if ours, err := c.s.judge(&c.here, at); err != nil || ours.bad == nil {
				return patch, at, err
			}
		}
		theirs, err := c.s.judge(&c.there, at)
		if err != nil || theirs.bad != nil {
			return patch, at, err
		}
		n := theirs.size
		if theirs.filler {
			n = fillerSize
		}
		if at+n > c.here.end {
			return patch, at, nil
		}
		b, err := c.there.bytes(at, n)
		if err != nil {
			return patch, at, err
		}
		patch = append(patch, b...)
		f.Records++
		at += theirs.size
	}
	return patch, at, nil
}

// replace writes patch at off. Where that cannot be done, f says why.
func (c *comparing) replace(off int64, patch []byte, f *Finding) error {
	if c.s.worn {
		f.Note = "the disk has failed several times in a row: nothing is written to it"
		return nil
	}
	old, err := c.here.bytes(off, int64(len(patch)))
	if err != nil {
		return err
	}
	f.Copy, err = c.s.clog.Patch(off, old, patch)
	c.here.forget()
	switch {
	case errors.Is(err, commitlog.ErrFailed), errors.Is(err, fs.ErrNotExist): // the latter: it was given back
		return putError(err)
	case err != nil:
		f.Note = err.Error()
		return nil
	}
	f.Kind = Repaired
	c.s.scrubber.flaws.doubt(off, off+int64(len(patch)))
	if c.s.damaged {
		return nil // the next start indexes it
	}
	if err := c.s.indexAgain(patch); err != nil {
		f.Note = err.Error()
	}
	return nil
}

// indexAgain compares what the index knows of the records in b with what they are,
// and makes its chunks anew where that is something else.
func (s *Store) indexAgain(b []byte) error {
	for len(b) > 0 {
		v, err := record.Parse(b, s.limits)
		if err != nil {
			break // a filler
		}
		r := indexRecord(&v)
		var unit [1]index.Unit
		n, ok := s.index.Range(r.Topic, r.QueueID, r.QueueOffset, unit[:])
		if want := (index.Unit{PhyOffset: r.PhyOffset, Size: r.Size, TagsCode: r.TagsCode}); ok && r.QueueOffset >= 0 && (n == 0 || unit[0] != want) {
			s.index.Doubt(r.PhyOffset)
		}
		b = b[v.Size():]
	}
	return s.mend()
}
