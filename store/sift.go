package store

import (
	"fmt"

	"pairmq/store/index"
	"pairmq/store/record"
)

// A PropertyFilter picks records by their properties, too: those that pass Match
// are looked into. The client does not look again, so it is to be exact.
type PropertyFilter interface {
	Filter
	// MatchProperties says whether a record with these properties is wanted. They
	// are as stored (name 0x01 value, joined by 0x02), the caller's, and to be
	// neither kept nor changed.
	MatchProperties(properties []byte) bool
}

// Limits of what one Get reads to look for what a PropertyFilter lets through, in
// bytes: at once, and about as much all in all. Then it says where to go on.
const (
	siftWindow = 64 << 10
	maxSift    = 4 << 20
)

// A sift reads records for a filter, neighbours in one read.
type sift struct {
	s      *Store
	f      PropertyFilter
	window []byte // what was read ahead, from offset from on
	from   int64
	read   int     // bytes
	kept   *[]byte // where window belongs
}

// siftBy returns a sift for f, nil if f looks at the index alone. It is to be closed.
func (s *Store) siftBy(f Filter) *sift {
	p, ok := f.(PropertyFilter)
	if !ok {
		return nil
	}
	return &sift{s: s, f: p}
}

func (x *sift) close() {
	if x != nil && x.kept != nil {
		x.s.windows.Put(x.kept)
	}
}

// spent says whether enough was read for one Get.
func (x *sift) spent() bool { return x != nil && x.read >= maxSift }

// passes says whether the first of units is wanted; those behind it may be read
// with it. A record that cannot be read passes: who wants to hand it out finds
// out what is the matter with it.
func (x *sift) passes(units []index.Unit) bool {
	if x == nil {
		return true
	}
	u := units[0]
	if u.Size > siftWindow {
		return x.passesLarge(u)
	}
	b, err := x.record(units)
	return err != nil || x.matches(b)
}

func (x *sift) matches(b []byte) bool {
	v, err := record.Parse(b, x.s.limits)
	return err != nil || x.f.MatchProperties(v.Properties())
}

// passesLarge reads a record that does not fit in the window. There is memory for
// one at a time.
func (x *sift) passesLarge(u index.Unit) bool {
	s := x.s
	s.sifting.Lock()
	defer s.sifting.Unlock()
	x.read += int(u.Size)
	body, err := s.readRun(s.body(int(u.Size)), []index.Unit{u}, int64(u.Size))
	defer func() { s.giveBack(body) }()
	return err != nil || x.matches(body)
}

// record returns the first of units as it is in the log, valid until the next call.
func (x *sift) record(units []index.Unit) ([]byte, error) {
	u := units[0]
	if u.Size < record.MinSize {
		return nil, fmt.Errorf("%w: %d bytes at %d are no record", errStale, u.Size, u.PhyOffset)
	}
	if u.PhyOffset < x.from || u.PhyOffset+int64(u.Size) > x.from+int64(len(x.window)) {
		err := x.fill(u.PhyOffset, x.reach(units))
		if err != nil { // perhaps it is the neighbours' fault
			err = x.fill(u.PhyOffset, int(u.Size))
		}
		if err != nil {
			return nil, err
		}
	}
	b := x.window[u.PhyOffset-x.from:][:u.Size]
	return b, x.s.isRecord(b, u)
}

// reach is how many bytes the first of units and the neighbours behind it take
// that are worth one read.
func (x *sift) reach(units []index.Unit) int {
	start := units[0].PhyOffset
	most := min(siftWindow, x.s.opts.SegmentSize-start%x.s.opts.SegmentSize)
	end := start + int64(units[0].Size)
	for _, u := range units[1:] {
		if gap := u.PhyOffset - end; gap < 0 || gap > nearby || u.PhyOffset+int64(u.Size)-start > most {
			break
		}
		end = u.PhyOffset + int64(u.Size)
	}
	return int(end - start)
}

// fill makes the window n bytes from off on.
func (x *sift) fill(off int64, n int) error {
	if x.kept == nil {
		kept, ok := x.s.windows.Get().(*[]byte)
		if !ok {
			kept = new([]byte)
			*kept = make([]byte, siftWindow)
		}
		x.kept = kept
	}
	x.window, x.from = (*x.kept)[:n], off
	x.read += n
	err := x.s.fill(x.window, off)
	if err != nil {
		x.window = x.window[:0]
	}
	return err
}
