package store

import (
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"pairmq/store/index"
)

const (
	maxFlaws = 1024 // that are remembered; the others are found again when somebody meets them
	maxMet   = 64   // damaged records that consumers meet, looked at in one minute
)

// A Flaw is a part of the log that is no whole record with right checksums, though
// it was one: the medium has lost it.
type Flaw struct {
	From, To int64 // bytes
	What     string
	Found    time.Time // since the start, at first
	Lost     bool      // it cannot be had back: consumers are led around it
	Messages int       // of queues that were in it; counted when it is lost
}

// A flawTable is what is known to be damaged, and where consumers met damage.
type flawTable struct {
	cuts atomic.Int64           // times that the log was cut off: other records may lie there now
	lost atomic.Pointer[[]Flaw] // those of all that are, for readers

	mu  sync.Mutex
	all []Flaw       // ascending
	met []index.Unit // since the last minute, whether looked at or not
	new int          // the last ones in met were not looked at
}

// covers says whether the byte at off lies in one of flaws, which ascend.
func covers(flaws []Flaw, off int64) bool {
	i := sort.Search(len(flaws), func(i int) bool { return flaws[i].To > off })
	return i < len(flaws) && flaws[i].From <= off
}

// lostParts are the parts of the log that consumers are led around, ascending.
func (s *Store) lostParts() []Flaw {
	if p := s.scrubber.flaws.lost.Load(); p != nil {
		return *p
	}
	return nil
}

// within says whether anything from start to end is damaged.
func (t *flawTable) within(start, end int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(t.all, func(f Flaw) bool { return f.From >= start && f.From < end })
}

// knows says whether the byte at off lies in what is known to be damaged.
func (t *flawTable) knows(off int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return covers(t.all, off)
}

// publish shows readers what is lost. t.mu is held.
func (t *flawTable) publish() {
	var lost []Flaw
	for _, f := range t.all {
		if f.Lost {
			lost = append(lost, f)
		}
	}
	t.lost.Store(&lost)
}

// forgetFrom forgets what lay at end and behind: it is cut off.
func (t *flawTable) forgetFrom(end int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cuts.Add(1)
	t.all = slices.DeleteFunc(t.all, func(f Flaw) bool { return f.To > end })
	t.publish()
}

// doubt has consumers read again what was lost from start to end: it was
// repaired.
func (t *flawTable) doubt(start, end int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.all {
		if f := &t.all[i]; f.From < end && f.To > start {
			f.Lost = false
		}
	}
	t.publish()
}

// meets notes that a consumer met u, whose record is damaged, and says whether
// that is to be looked at.
func (t *flawTable) meets(u index.Unit) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if covers(t.all, u.PhyOffset) || slices.Contains(t.met, u) || len(t.met) >= maxMet {
		return false
	}
	t.met = append(t.met, u)
	t.new++
	return true
}

// takeMet returns what was met and not looked at yet.
func (t *flawTable) takeMet() []index.Unit {
	t.mu.Lock()
	defer t.mu.Unlock()
	fresh := slices.Clone(t.met[len(t.met)-t.new:])
	t.new = 0
	return fresh
}

// takeOpen returns what is neither repaired nor lost. What was met and found sound
// may be looked at again.
func (t *flawTable) takeOpen() (open []Flaw, cuts int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.met = slices.Delete(t.met, 0, len(t.met)-t.new)
	for _, f := range t.all {
		if !f.Lost {
			open = append(open, f)
		}
	}
	return open, t.cuts.Load()
}

// noteFlaws replaces what is known of the bytes from start to end, and returns
// flaws, at most maxFlaws, with what was known of them. It does nothing if the log
// was cut off since cuts was read.
func (s *Store) noteFlaws(start, end int64, flaws []Flaw, cuts int64) []Flaw {
	t := &s.scrubber.flaws
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cuts.Load() != cuts {
		return nil
	}
	var others, known []Flaw
	for _, f := range t.all {
		switch {
		case f.From >= start && f.From < end:
			known = append(known, f)
		case f.From >= s.clog.Start():
			others = append(others, f)
		}
	}
	flaws = flaws[:min(len(flaws), maxFlaws)] // what is looked at now comes first: somebody may wait at it
	for i := range flaws {
		f := &flaws[i]
		if k := slices.IndexFunc(known, func(k Flaw) bool { return k.From == f.From && k.To == f.To }); k >= 0 {
			f.Found, f.Lost, f.Messages = known[k].Found, known[k].Lost, known[k].Messages
			continue
		}
		f.Found = time.Now()
		s.log.Error("the log is damaged", "phyOffset", f.From, "bytes", f.To-f.From, "err", f.What)
	}
	before := len(t.all)
	t.all = append(slices.Clone(flaws), others[:min(len(others), maxFlaws-len(flaws))]...)
	sort.Slice(t.all, func(i, j int) bool { return t.all[i].From < t.all[j].From })
	t.publish()
	if before > 0 && len(t.all) == 0 {
		s.log.Info("no damage of the log is left that is known")
	}
	return flaws
}

// Flaws returns what is known to be damaged and was not repaired since, at most
// 1,024 parts.
func (s *Store) Flaws() []Flaw {
	t := &s.scrubber.flaws
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.all)
}
