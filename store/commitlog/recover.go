package commitlog

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// RecoverOptions says what is known before the log is looked at.
type RecoverOptions struct {
	// From is where the scan begins, the start of a record or the log's end; what
	// lies before is taken as good. Before Start means Start.
	From int64
	// Durable: everything before it was flushed, or acknowledged by or to
	// somebody. If the log does not reach it, it is damaged.
	Durable int64
	// Clean: the log was stopped in order with its end at From, so that there
	// is no tail to look for. If a record begins there, it is not believed.
	Clean bool
	// Window is how many bytes behind the last sync a power cut can have torn,
	// as the last run's Window said. 0 takes this run's.
	Window int64
	// ReadOnly changes nothing and lets nothing be appended, whatever is found.
	ReadOnly bool
	// Check judges records; required.
	Check Checker
	// Visit is called with all good records, in order; nil is allowed. What they
	// lie in is valid until it returns. Its error ends Recover. It runs while Check
	// judges records further behind, but none of a later segment.
	Visit func(Stretch) error
}

// Recovery says what Recover found.
type Recovery struct {
	End         int64  // of the log, behind the last good record or filler
	Records     int64  // good ones since From
	Erased      int64  // bytes of a torn tail, from End on, that are zeros now
	Quarantined string // file that has a copy of them; "" if there is none
	Resume      int64  // on a damaged log: where the next good record begins; -1 if there is none
	Last        int64  // on a damaged log: what Stored is
}

// Recover finds the end of the log: it scans records from opts.From on until
// something is no record. That is a torn tail, which a power cut explains, if
// everything behind it lies within the window; its bytes are copied to
// quarantine and overwritten with zeros, durably, so that nothing of them can
// come back. Then Run may start. Everything that is left is durable.
//
// Otherwise Recover fails with ErrCorrupt and changes nothing: good records
// follow further behind, in a later segment, or the stop is before
// opts.Durable, or the medium cannot be read. The log can be read up to End
// then, and refuses appends; ReadStored and Patch reach up to Stored. Called again with From: Resume, Recover makes the
// records behind the damage readable as well.
func (l *Log) Recover(opts RecoverOptions) (Recovery, error) {
	if opts.Check == nil {
		return Recovery{}, errors.New("commitlog: RecoverOptions.Check is required")
	}
	l.mu.Lock()
	before := l.phase
	l.mu.Unlock()
	if before != opened && before != readOnly {
		return Recovery{}, fmt.Errorf("%w: Recover comes once, before Run", ErrClosed)
	}
	if opts.Window == 0 {
		opts.Window = l.opts.window()
	}
	opts.From = max(opts.From, l.start.Load())
	opts.Durable = max(opts.Durable, opts.From)
	if before == opened && !opts.ReadOnly {
		if err := l.tidy(); err != nil {
			return Recovery{}, fmt.Errorf("commitlog: recover: %w", err)
		}
	}
	s := &scanner{l: l, check: opts.Check}
	rec, stop, err := l.scan(s, opts)
	if err == nil && (stop != nil || rec.End < opts.Durable) {
		err = l.judge(s, opts, &rec, stop, before == readOnly || opts.ReadOnly)
	}
	switch {
	case err == nil && before == opened && !opts.ReadOnly:
		l.sound = opts.From
		l.settle(rec.End, recovered)
	case err == nil || errors.Is(err, ErrCorrupt):
		l.settle(rec.End, readOnly)
		l.last.Store(max(rec.Last, rec.End))
	}
	return rec, err
}

// tidy makes the folders and removes segments that were not finished.
func (l *Log) tidy() error {
	d := l.opts.FS
	if err := d.MkdirAll(path.Join(l.opts.Dir, recycleDir)); err != nil {
		return err
	}
	entries, err := l.readDir(l.opts.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if _, ours := parseName(strings.TrimSuffix(e.Name, tmpSuffix)); !ours || e.Dir || !strings.HasSuffix(e.Name, tmpSuffix) {
			continue
		}
		if err := d.Remove(path.Join(l.opts.Dir, e.Name)); err != nil {
			return err
		}
		if err := d.SyncDir(l.opts.Dir); err != nil {
			return err
		}
	}
	return nil
}

// scan visits records until stop says why there is no other. It is nil at the
// end of the last segment and for a log that was stopped in order.
func (l *Log) scan(s *scanner, opts RecoverOptions) (rec Recovery, stop, err error) {
	if opts.Visit == nil {
		opts.Visit = func(Stretch) error { return nil }
	}
	a, err := s.pass(min(opts.From, l.ready), l.ready, opts.Visit)
	if stop = a.stop; opts.Clean && a.records == 0 && !errors.Is(stop, errUnreadable) {
		stop = nil
	}
	return Recovery{End: a.end, Records: a.records, Resume: -1}, stop, err
}

// settle takes end for the log's end: all of it is on flash.
func (l *Log) settle(end int64, p phase) {
	l.told.mu.Lock()
	defer l.told.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.phase = p
	l.setEnd(end)
}

// setEnd sets all watermarks. l.told.mu and l.mu are held, and nothing is unwritten.
func (l *Log) setEnd(end int64) {
	l.end.Store(end)
	l.durable.Store(end)
	l.written.Store(end)
	l.owed.Store(min(l.owed.Load(), end))
	l.told.durable, l.told.confirmed = end, end
	l.limit = end
	if s := l.find(end); s != nil {
		l.limit = s.end
	}
}
