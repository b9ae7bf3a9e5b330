package store

import (
	"errors"
	"fmt"
	"time"

	"pairmq/store/commitlog"
	"pairmq/store/record"
)

// Put appends ms, which share topic and queue, as consecutive records and
// fills in PhyOffset, QueueOffset, StoreTimestamp and StoreHost of each. It
// copies what it keeps; the bodies are the caller's again when it returns.
//
// done is called exactly once, from another goroutine: with nil when the flush
// policy has kept its promise (SyncFlush: on flash), with ErrFlushTimeout or
// ErrFailed when it could not; then the messages are stored and what becomes of
// them is unknown. If Put returns an error, nothing was stored and done is not
// called. Put waits while more is unwritten than the log allows.
func (s *Store) Put(ms []record.Message, done func(error)) error { return s.putAt(ms, done, false) }

// putAt is Put, or PutAnew.
func (s *Store) putAt(ms []record.Message, done func(error), anew bool) error {
	if len(ms) == 0 {
		return errors.New("store: Put of no messages")
	}
	if s.down.Load() {
		return fmt.Errorf("%w: the broker is stopping", ErrReadOnly)
	}
	s.gate.mu.RLock()
	defer s.gate.mu.RUnlock()
	if err := s.gate.pass(); err != nil {
		return err
	}
	if err := s.roomToPut(anew); err != nil {
		return err
	}
	p := s.puts.get()
	defer s.puts.put(p)
	p.s, p.ms = s, ms
	total, err := p.prepare(time.Now())
	if err != nil {
		return err
	}
	if anew { // it goes where it was soon
		p.quota = s.quotas.add(ms[0].Topic, p.counts)
	} else if p.quota, err = s.quotas.reserve(ms[0].Topic, p.counts); err != nil {
		return err
	}
	p.entries[len(ms)-1].done = done
	if err := s.append(total, p); err != nil {
		s.quotas.giveBack(p.quota, p.counts)
		return putError(err)
	}
	s.stats.puts.Add(int64(len(ms)))
	s.stats.putBytes.Add(int64(total))
	p.entries[0].queue.count.put(len(ms), total)
	return nil
}

// append hands p to the log, with what is promised of its topic.
func (s *Store) append(total int, p *put) (err error) {
	if s.opts.Within == nil || s.opts.Copy {
		_, err = s.clog.Append(total, p)
		return err
	}
	_, err = s.clog.AppendWithin(total, s.opts.Within(p.ms[0].Topic), p)
	return err
}

// putError gives the log's errors the names that callers know.
func putError(err error) error {
	for _, p := range []struct{ from, to error }{
		{commitlog.ErrFailed, ErrFailed}, {commitlog.ErrReadOnly, ErrReadOnly},
		{commitlog.ErrFull, ErrDiskFull}, {commitlog.ErrBusy, ErrBusy}, {commitlog.ErrClosed, ErrReadOnly}, {commitlog.ErrTooLarge, ErrTooLarge},
	} {
		if errors.Is(err, p.from) {
			return fmt.Errorf("%w: %w", p.to, err)
		}
	}
	return err
}

// A put is one Put on its way into the log.
type put struct {
	s       *Store
	ms      []record.Message
	entries []pendingEntry // one per message
	now     time.Time
	quota   *holding // nil: none
	counts  int64    // bytes that count there: prepared messages are nobody's yet
}

// prepare does what needs no lock: it checks and measures the records and
// hashes their tags and keys. It returns the bytes they take together.
func (p *put) prepare(now time.Time) (total int, err error) {
	p.now = now
	for i := range p.ms {
		m := &p.ms[i]
		m.StoreHost = p.s.opts.StoreHost
		n, err := p.size(m)
		if err != nil {
			return 0, err
		}
		total += n
		if queued(m.SysFlag) {
			p.counts += int64(n)
		}
		e := pendingEntry{size: int32(n), queued: queued(m.SysFlag), putAt: now}
		tags, _ := record.Property(m.Properties, "TAGS")
		e.tags = record.TagsCode(tags)
		e.keys = keyHashes(m.Topic, m.Properties)
		p.entries = append(p.entries, e)
	}
	return total, nil
}

func (p *put) size(m *record.Message) (int, error) {
	if p.s.opts.RecordCRC {
		return record.SizeCRC(m)
	}
	return record.Size(m)
}

// Fill gives the messages their offsets and writes their records to dst, which
// lies at phyOffset; package commitlog calls it under the log's lock, so that
// offsets, timestamps and pending entries come in one order.
func (p *put) Fill(dst []byte, phyOffset int64) {
	t := &p.s.queues
	t.mu.Lock()
	q := t.get(p.s.index, p.ms[0].Topic, p.ms[0].QueueID)
	stamp := t.stamp(p.now.UnixMilli())
	p.s.quotas.place(p.quota, phyOffset, p.counts)
	for i := range p.ms {
		m, e := &p.ms[i], &p.entries[i]
		m.PhyOffset, m.StoreTimestamp, m.QueueOffset = phyOffset, stamp, 0
		if e.queued {
			m.QueueOffset = q.next
			q.next++
		}
		p.encode(dst[:0:e.size], m)
		e.queue, e.offset, e.stamp, e.phy = q, m.QueueOffset, stamp, phyOffset
		dst, phyOffset = dst[e.size:], phyOffset+int64(e.size)
	}
	t.end = phyOffset
	t.mu.Unlock()
	p.s.pending.add(p.entries)
}

// encode writes m's record into the room at dst, whose capacity it fills.
func (p *put) encode(dst []byte, m *record.Message) {
	if p.s.opts.RecordCRC {
		record.AppendCRC(dst, m)
		return
	}
	record.Append(dst, m)
}

// queued says whether a record enters its consume queue: prepared and
// rolled-back halves of transactions do not.
func queued(sysFlag int32) bool {
	kind := sysFlag & record.SysTransactionMask
	return kind == 0 || kind == record.SysCommit
}
