package remoting

import (
	"net/netip"
	"runtime"
	"slices"
	"sync"
)

// A turnstile lets few handshakes compute at a time, so that however many begin them the
// rest of the processors serves those who are in. Sources have their turns one after the
// other: who begins a thousand handshakes waits for himself. Nobody is in it while he waits
// for his peer, so that nobody can block it. Use init.
type turnstile struct {
	mu    sync.Mutex // guards the rest
	free  int
	lines map[netip.Addr][]chan struct{} // those who wait, by source
	order []netip.Addr                   // of lines: whose turn is next
}

// init lets handshakes have half of the processors, and one at least.
func (t *turnstile) init() {
	t.free, t.lines = max(1, runtime.GOMAXPROCS(0)/2), map[netip.Addr][]chan struct{}{}
}

// enter returns nil if it is the turn of a connection from a source, or what is closed
// when it is.
func (t *turnstile) enter(from netip.Addr) chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.free > 0 {
		t.free--
		return nil
	}
	turn := make(chan struct{})
	if len(t.lines[from]) == 0 {
		t.order = append(t.order, from)
	}
	t.lines[from] = append(t.lines[from], turn)
	return turn
}

// leave gives the place of who has done his part to the next.
func (t *turnstile) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.order) == 0 {
		t.free++
		return
	}
	from := t.order[0]
	t.order = t.order[1:]
	line := t.lines[from]
	close(line[0])
	if line = line[1:]; len(line) == 0 {
		delete(t.lines, from)
		return
	}
	t.lines[from] = line
	t.order = append(t.order, from)
}

// giveUp takes back a turn that nobody waits for any more, or gives it on if it has come.
func (t *turnstile) giveUp(from netip.Addr, turn chan struct{}) {
	t.mu.Lock()
	line := t.lines[from]
	i := slices.Index(line, turn)
	if i >= 0 {
		if line = slices.Delete(line, i, i+1); len(line) > 0 {
			t.lines[from] = line
		} else {
			delete(t.lines, from)
			t.order = slices.DeleteFunc(t.order, func(a netip.Addr) bool { return a == from })
		}
	}
	t.mu.Unlock()
	if i < 0 {
		t.leave()
	}
}
