package commitlog

import "fmt"

// Visit reads the log from from on, where a record begins, up to to, as the medium
// has it, and calls visit with each good record, in order; b is valid until it
// returns. Its error ends Visit. end is behind the last good record or filler. Visit
// fails with ErrCorrupt at the first thing before to that is neither. It is for a
// log that Recover has looked at.
func (l *Log) Visit(from, to int64, check Checker, visit func(b []byte, phyOffset int64) error) (end int64, err error) {
	rec, stop, err := l.scan(&scanner{l: l, check: check}, RecoverOptions{From: from, Visit: visit}, min(to, l.Stored()))
	if err == nil && stop != nil {
		err = fmt.Errorf("%w at offset %d: %w", ErrCorrupt, rec.End, stop)
	}
	return rec.End, err
}
