package folder

import (
	"context"
	"fmt"
	"iter"

	"pairmq/store/record"
)

// A PartKind says what a part of a log is.
type PartKind uint8

// The kinds of parts.
const (
	ARecord PartKind = iota
	AFiller          // the rest of a segment, which holds nothing
	Wrong            // what Finding says
	TheEnd           // the last part: the log ends at Off
)

// A Part is a record, or what lies where one should be.
type Part struct {
	Kind    PartKind
	Off     int64       // bytes
	Size    int64       // bytes; of what was found by reading, 0
	Record  record.View // of ARecord; valid until the next part
	Finding Finding     // of Wrong
}

// Parts yields what the log consists of, in its order, from the first record that
// begins at from or behind, up to to, and then TheEnd. It stops with an error where
// nothing can be read any more, and when ctx ends.
func (l *Log) Parts(ctx context.Context, from, to int64) iter.Seq2[Part, error] {
	return func(yield func(Part, error) bool) {
		w := &walk{log: l, ctx: ctx, from: from, to: to, yield: yield}
		if err := w.all(); err != nil && !w.stopped {
			yield(Part{}, err)
		}
	}
}

// walk is one Parts under way.
type walk struct {
	log      *Log
	ctx      context.Context
	from, to int64
	yield    func(Part, error) bool
	stopped  bool // the one who asked wants no more
	pos      int64
	why      string // the log ends at pos
}

// put yields a part, unless it lies before what is wanted. It says whether to go on.
func (w *walk) put(p Part) bool {
	found := w.log.found
	w.log.found = nil
	for _, f := range found {
		if f.PhyOffset+f.Length > w.from && !w.stopped {
			w.stopped = !w.yield(Part{Kind: Wrong, Off: f.PhyOffset, Finding: f}, nil)
		}
	}
	before := p.Off < w.from && (p.Kind != Wrong || p.Off+p.Size <= w.from)
	if !before && p.Kind != TheEnd && p.Off >= w.to {
		w.yield(Part{Kind: TheEnd, Off: p.Off}, nil)
		w.stopped = true
	}
	if !w.stopped && (!before || p.Kind == TheEnd) {
		w.stopped = !w.yield(p, nil)
	}
	return !w.stopped
}

func (w *walk) wrong(f Finding) bool {
	return w.put(Part{Kind: Wrong, Off: f.PhyOffset, Size: f.Length, Finding: f})
}

// all walks over the segments. Those that end before what is wanted are left out.
func (w *walk) all() error {
	l := w.log
	w.pos = l.Start()
	for i := range l.segments {
		s := &l.segments[i]
		if s.base > w.pos && i > 0 && !w.missing(w.pos, s.base) {
			return nil
		}
		if w.pos = s.base; l.limitOf(s) <= w.from && i+1 < len(l.segments) && l.segments[i+1].base <= w.from {
			w.pos = l.segmentEnd(s.base)
			continue
		}
		ended, err := w.segment(i)
		if err != nil || w.stopped {
			return err
		}
		if ended {
			break
		}
	}
	w.finish()
	return nil
}

// missing reports the segments that are missing from one offset to another.
func (w *walk) missing(from, to int64) bool {
	n := (to - from + w.log.size - 1) / w.log.size
	return w.wrong(Finding{Kind: MissingSegment, File: segmentPath(from), PhyOffset: from, Length: to - from, Reason: fmt.Sprintf("%d segments of %d bytes are missing", n, w.log.size)})
}

// segment walks over one. It says whether the log ends in it.
func (w *walk) segment(i int) (ended bool, err error) {
	l, s := w.log, &w.log.segments[i]
	for limit := l.limitOf(s); w.pos < limit; {
		if err := w.ctx.Err(); err != nil {
			return false, err
		}
		v, err := l.judge(s, w.pos)
		if err != nil {
			return false, err
		}
		if v.kind != "" {
			if ended, err = w.damage(i, v); ended || err != nil || w.stopped {
				return ended, err
			}
			continue
		}
		p := Part{Off: w.pos, Size: v.size, Record: v.rec}
		if v.filler {
			p.Kind = AFiller
		}
		if !w.put(p) {
			return false, nil
		}
		w.pos += v.size
	}
	if i+1 < len(l.segments) {
		w.pos = l.segmentEnd(s.base) // where a file is too short, that was said already
	}
	return l.end > 0 && w.pos >= l.end, nil
}

// damage deals with bytes at pos that are no record: it goes on behind them, or finds
// that the log ends.
func (w *walk) damage(i int, v verdict) (ended bool, err error) {
	l, s := w.log, &w.log.segments[i]
	limit := l.limitOf(s)
	next, ok, err := l.nextGood(s, w.pos+1)
	if err != nil {
		return false, err
	}
	f := Finding{Kind: v.kind, File: s.name, PhyOffset: w.pos, Reason: v.reason}
	if ok {
		f.Length = next - w.pos
		w.wrong(f)
		w.pos = next
		return false, nil
	}
	goesOn := l.end > 0
	if !goesOn {
		if goesOn, err = w.goodBehind(i); err != nil {
			return false, err
		}
	}
	if !goesOn {
		return true, w.tail(s, f)
	}
	if w.pos == s.base && v.moved {
		f.Kind, f.Reason = ForeignSegment, "it begins with "+v.reason+": the file is another segment, or of another log"
	}
	f.Length = limit - w.pos
	w.wrong(f)
	w.pos = limit
	return false, nil
}

// goodBehind says whether a segment behind number i has a good record.
func (w *walk) goodBehind(i int) (bool, error) {
	for k := i + 1; k < len(w.log.segments); k++ {
		if err := w.ctx.Err(); err != nil {
			return false, err
		}
		s := &w.log.segments[k]
		if _, ok, err := w.log.nextGood(s, s.base); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// finish yields what is wrong with the end, and the end.
func (w *walk) finish() {
	l := w.log
	if w.pos < l.least && w.to > l.least {
		reason := fmt.Sprintf("the index knows that the log was on flash up to %d", l.least)
		if w.why != "" {
			reason += "; at its end: " + w.why
		}
		if !w.wrong(Finding{Kind: LogTooShort, File: segmentPath(w.pos - w.pos%max(l.size, 1)), PhyOffset: w.pos, Length: l.least - w.pos, Reason: reason}) {
			return
		}
	}
	w.put(Part{Kind: TheEnd, Off: w.pos})
}
