package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"pairmq/store/index"
	"pairmq/store/record"
)

// Limits of one Get, RocketMQ's own (MessageStoreConfig): records handed out
// together, and index entries looked at for them.
const (
	maxGetMessages = 32
	maxGetBytes    = 256 << 10
	minScanEntries = 800
)

// nearby is the gap in bytes between two records of a queue across which one
// read is cheaper than two.
const nearby = 4 << 10

// Get reads records of one queue from queue offset on that pass f (nil passes
// all): at most maxMsgs (and 32), at most maxBytes (and 256 KiB) but always one. A
// PropertyFilter is shown records until about 4 MiB were read for it.
// Consumers see here nothing beyond what the flush policy has confirmed. The
// statuses and offsets are those of RocketMQ 4.9.7's getMessage. A record that is
// damaged is an error, and looked at soon; once it is known to be lost it is passed
// over, as if no filter let it through.
func (s *Store) Get(topic string, queueID int32, offset int64, maxMsgs, maxBytes int, f Filter) (Result, error) {
	return s.GetWithin(topic, queueID, offset, maxMsgs, maxBytes, f, nil)
}

// A Room is where what is read has to find room.
type Room interface {
	Reserve(bytes int) error
}

// GetWithin is Get for who has to find room first: room is asked for the bytes that
// the records have before memory is taken for them, and an error of its ends it.
func (s *Store) GetWithin(topic string, queueID int32, offset int64, maxMsgs, maxBytes int, f Filter, room Room) (Result, error) {
	began := time.Now()
	r, units, err := s.find(topic, queueID, offset, maxMsgs, maxBytes, f)
	if err == nil && len(units) > 0 && room != nil {
		if err := room.Reserve(sizeOf(units)); err != nil {
			return r, err
		}
	}
	if err == nil && len(units) > 0 {
		var good int
		if good, err = s.load(&r, units); err != nil && good > 0 { // what lies before the damage is served
			return s.Get(topic, queueID, offset, good, maxBytes, f)
		}
		if err == nil && r.Status == MessageWasRemoving { // a segment was given back meanwhile: there may be others
			if first := s.MinOffset(topic, queueID); first > offset {
				r.MinOffset, r.NextBeginOffset = first, min(r.NextBeginOffset, first)
			}
		}
	}
	if r.Status == Found {
		s.stats.found.Add(1)
		s.stats.gets.Add(int64(r.Count))
		s.stats.getBytes.Add(int64(len(r.Body)))
		s.topics.topic(topic).get(r.Count, len(r.Body))
		s.times.Get.Observe(time.Since(began))
	} else {
		s.stats.misses.Add(1)
	}
	s.stats.ledAround.Add(int64(r.around))
	return r, err
}

// sizeOf returns how many bytes the units' records have together.
func sizeOf(units []index.Unit) (n int) {
	for i := range units {
		n += int(units[i].Size)
	}
	return n
}

// find chooses the records from the index.
func (s *Store) find(topic string, queueID int32, offset int64, maxMsgs, maxBytes int, f Filter) (Result, []index.Unit, error) {
	r := Result{NextBeginOffset: offset}
	first, end, ok := s.index.Bounds(topic, queueID)
	r.MinOffset, r.MaxOffset = first, end
	if r.Status, ok = outside(ok, offset, first, end); !ok {
		if s.behind != nil && offset >= end { // it may be there: the consumer waits, as for a new message
			r.Status = OffsetOverflowOne
			return r, nil, nil
		}
		// A consumer that was given messages by the slave may be ahead of what is
		// released here. It is not sent back: they would come again.
		if offset > end && offset <= s.queues.given(topic, queueID) {
			r.Status = OffsetOverflowOne
		}
		r.NextBeginOffset = correct(r.Status, offset, first, end)
		return r, nil, nil
	}
	maxMsgs = min(max(maxMsgs, 1), maxGetMessages)
	maxBytes = min(max(maxBytes, 1), maxGetBytes)
	scan := minScanEntries
	lost := s.lostParts()
	looked := s.siftBy(f)
	defer looked.close()
	var units []index.Unit
	var buf [128]index.Unit
	total, next := 0, offset
	for scan > 0 && next < end {
		want := buf[:min(len(buf), scan)]
		if f == nil {
			want = buf[:min(len(want), maxMsgs-len(units))]
		}
		n, ok := s.index.Range(topic, queueID, next, want)
		if !ok || n == 0 {
			break
		}
		scan -= n
		for i, u := range want[:n] {
			if len(units) == maxMsgs {
				break
			}
			if looked.spent() {
				scan = 0
				break
			}
			if f != nil && !f.Match(u.TagsCode) {
				next++
				continue
			}
			if covers(lost, u.PhyOffset) {
				next++
				r.around++
				continue
			}
			if !looked.passes(want[i:n]) {
				next++
				continue
			}
			if len(units) > 0 && total+int(u.Size) > maxBytes {
				scan = 0
				break
			}
			units, total, next = append(units, u), total+int(u.Size), next+1
		}
		if len(units) == maxMsgs {
			break
		}
	}
	return s.outcome(topic, queueID, r, units, offset, next)
}

