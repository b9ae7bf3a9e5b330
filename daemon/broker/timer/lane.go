package timer

import (
	"container/heap"
	"slices"
	"sort"

	"pairmq/store/index"
)

// Lanes, each with a clock of its own.
const (
	spans = iota
	times
)

// A lane is the timers that go by one clock: those in memory alone, and a window of those
// in the index's file.
type lane struct {
	tail   soonest
	window []index.Timer
	after  index.Timer // of the file, the last that was taken
	more   bool        // the file may have some behind the window
}

// soonest is a heap of timers, the first due first.
type soonest []index.Timer

func (s soonest) Len() int           { return len(s) }
func (s soonest) Less(i, j int) bool { return s[i].Compare(s[j]) < 0 }
func (s soonest) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *soonest) Push(t any)        { *s = append(*s, t.(index.Timer)) }
func (s *soonest) Pop() any {
	last := len(*s) - 1
	t := (*s)[last]
	*s = (*s)[:last]
	return t
}

func (l *lane) add(t index.Timer) { heap.Push(&l.tail, t) }

// fill reads the next window if there is none.
func (l *lane) fill(st Store, number int) (err error) {
	if len(l.window) > 0 || !l.more {
		return nil
	}
	l.window, err = st.NextTimers(number, l.after, windowTimers)
	l.more = err == nil && len(l.window) == windowTimers || err != nil
	return err
}

// first returns the first due, after fill.
func (l *lane) first() (t index.Timer, ok bool) {
	switch {
	case len(l.tail) > 0 && (len(l.window) == 0 || l.tail[0].Compare(l.window[0]) <= 0):
		return l.tail[0], true
	case len(l.window) > 0:
		return l.window[0], true
	}
	return t, false
}

// take removes the first.
func (l *lane) take() {
	if len(l.tail) > 0 && (len(l.window) == 0 || l.tail[0].Compare(l.window[0]) <= 0) {
		heap.Pop(&l.tail)
		return
	}
	l.after, l.window = l.window[0], l.window[1:]
}

// committed notes that the file has all, and nothing that was taken.
func (l *lane) committed() { *l = lane{tail: l.tail[:0], more: true} }

// sorted returns what is in memory alone, in order.
func (l *lane) sorted() []index.Timer {
	all := slices.Clone(l.tail)
	sort.Sort(all)
	return slices.Compact(all)
}
