package store

import (
	"cmp"
	"fmt"
	"time"

	"pairmq/store/commitlog"
	"pairmq/store/index"
	"pairmq/store/record"
)

// A scan is what recovery keeps from one stretch of records to the next.
type scan struct {
	s      *Store
	noted  *gatherer // what the index gets at once
	sealer *sealer   // nil: the index's file is not to be written
	sealed int64     // where complete chunks were looked for last
	every  int64     // how much log later they are looked for again, in bytes
	newest int64     // store timestamp, in ms
	// applied, unless nil, is told of the records that can be found from now on.
	applied func([]index.Record)

	from int64     // where the scan began
	told time.Time // when it was said how far it is
}

// scanNews is how often a long scan says how far it is.
const scanNews = time.Second

// atOnce is how many records the index gets at once: its readers wait meanwhile.
const atOnce = 256

// newScan is for recovery from the byte at from on. It ends with finish.
func newScan(s *Store, from int64, readOnly bool) *scan {
	sc := &scan{s: s, noted: newGatherer(), sealed: from, every: cmp.Or(s.opts.ChunkBytes, 16<<20) / 4, from: from, told: time.Now()}
	if !readOnly {
		sc.sealer = newSealer(s.index)
	}
	return sc
}

// finish waits until all of the index is written that was complete.
func (sc *scan) finish() error {
	if sc.sealer == nil {
		return nil
	}
	return sc.sealer.finish()
}

// visit indexes records that recovery found good. What is complete of the index
// goes to its file as it comes: a log without an index may have more records than
// there is memory for, and all that was visited is on the medium.
func (sc *scan) visit(st commitlog.Stretch) error {
	for at, b := range st.Records() {
		v, err := record.Parse(b, sc.s.limits)
		if err != nil {
			return fmt.Errorf("store: the record at %d was good before: %w", at, err)
		}
		r := sc.noted.add(&v)
		sc.newest = max(sc.newest, r.StoreTimestamp)
		if len(sc.noted.records) == atOnce {
			sc.apply()
		}
	}
	sc.apply()
	end := st.End()
	if end-sc.sealed < sc.every {
		return nil
	}
	sc.sealed = end
	sc.tell(end)
	if sc.sealer == nil {
		return nil
	}
	return sc.sealer.seal(end)
}

// apply gives the index what was noted.
func (sc *scan) apply() {
	sc.s.index.ApplyAll(sc.noted.records)
	if sc.applied != nil {
		sc.applied(sc.noted.records)
	}
	sc.noted.reset()
}

// tell says now and then that the scan has come to the byte at end.
func (sc *scan) tell(end int64) {
	now := time.Now()
	if now.Sub(sc.told) < scanNews {
		return
	}
	sc.told = now
	s := sc.s
	segments, _ := s.clog.Files()
	total := s.clog.Start() + int64(segments)*s.opts.SegmentSize - sc.from
	s.log.Info("recovering", "bytes", end-sc.from, "ofAbout", total)
	if s.opts.Recovering != nil {
		s.opts.Recovering(end-sc.from, total)
	}
}
