package store

import (
	"fmt"

	"pairmq/hal/disk"
)

// A Level says how full the file system below the store is, and so what of the
// service is left.
type Level uint8

// The levels, each with what it adds to the one before.
const (
	Roomy    Level = iota
	Filling        // it is said in the log
	Tight          // the oldest segments go ahead of their time
	Full           // messages are refused; consumers, offsets and replication go on
	Critical       // so are new topics and groups, and what was kept for the index is given to it
)

// String returns the level's name, such as TIGHT.
func (l Level) String() string {
	names := [...]string{"ROOMY", "FILLING", "TIGHT", "FULL", "CRITICAL"}
	if int(l) < len(names) {
		return names[l]
	}
	return "UNKNOWN"
}

// meaning is for the log.
func (l Level) meaning() string {
	switch l {
	case Roomy:
		return "there is room"
	case Filling:
		return "make room: nothing is refused yet"
	case Tight:
		return "the oldest segments are deleted ahead of fileReservedTime"
	case Full:
		return "messages are refused until there is room; consumers go on"
	default:
		return "messages, new topics and new groups are refused until there is room; consumers go on"
	}
}

// Watermarks say from which use of the file system on a level holds, in percent.
// Of a large one that would be far more than anybody needs: everything beyond
// 20 GiB of it counts as free only up to that.
type Watermarks struct{ Filling, Tight, Full, Critical int }

// How levels are found.
const (
	largeDisk  = 20 << 30 // bytes
	hysteresis = 3        // percent below its watermark at which a level is left
)

// used is how much of the file system is taken, in percent.
func used(sp disk.Space) int {
	size := sp.Total - sp.Free + sp.Avail // what is reserved for root is nobody's
	if size <= 0 {
		return 0
	}
	size = min(size, largeDisk)
	return int((size - min(sp.Avail, size)) * 100 / size)
}

// mark is the watermark of a level above Roomy.
func (w Watermarks) mark(l Level) int {
	return [...]int{Filling: w.Filling, Tight: w.Tight, Full: w.Full, Critical: w.Critical}[l]
}

// level is what follows the level prev.
func (w Watermarks) level(prev Level, sp disk.Space) Level {
	now, percent := Roomy, used(sp)
	for l := Filling; l <= Critical; l++ {
		mark := w.mark(l)
		if l <= prev {
			mark -= hysteresis
		}
		if percent >= mark {
			now = l
		}
	}
	return now
}

// Level is the level of a file system that nobody has looked at before.
func (w Watermarks) Level(sp disk.Space) Level { return w.level(Roomy, sp) }

// beyond is how many bytes must become free before the level l is left.
func (w Watermarks) beyond(l Level, sp disk.Space) int64 {
	size := min(sp.Total-sp.Free+sp.Avail, largeDisk)
	return max(0, size*int64(100-w.mark(l)+hysteresis)/100-sp.Avail) + 1
}

// look finds the level anew and says in the log when it changes.
func (s *Store) look() (disk.Space, error) {
	sp, err := s.opts.FS.Space()
	if err != nil || s.opts.Watermarks == (Watermarks{}) {
		return sp, err
	}
	before := Level(s.level.Load())
	now := s.opts.Watermarks.level(before, sp)
	if now == before {
		return sp, nil
	}
	s.level.Store(uint32(now))
	logged := s.log.Info
	if now > before {
		logged = s.log.Warn
	}
	logged("the file system's level has changed", "from", before, "to", now, "usedPercent", used(sp), "availableBytes", sp.Avail, "meaning", now.meaning())
	return sp, nil
}

// Level says how full the file system is.
func (s *Store) Level() Level { return Level(s.level.Load()) }

// roomFor refuses what is not to be stored at the level at.
func (s *Store) roomFor(at Level) error {
	if now := s.Level(); now >= at {
		return fmt.Errorf("%w: the file system below %s is %s", ErrDiskFull, s.opts.FS.RealPath(""), now)
	}
	return nil
}

// roomToPut refuses messages: where the file system is full, and where retention waits
// for messages to be stored anew, but for these.
func (s *Store) roomToPut(anew bool) error {
	if anew {
		return s.roomFor(Critical)
	}
	if s.needed.held.Load() {
		return fmt.Errorf("%w: the oldest segment has messages that wait and are stored anew first", ErrDiskFull)
	}
	return s.roomFor(Full)
}

// Capacity is how many bytes of log there may be before what waits in the oldest of it is
// stored anew, a segment at least: of MaxBytes, or of what the file system has for the
// log, without the segments that are free, that go next, and that is written to; 0 if that
// is not known. If more of it waits, what was stored anew is so again at once, for ever.
func (s *Store) Capacity() int64 {
	size := s.opts.SegmentSize
	if most := s.opts.MaxBytes; most > 0 {
		return max(most-s.others.Load()-s.spareOf(most)-3*size, size)
	}
	sp, err := s.opts.FS.Space()
	if err != nil {
		return 0
	}
	segments, spares := s.clog.Files()
	room := sp.Avail + size*int64(segments+spares)
	if w := s.opts.Watermarks; w != (Watermarks{}) {
		room -= min(sp.Total-sp.Free+sp.Avail, largeDisk) * int64(100-w.Tight) / 100
	}
	return max(room-2*size, size)
}
