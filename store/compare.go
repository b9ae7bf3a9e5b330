package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"pairmq/store/record"
)

// A Peer is the other half of a pair, which has the same log.
type Peer struct {
	Start, End int64 // of what it has, in bytes
	// Read reads its log as ReadStored does: at least one byte, or an error.
	Read func(ctx context.Context, p []byte, off int64) (int, error)
}

// A FindingKind says where a part of two logs is bad.
type FindingKind string

// The kinds. Where a record is good in both logs and not the same, only people can
// tell which is right: mostly the logs have parted, and differ up to their end.
const (
	Repaired FindingKind = "REPAIRED"  // it was bad here, and is now as the peer has it
	BadHere  FindingKind = "BAD_HERE"  // the peer has it
	BadThere FindingKind = "BAD_THERE" // this log has it
	BadBoth  FindingKind = "BAD_BOTH"
	Diverged FindingKind = "DIVERGED"
)

// A Finding is one part in which two logs differ.
type Finding struct {
	Kind    FindingKind `json:"kind"`
	From    int64       `json:"from"` // bytes
	To      int64       `json:"to"`
	Records int         `json:"records,omitempty"` // that were or could be repaired
	Here    string      `json:"here,omitempty"`    // what is wrong in this log
	There   string      `json:"there,omitempty"`   // and in the peer's
	Copy    string      `json:"copy,omitempty"`    // file with the bytes that were replaced
	Note    string      `json:"note,omitempty"`    // why it was not repaired
}

// A Comparison is what Compare found.
type Comparison struct {
	End      int64     `json:"end"`              // up to here; less than asked after maxFindings, or where the logs part
	Parted   bool      `json:"parted,omitempty"` // the last finding is Diverged, and they are not the same again
	Findings []Finding `json:"findings"`
}

// maxFindings bounds what one Compare returns.
const maxFindings = 64

// Compare compares the log from start to end, in bytes, with that of p, and says
// of each part that differs in which of the two the records are bad. With repair,
// those that are bad here and good there are written over; what was there is set
// aside first, and what is written was checked to be whole records that belong
// there. It may run beside everything else, in one goroutine at a time, and takes
// some MiB of memory. It fails with ErrNotFound if one of the logs has not all of
// the range.
func (s *Store) Compare(ctx context.Context, start, end int64, p Peer, repair bool) (Comparison, error) {
	from, to := s.Bounds()
	if from, to = max(from, p.Start), min(to, p.End); start < from || start > end || end > to {
		return Comparison{}, fmt.Errorf("%w: bytes %d to %d, both logs have %d to %d", ErrNotFound, start, end, from, to)
	}
	_, own := s.Bounds()
	c := &comparing{
		s: s, end: end, repair: repair,
		here:  window{read: s.ReadStored, end: own, size: s.opts.SegmentSize},
		there: window{read: func(b []byte, off int64) (int, error) { return p.Read(ctx, b, off) }, end: p.End, size: s.opts.SegmentSize},
	}
	for at := start; at < end; {
		if c.found.End = at; len(c.found.Findings) >= maxFindings {
			return c.found, nil
		}
		if err := ctx.Err(); err != nil {
			return c.found, err
		}
		next, err := c.step(at)
		if err != nil {
			return c.found, fmt.Errorf("store: compare at %d: %w", at, err)
		}
		if c.found.Parted {
			return c.found, nil
		}
		at = next
	}
	c.found.End = end
	return c.found, nil
}

// comparing is one Compare under way.
type comparing struct {
	s           *Store
	here, there window
	end         int64
	repair      bool
	settled     int64 // examined up to here
	found       Comparison
}

// step compares a piece from at on and returns where to go on: at its end, or
// behind the first record in it that is not the same.
func (c *comparing) step(at int64) (int64, error) {
	n := min(windowPiece, c.end-at)
	ours, err := c.here.bytes(at, n)
	if err != nil {
		return 0, err
	}
	theirs, err := c.there.bytes(at, int64(len(ours)))
	if err != nil {
		return 0, err
	}
	for i, b := range theirs {
		if ours[i] != b {
			return c.examine(at + int64(i))
		}
	}
	return at + int64(len(ours)), nil
}

