package store

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"pairmq/store/commitlog"
)

// A Follower writes the log of a slave: bytes of another log, as they are. It
// indexes the records in them, and shows none that is not whole and sound. While
// one is in use, nothing else is stored. It is for one goroutine; Acked may be
// called from any.
type Follower struct {
	s    *Store
	walk walk
}

// Follow returns the Follower of a store: opened with Options.Copy, it is used
// in place of any Put; otherwise before any Put, until Done.
func (s *Store) Follow() *Follower {
	s.follower = &Follower{s: s, walk: walk{s: s, head: s.clog.End()}}
	return s.follower
}

// Done ends the copying: from now on the store stores by itself. Half a record at
// the end is cut off.
func (f *Follower) Done() error {
	s := f.s
	if f.walk.head != f.End() {
		if _, err := f.Truncate(f.walk.head); err != nil {
			return err
		}
	}
	if err := s.settle(); err != nil {
		return err
	}
	s.follower, s.crcSince = nil, noCRC // it has copied what it had to take as it came
	if err := s.recount(func(string) bool { return true }); err != nil {
		return err
	}
	return s.markOpen()
}

// Start is the offset of the first byte there is.
func (f *Follower) Start() int64 { return f.s.clog.Start() }

// End is the end of what was appended; a record may be cut there.
func (f *Follower) End() int64 { return f.s.clog.End() }

// Acked is the end of what the flush policy covers.
func (f *Follower) Acked() int64 { return f.s.Confirmed() }

// SegmentSize is the size of the log's files in bytes.
func (f *Follower) SegmentSize() int64 { return f.s.opts.SegmentSize }

// ReadRaw reads what was appended, as Store.ReadRaw does.
func (f *Follower) ReadRaw(p []byte, off int64) (int, error) {
	p = p[:max(0, min(int64(len(p)), f.End()-off))]
	if off+int64(len(p)) > f.s.clog.Written() {
		if err := f.s.settle(); err != nil {
			return 0, err
		}
	}
	return f.s.readLog(p, off)
}

// settle waits until all that was appended is written and on flash.
func (s *Store) settle() error {
	if _, err := s.clog.Truncate(s.clog.End()); err != nil { // cuts nothing off
		return fmt.Errorf("store: wait for the log to be written: %w", err)
	}
	return nil
}

// AppendRaw appends b at off, which must be End. b may begin and end inside a
// record. If what it completes is not a sound record that belongs there, AppendRaw
// fails with ErrNotLog and appends nothing. It waits while the disk does not keep
// up. If it fails otherwise, what lies before End was appended.
func (f *Follower) AppendRaw(off int64, b []byte) error {
	if end := f.End(); off != end {
		return fmt.Errorf("%w: bytes of %d at the end %d", ErrNotLog, off, end)
	}
	before := f.walk
	if err := f.walk.take(b); err != nil {
		f.walk = before
		return err
	}
	f.s.pending.add(f.walk.entries)
	n, err := f.append(off, b)
	if err != nil { // the walk goes back to where the log ends
		f.walk = before
		err = errors.Join(err, f.walk.take(b[:n]))
		f.s.pending.cut(off + int64(n))
	}
	f.s.stats.puts.Add(int64(len(f.walk.entries)))
	f.s.stats.putBytes.Add(int64(n))
	for i := range f.walk.entries {
		e := &f.walk.entries[i]
		e.queue.count.put(1, int(e.size))
	}
	return err
}

// Sound says how much of b a record or filler is that is to lie at off, wherever the
// log is. It is 0 while b has less than the whole record; it fails with ErrNotLog if
// none lies there that is sound. Nothing of b is kept.
func (f *Follower) Sound(off int64, b []byte) (int, error) {
	w := walk{s: f.s, head: off, judges: true}
	return w.one(b)
}

// append appends all of b, however long the disk takes.
func (f *Follower) append(off int64, b []byte) (n int, err error) {
	for {
		m, err := f.s.clog.AppendRaw(off+int64(n), b[n:])
		n += m
		switch {
		case err == nil:
			return n, nil
		case !errors.Is(err, commitlog.ErrBusy) || f.s.down.Load():
			return n, putError(err)
		}
	}
}

// Boundary returns where the record or filler begins that holds the byte at
// off, or would if it were complete; off itself where one begins.
func (f *Follower) Boundary(off int64) (int64, error) {
	if off >= f.walk.head {
		return f.walk.head, nil
	}
	if err := f.s.settle(); err != nil {
		return 0, err
	}
	size := f.s.opts.SegmentSize
	pos := off / size * size
	in := bufio.NewReaderSize(io.NewSectionReader(f.s.clog, pos, off+4-pos), 256<<10)
	for {
		var head [4]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return 0, fmt.Errorf("store: walk the log at %d: %w", pos, err)
		}
		n := int64(binary.BigEndian.Uint32(head[:]))
		if n < int64(len(head)) || pos%size+n > size {
			return 0, fmt.Errorf("%w: %d bytes at %d", ErrNotLog, n, pos)
		}
		if pos+n > off {
			return pos, nil
		}
		if _, err := in.Discard(int(n) - len(head)); err != nil {
			return 0, fmt.Errorf("store: walk the log at %d: %w", pos, err)
		}
		pos += n
	}
}

// Truncate cuts the log off at end, a Boundary, and returns the file in which
// what was cut off is set aside. Consumer offsets beyond go back. Durable on
// return. After a power cut on the way the log is longer than asked, but sound.
func (f *Follower) Truncate(end int64) (file string, err error) {
	s := f.s
	if err := s.settle(); err != nil {
		return "", err
	}
	s.cleaning.Lock() // who gives back segments looks at records as far as the log goes
	defer s.cleaning.Unlock()
	if err := s.forgetFrom(end); err != nil {
		return "", err
	}
	file, err = s.clog.Truncate(end)
	if err != nil {
		return "", fmt.Errorf("store: truncate to %d: %w", end, err)
	}
	s.scrubber.flaws.forgetFrom(end)
	f.begin(end)
	return file, nil
}

// forgetFrom lets the index forget what lies at and behind end, before the log
// does: the index may lag behind it, never lead.
func (s *Store) forgetFrom(end int64) error {
	s.releasing.Lock()
	defer s.releasing.Unlock()
	s.pending.cut(end)
	if err := s.index.Truncate(end); err != nil {
		return fmt.Errorf("store: cut the index at %d: %w", end, err)
	}
	// Of the chunk that is cut, what lies before the log's start was given back.
	for r, err := range s.records(max(s.index.Checkpoint(), s.clog.Start()), end) {
		if err != nil {
			return fmt.Errorf("store: index again up to %d: %w", end, err)
		}
		s.index.Apply(r)
	}
	s.index.ClampOffsets()
	s.queues.forgetAll()
	return nil
}

// Reset lets an empty log begin at start, a multiple of SegmentSize.
func (f *Follower) Reset(start int64) error {
	f.s.cleaning.Lock()
	defer f.s.cleaning.Unlock()
	if err := f.s.clog.Reset(start); err != nil {
		return fmt.Errorf("store: begin at %d: %w", start, err)
	}
	f.s.scrubber.flaws.forgetFrom(0)
	f.begin(start)
	return nil
}

// begin sets all watermarks to end, where nothing is appended yet.
func (f *Follower) begin(end int64) {
	f.walk = walk{s: f.s, head: end}
	f.s.confirmedEnd.Store(end)
	f.s.durable.Store(end)
	f.s.visible.Store(end)
}
