package store

import (
	"cmp"
	"fmt"
	"time"

	"pairmq/store/index"
)

// A scan is what recovery keeps from one record to the next.
type scan struct {
	s      *Store
	last   checked  // that was good: what visit is called with next
	topic  string   // of the last one visited that is in a queue
	keys   []uint32 // for the memory of hashes
	sealed int64    // where complete chunks were looked for last
	every  int64    // how much log later they are looked for again, in bytes

	from     int64     // where the scan began
	told     time.Time // when it was said how far it is
	readOnly bool      // the index's file is not to be written
}

// scanNews is how often a long scan says how far it is.
const scanNews = time.Second

// newScan is for recovery from the byte at from on.
func newScan(s *Store, from int64, readOnly bool) *scan {
	return &scan{s: s, sealed: from, every: min(cmp.Or(s.opts.ChunkBytes, 1<<20), 1<<20), from: from, told: time.Now(), readOnly: readOnly}
}

// check is the store's, and keeps what it found for visit.
func (sc *scan) check(b []byte, phyOffset int64) (int, error) {
	v, err := sc.s.checkRecord(b, phyOffset)
	if err == nil {
		sc.last = v
	}
	return v.size, err
}

// visit indexes one record that recovery found good. What is complete of the
// index goes to its file as it comes: a log without an index may have more
// records than there is memory for, and all that was visited is on the medium.
func (sc *scan) visit(b []byte, phyOffset int64) error {
	s, v := sc.s, sc.last.View
	if sc.last.size != len(b) || v.PhyOffset() != phyOffset {
		return fmt.Errorf("store: the record of %d bytes at %d is not the one that was checked", len(b), phyOffset)
	}
	s.queues.last = max(s.queues.last, v.StoreTimestamp())
	r := index.Record{Keys: sc.keys[:0]}
	if queued(v.SysFlag()) {
		sc.topic = s.follow(&v).topic
		r.Topic = sc.topic
	}
	fillIndexRecord(&r, &v)
	sc.keys = r.Keys
	s.index.Apply(r)
	end := phyOffset + int64(v.Size())
	if end-sc.sealed < sc.every {
		return nil
	}
	sc.sealed = end
	sc.tell(end)
	if sc.readOnly {
		return nil
	}
	if err := s.index.Seal(end); err != nil {
		return fmt.Errorf("store: seal index chunk: %w", err)
	}
	return nil
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