// examine finds out what is wrong with the records up to the one that holds the byte
// at off, and returns where that ends. What was examined before is not looked at
// again: where it was not repaired, it is as bad as it was.
func (c *comparing) examine(off int64) (int64, error) {
	at, err := c.s.boundary(&c.here, off)
	for at = max(at, c.settled); err == nil && at <= off; c.settled = at {
		at, err = c.record(at)
	}
	return at, err
}

// record compares what both logs have at at, where a record begins in one of them at
// least, and returns where to go on.
func (c *comparing) record(at int64) (int64, error) {
	ours, err := c.s.judge(&c.here, at)
	if err != nil {
		return 0, err
	}
	theirs, err := c.s.judge(&c.there, at)
	switch {
	case err != nil:
		return 0, err
	case ours.bad == nil && theirs.bad == nil && ours.filler && theirs.filler:
		return at + ours.size, nil // what lies behind a filler's head is nobody's
	case ours.bad == nil && theirs.bad == nil:
		return c.differ(at, ours, theirs)
	case ours.bad == nil:
		c.add(Finding{Kind: BadThere, From: at, To: at + ours.size, There: theirs.bad.Error()})
		return at + ours.size, nil
	case theirs.bad == nil:
		return c.mend(at, ours)
	}
	next, err := c.nextInEither(at + 1)
	if err != nil {
		return 0, err
	}
	c.add(Finding{Kind: BadBoth, From: at, To: next, Here: ours.bad.Error(), There: theirs.bad.Error()})
	return next, nil
}

// errNoSum: a record without a checksum of all of itself, which the other log has.
var errNoSum = errors.New("store: the record's checksum is damaged")

// differ handles records at at that are both good. If they differ in their properties
// alone, the one that has a checksum over them is right.
func (c *comparing) differ(at int64, ours, theirs verdict) (int64, error) {
	if ours.filler || theirs.filler || ours.size != theirs.size {
		c.part(at)
		return c.end, nil
	}
	a, err := c.here.bytes(at, ours.size)
	if err != nil {
		return 0, err
	}
	b, err := c.there.bytes(at, ours.size)
	if err != nil {
		return 0, err
	}
	va, erra := record.Parse(a, c.s.limits)
	vb, errb := record.Parse(b, c.s.limits)
	if err := errors.Join(erra, errb); err != nil {
		return 0, err
	}
	next := at + ours.size
	if bytes.Equal(a, b) {
		return next, nil
	}
	if head := len(a) - len(va.Properties()); va.HasCRC() != vb.HasCRC() && bytes.Equal(a[:head], b[:head]) {
		if vb.HasCRC() {
			return c.mend(at, verdict{bad: errNoSum})
		}
		c.add(Finding{Kind: BadThere, From: at, To: next, There: errNoSum.Error()})
		return next, nil
	}
	if same, err := c.sameAt(next); err != nil || !same {
		c.part(at)
		return c.end, err
	}
	c.add(Finding{Kind: Diverged, From: at, To: next})
	return next, nil
}

// part notes that the logs have nothing in common from at on.
func (c *comparing) part(at int64) {
	c.found.Parted = true
	c.add(Finding{Kind: Diverged, From: at, To: c.end})
}

func (c *comparing) add(f Finding) { c.found.Findings = append(c.found.Findings, f) }

// nextInEither is where the first good record of the two logs begins behind a
// place that is bad in both; without one, the segment's end.
func (c *comparing) nextInEither(off int64) (int64, error) {
	next := c.s.segmentEnd(off - 1)
	for _, w := range []*window{&c.here, &c.there} {
		at, ok, err := c.s.nextGood(w, off, next)
		if err != nil {
			return 0, err
		}
		if ok {
			next = at
		}
	}
	return min(next, c.here.end, c.there.end), nil
}
