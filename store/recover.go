package store

import (
	"errors"
	"fmt"

	"pairmq/store/commitlog"
	"pairmq/store/index"
	"pairmq/store/record"
)

// Names below the store's folder.
const (
	commitLogDir  = "commitlog"
	quarantineDir = "quarantine"
	indexFile     = "meta.db"
	offsetsFile   = "offsets.wal"
	backupFile    = "meta.bak"
)

// recover opens index and log, indexes again what the index has not sealed,
// and finds where the log ends.
func (s *Store) recover() error {
	if err := s.openFiles(); err != nil {
		return err
	}
	if s.opts.Decide != nil {
		s.opts.Copy, s.opts.Hold = s.opts.Decide(s.index.Value)
	}
	from, known, clean := s.scanFrom()
	times, err := failures(s.opts.FS)
	if err != nil {
		return fmt.Errorf("store: how often has the disk failed: %w", err)
	}
	worn := times >= maxFailures || s.frozen
	s.worn = worn
	window := parseMark(s.index.Mark()).window
	if !worn {
		if opened, err := s.openBehind(from, window); opened || err != nil {
			return err
		}
	}
	sc := newScan(s, from, worn)
	rec, err := s.clog.Recover(commitlog.RecoverOptions{From: from, Durable: known, Clean: clean, Window: window, ReadOnly: worn, Check: s.check, Visit: sc.visit})
	if serr := sc.finish(); serr != nil {
		err = serr
	}
	s.queues.last = max(s.queues.last, sc.newest, s.index.Newest())
	switch {
	case errors.Is(err, commitlog.ErrCorrupt):
		s.damaged, s.corrupt, s.mendable = true, true, !worn
		s.log.Error("the commit log is damaged; the store is read-only. The other broker of the pair is asked for what is bad; without one, keep the folder, let consumers drain, and see pairmq log export",
			"phyOffset", rec.End, "nextGood", rec.Resume, "end", rec.Last, "err", err)
	case err != nil:
		return fmt.Errorf("store: recover commit log: %w", err)
	case s.frozen:
		s.damaged = true // Open says so
	case worn:
		s.damaged = true
		s.log.Error("the disk has failed several times in a row; the store is read-only. Let consumers drain and replace the medium; after ten minutes the next start tries again",
			"timesInARow", times, "file", s.opts.FS.RealPath(failuresFile))
	}
	if !s.damaged { // else the index keeps what it knows of the part that cannot be read
		if err := s.index.Truncate(s.clog.End()); err != nil {
			return fmt.Errorf("store: cut the index at the log's end %d: %w", s.clog.End(), err)
		}
	}
	s.visible.Store(s.clog.End())
	s.confirmedEnd.Store(s.clog.End())
	s.durable.Store(s.clog.Durable())
	if s.frozen {
		s.queues.forgetAll()
		return nil
	}
	if err := s.markOpen(); err != nil {
		return err
	}
	if err := s.index.Seal(s.durable.Load()); err != nil {
		return fmt.Errorf("store: seal index chunk: %w", err)
	}
	if err := s.mend(); err != nil {
		return err
	}
	if !s.damaged {
		s.index.ClampOffsets()
	}
	s.queues.forgetAll() // from here on a queue goes on where the index ends
	s.log.Info("store open", "minPhyOffset", s.clog.Start(), "maxPhyOffset", s.clog.End(), "scannedFrom", from, "scannedBytes", s.clog.End()-from)
	return nil
}

func (s *Store) openFiles() (err error) {
	o := &s.opts
	openIndex := index.Open
	if s.frozen {
		openIndex = index.OpenFrozen
	}
	s.index, err = openIndex(index.Options{
		FS: o.FS, File: indexFile, Journal: offsetsFile, Backup: backupFile, Quarantine: quarantineDir,
		ChunkBytes: o.ChunkBytes, JournalBytes: o.JournalBytes, NoSync: o.IndexNoSync, Log: o.Log,
	})
	if err != nil {
		return fmt.Errorf("store: open index: %w", err)
	}
	s.clog, err = commitlog.Open(commitlog.Options{
		FS: o.FS, Dir: commitLogDir, Quarantine: quarantineDir, SegmentSize: o.SegmentSize,
		SyncFlush: o.SyncFlush, SyncApart: o.Copy, Classes: o.Within != nil && !o.Copy, FlushInterval: o.FlushInterval, FlushLinger: o.FlushLinger,
		Confirmed: s.confirmed, Durable: s.flushed, MayGrow: s.mayGrow, MakeRoom: func() { s.makeRoom(1) }, Log: o.Log,
	})
	if err != nil {
		return fmt.Errorf("store: open commit log: %w", err)
	}
	s.times.Log = s.clog.Times()
	return nil
}

