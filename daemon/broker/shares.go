package broker

import (
	"container/heap"
	"net/netip"
)

// shares are who has how many of the held requests, of which there may be only so many. No
// address has more than half of them; this machine itself may have all, and is not in here.
// They are guarded by whoever counts the whole.
type shares struct {
	most int
	of   map[netip.Addr]*holder
	by   fullest
}

// A holder is an address of which requests are held.
type holder struct {
	from   netip.Addr
	count  int   // requests that are held, or were woken and are not answered yet
	oldest place // before the first of those that are held, in the order in which they came
	at     int   // in shares.by
}

// A place is that of a held request among those of its address. It is a part of the request.
type place struct {
	of         *holder // nil: it counts for nobody
	prev, next *place  // while it is held; a ring with holder.oldest
	leaves     bool    // another has its place, and it is about to be answered
	whose      any     // the request
}

func newShares(whole int) shares {
	return shares{most: max(1, whole/2), of: map[netip.Addr]*holder{}}
}

// enter counts p, which is new, for an address if that may have one more.
func (s *shares) enter(p *place, from netip.Addr) bool {
	if !from.IsValid() {
		return true
	}
	h := s.of[from]
	if h == nil {
		h = &holder{from: from}
		h.oldest.prev, h.oldest.next = &h.oldest, &h.oldest
		s.of[from] = h
		heap.Push(&s.by, h)
	}
	if h.count >= s.most {
		return false
	}
	h.count++
	heap.Fix(&s.by, h.at)
	p.of = h
	return true
}

// has is how many an address has; none are counted for this machine.
func (s *shares) has(from netip.Addr) int {
	if h := s.of[from]; h != nil {
		return h.count
	}
	return 0
}

// leave takes p, which is not held any more, out of what its address has.
func (s *shares) leave(p *place) {
	h := p.of
	if h == nil {
		return
	}
	p.of = nil
	if h.count--; h.count > 0 {
		heap.Fix(&s.by, h.at)
		return
	}
	heap.Remove(&s.by, h.at)
	delete(s.of, h.from)
}

// hold notes that p is held, behind the others of its address.
func (p *place) hold(whose any) {
	if p.of == nil {
		return
	}
	last := &p.of.oldest
	p.whose, p.prev, p.next = whose, last.prev, last
	p.prev.next, last.prev = p, p
}

// release notes that p is held no more.
func (p *place) release() {
	if p.next == nil {
		return
	}
	p.prev.next, p.next.prev = p.next, p.prev
	p.prev, p.next = nil, nil
}

// yields returns the one that is to make room for one more of an address: the longest held one
// of the address that has most, if that has more even afterwards; nil if there is none.
func (s *shares) yields(to netip.Addr) *place {
	if len(s.by) == 0 || s.by[0].count <= s.has(to)+1 {
		return nil
	}
	if p := s.by[0].oldest.next; p != &s.by[0].oldest {
		return p
	}
	return nil
}

// fullest is shares as a heap, the one that has most at its root. Each knows its place.
type fullest []*holder

func (f fullest) Len() int           { return len(f) }
func (f fullest) Less(i, j int) bool { return f[i].count > f[j].count }

func (f fullest) Swap(i, j int) {
	f[i], f[j] = f[j], f[i]
	f[i].at, f[j].at = i, j
}

// Push is for package heap.
func (f *fullest) Push(x any) {
	h := x.(*holder)
	h.at = len(*f)
	*f = append(*f, h)
}

// Pop is for package heap.
func (f *fullest) Pop() any {
	old := *f
	h := old[len(old)-1]
	old[len(old)-1] = nil
	*f = old[:len(old)-1]
	return h
}
