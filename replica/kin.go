package replica

import (
	"net/netip"
	"sync"
	"time"
)

// Bounds of what is remembered of slaves of ours.
const (
	mostKin = 64
	kinTime = 10 * time.Minute // without a connection
)

// kin remembers which addresses have slaves of ours: those take longer transfers
// than an Apache slave is used to. A mistake does no harm, since that takes them too.
type kin struct {
	mu   sync.Mutex
	seen map[netip.Addr]time.Time // last
}

// note remembers addr; with too many, it forgets the one not seen for longest.
func (k *kin) note(addr netip.Addr) {
	addr = addr.Unmap()
	now := time.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.seen == nil {
		k.seen = map[netip.Addr]time.Time{}
	}
	k.seen[addr] = now
	if len(k.seen) <= mostKin {
		return
	}
	oldest := addr
	for a, at := range k.seen {
		if at.Before(k.seen[oldest]) {
			oldest = a
		}
	}
	delete(k.seen, oldest)
}

// has says whether addr was noted not too long ago.
func (k *kin) has(addr netip.Addr) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	at, ok := k.seen[addr.Unmap()]
	if ok && time.Since(at) > kinTime {
		delete(k.seen, addr.Unmap())
		return false
	}
	return ok
}