// scanFrom says where recovery begins to read, and up to where the log is known
// to be whole. After a clean stop that is its end, if the bytes before it are
// still those of then. Otherwise it reads from the beginning of the segment in
// which the index's newest chunk ends: what was cut off before that end must not
// pass for a log that ends there.
func (s *Store) scanFrom() (from, known int64, clean bool) {
	checkpoint := s.index.Checkpoint()
	m := parseMark(s.index.Mark())
	defer func() { s.unclean = !clean && len(s.index.Mark()) > 0 }()
	s.crcSince = m.crcSince
	if m.clean && m.end == checkpoint {
		if got, err := s.tailSum(m.end); err == nil && got == m.sum {
			return m.end, m.end, true
		}
	}
	known = m.end
	segment := max(checkpoint-1, 0) / s.opts.SegmentSize * s.opts.SegmentSize
	return max(segment, s.clog.Start()), max(known, checkpoint), false
}

// markOpen replaces the mark before the first append: a clean one promises that
// nothing follows, and recovery must know which records to expect. Nothing is
// appended to a damaged log: the next start must know of it what this one knew.
func (s *Store) markOpen() error {
	if s.damaged {
		return nil
	}
	switch {
	case !s.opts.RecordCRC || s.opts.Copy:
		s.crcSince = noCRC
	case s.crcSince == noCRC:
		s.crcSince = s.clog.End()
	}
	if err := s.index.SetMark(mark{crcSince: s.crcSince, window: s.clog.Window()}.appendTo(nil)); err != nil {
		return fmt.Errorf("store: replace the mark of the last stop: %w", err)
	}
	return nil
}

// stopClean seals the index and leaves the mark of a clean stop, unless the
// log failed or was damaged, ends within a record or has none.
func (s *Store) stopClean() error {
	if s.frozen {
		return nil
	}
	if s.damaged || s.clog.Failed() != nil || s.index.Failed() != nil {
		if failed := errors.Join(s.clog.Failed(), s.index.Failed()); failed != nil {
			s.noteFailure(failed)
		}
		return nil // the next start finds out what is on flash
	}
	end := s.clog.Durable()
	if s.follower != nil && s.follower.walk.head != end {
		return nil // half a record at the end: the next start cuts it off
	}
	if end > 0 && end == s.clog.Start() {
		return nil // nothing that a mark could sum up: a copy that has begun, or was cut off where it begins
	}
	if err := s.index.SealAll(end); err != nil {
		return fmt.Errorf("store: seal the index: %w", err)
	}
	sum, err := s.tailSum(end)
	if err != nil {
		return fmt.Errorf("store: mark the clean stop: %w", err)
	}
	if err := s.index.SetMark(mark{crcSince: s.crcSince, clean: true, end: end, sum: sum}.appendTo(nil)); err != nil {
		return fmt.Errorf("store: mark the clean stop: %w", err)
	}
	return nil
}

// check judges the record at the front of b for the commit log's recovery: it
// must lie where it says, and its checksums must be right.
func (s *Store) check(b []byte, phyOffset int64) (int, error) {
	v, err := record.Parse(b, s.limits)
	switch {
	case errors.Is(err, record.ErrShort):
		return 0, fmt.Errorf("%w: %w", commitlog.ErrShort, err)
	case errors.Is(err, record.ErrBlank):
		return 0, fmt.Errorf("%w: %w", commitlog.ErrBlank, err)
	case err != nil:
		return 0, err
	case v.PhyOffset() != phyOffset:
		return 0, fmt.Errorf("store: the record at %d says it lies at %d", phyOffset, v.PhyOffset())
	}
	if err := v.CheckWhole(); err != nil {
		return v.Size(), err
	}
	if phyOffset >= s.crcSince && !v.HasCRC() { // or it was torn just before it
		return v.Size(), fmt.Errorf("store: the record at %d is torn: its checksum is missing", phyOffset)
	}
	return v.Size(), nil
}

// indexRecord is what the index remembers of a record.
func indexRecord(v *record.View) index.Record {
	var r index.Record
	fillIndexRecord(&r, v)
	return r
}

// fillIndexRecord is indexRecord, of which the topic may be there already, and
// memory for keys.
func fillIndexRecord(r *index.Record, v *record.View) {
	if r.Topic == "" {
		r.Topic = string(v.Topic())
	}
	r.PhyOffset, r.Size, r.QueueID, r.QueueOffset = v.PhyOffset(), int32(v.Size()), v.QueueID(), -1
	r.StoreTimestamp = v.StoreTimestamp()
	r.TagsCode, r.Keys = v.Hashes(r.Keys)
	if queued(v.SysFlag()) {
		r.QueueOffset = v.QueueOffset()
	}
}