func (s *Store) outcome(topic string, queueID int32, r Result, units []index.Unit, offset, next int64) (Result, []index.Unit, error) {
	r.NextBeginOffset = next
	switch {
	case len(units) > 0:
		r.Status = Found
	case r.around > 0:
		r.Status = MessageWasRemoving
	case next > offset:
		r.Status = NoMatchedMessage
	default: // a gap: the queue's index begins anew further on
		r.Status = OffsetFoundNull
		if to, ok := s.index.NextOffset(topic, queueID, next); ok {
			r.NextBeginOffset = to
		}
	}
	return r, units, nil
}

// outside says whether offset lies beyond what the queue holds, and how.
func outside(exists bool, offset, first, end int64) (Status, bool) {
	switch {
	case !exists:
		return NoMatchedLogicQueue, false
	case end == 0:
		return NoMessageInQueue, false
	case offset < first:
		return OffsetTooSmall, false
	case offset == end:
		return OffsetOverflowOne, false
	case offset > end:
		return OffsetOverflowBadly, false
	}
	return Found, true
}

// correct is where a consumer whose offset lies outside goes on.
func correct(st Status, offset, first, end int64) int64 {
	switch st {
	case OffsetTooSmall:
		return first
	case OffsetOverflowOne:
		return offset
	case OffsetOverflowBadly:
		return end
	default:
		return 0
	}
}

// load reads the units' records into r.Body, neighbours in one read. If it
// fails it says how many of the first ones can be read.
func (s *Store) load(r *Result, units []index.Unit) (good int, err error) {
	body := s.body(sizeOf(units))
	for rest := units; len(rest) > 0; {
		n, span := run(rest)
		if body, err = s.readRun(body, rest[:n], span); err != nil {
			if n > 1 { // one by one, to find the good ones
				body, n, err = s.readSingly(body, rest[:n])
			} else {
				n = 0
			}
		}
		r.Count += n
		if err != nil {
			good = r.Count
			return good, s.lost(r, body, rest[n], err)
		}
		rest = rest[n:]
	}
	r.Body, r.back = body, s
	return r.Count, nil
}

// giant is how large a body is that is not one of many: one record beyond what a pull
// is given otherwise.
const giant = maxGetBytes + 64<<10

// giantsKept is how many bytes of buffers for such records are kept for the next one: one
// of RocketMQ's largest messages.
const giantsKept = 5 << 20

// body returns an empty buffer with room for n bytes, more or less.
func (s *Store) body(n int) []byte {
	if n > giant {
		return s.giants.Get(n)[:0]
	}
	return (*s.bodies.Get().(*[]byte))[:0]
}

// giveBack takes a buffer of body back, whatever it has grown to.
func (s *Store) giveBack(body []byte) {
	if cap(body) > giant {
		s.giants.Put(body)
		return
	}
	body = body[:0]
	s.bodies.Put(&body)
}

// readSingly appends the units' records to body, up to the first that cannot be
// read, and returns how many there are.
func (s *Store) readSingly(body []byte, units []index.Unit) ([]byte, int, error) {
	for i := range units {
		var err error
		if body, err = s.readRun(body, units[i:i+1], int64(units[i].Size)); err != nil {
			return body, i, err
		}
	}
	return body, len(units), nil
}

// run is how many units from the first on are near enough for one read, and
// how many bytes they span.
func run(units []index.Unit) (n int, span int64) {
	first := units[0].PhyOffset
	span = int64(units[0].Size)
	for n = 1; n < len(units); n++ {
		u := units[n]
		gap := u.PhyOffset - (first + span)
		if gap < 0 || gap > nearby {
			break
		}
		span = u.PhyOffset + int64(u.Size) - first
	}
	return n, span
}

// readRun appends the units' records to body. They lie within span bytes; what
// is between them is read and closed up. The end of a segment cuts a read.
func (s *Store) readRun(body []byte, units []index.Unit, span int64) ([]byte, error) {
	start, first := len(body), units[0].PhyOffset
	if cut := s.opts.SegmentSize - first%s.opts.SegmentSize; span > cut {
		if len(units) == 1 {
			return body, fmt.Errorf("%w: %d bytes at %d reach beyond their segment", errStale, span, first)
		}
		body, _, err := s.readSingly(body, units)
		return body, err
	}
	body = slices.Grow(body, int(span))[:start+int(span)]
	if err := s.fill(body[start:], first); err != nil {
		return body[:start], err
	}
	to := start
	for _, u := range units {
		from := start + int(u.PhyOffset-first)
		if err := s.isRecord(body[from:], u); err != nil {
			return body[:start], err
		}
		to += copy(body[to:], body[from:from+int(u.Size)])
	}
	return body[:to], nil
}

// fill reads all of p from the log at off. Of a damaged log the medium is read
// where the log could not be recovered: good records may follow there.
func (s *Store) fill(p []byte, off int64) error {
	if !s.damaged || off+int64(len(p)) <= s.clog.Written() {
		_, err := s.clog.ReadAt(p, off)
		return err
	}
	n, err := s.ReadStored(p, off)
	if err == nil && n < len(p) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// errStale: the bytes at an indexed place are not the record it names.
var errStale = errors.New("store: index and log disagree")

// isRecord checks the size and offset in a record's header, so that a segment
// that was reused meanwhile is never served; the whole record in a log that is
// damaged, and in a segment that nobody has read since the start.
func (s *Store) isRecord(b []byte, u index.Unit) error {
	if size, phy := int32(binary.BigEndian.Uint32(b)), int64(binary.BigEndian.Uint64(b[28:])); size != u.Size || phy != u.PhyOffset {
		return fmt.Errorf("%w: at %d, %d bytes are expected; found %d bytes of offset %d", errStale, u.PhyOffset, u.Size, size, phy)
	}
	if s.damaged || !s.clog.Sound(u.PhyOffset) {
		_, err := s.check(b[:u.Size], u.PhyOffset)
		return err
	}
	return nil
}

// lost answers a read of records that are gone: the segment was given back
// meanwhile, which is no error, or the log is damaged there, which is looked into.
func (s *Store) lost(r *Result, body []byte, u index.Unit, err error) error {
	body = body[:0]
	s.giveBack(body)
	r.Body, r.Count, r.Status = nil, 0, MessageWasRemoving
	if u.PhyOffset < s.clog.Start() || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	s.meet(u)
	return fmt.Errorf("store: read record at %d: %w", u.PhyOffset, err)
}

// RecordAt returns a copy of the record at phyOffset (bytes), as stored. It
// fails with ErrNotFound unless a visible record begins there.
func (s *Store) RecordAt(phyOffset int64) ([]byte, error) { return s.RecordWithin(phyOffset, nil) }

// RecordWithin is RecordAt for who has to find room first; see GetWithin.
func (s *Store) RecordWithin(phyOffset int64, room Room) ([]byte, error) {
	var head [4]byte
	if phyOffset < s.clog.Start() || phyOffset+record.MinSize > s.visible.Load() {
		return nil, fmt.Errorf("%w: offset %d, the log has %d to %d", ErrNotFound, phyOffset, s.clog.Start(), s.visible.Load())
	}
	if _, err := s.clog.ReadAt(head[:], phyOffset); err != nil {
		return nil, fmt.Errorf("%w: offset %d: %w", ErrNotFound, phyOffset, err)
	}
	size := int64(binary.BigEndian.Uint32(head[:]))
	if size < record.MinSize || size > int64(s.limits.Record) || phyOffset%s.opts.SegmentSize+size > s.opts.SegmentSize {
		return nil, fmt.Errorf("%w: offset %d holds no record of %d bytes", ErrNotFound, phyOffset, size)
	}
	if room != nil {
		if err := room.Reserve(int(size)); err != nil {
			return nil, err
		}
	}
	b := make([]byte, size)
	if _, err := s.clog.ReadAt(b, phyOffset); err != nil {
		return nil, fmt.Errorf("%w: offset %d: %w", ErrNotFound, phyOffset, err)
	}
	v, err := record.Parse(b, s.limits)
	if err != nil || v.PhyOffset() != phyOffset {
		return nil, fmt.Errorf("%w: offset %d is not where a record begins", ErrNotFound, phyOffset)
	}
	return b, nil
}
