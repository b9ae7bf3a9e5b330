package rights

import (
	"log/slog"
	"net/netip"
	"sync"

	"pairmq/internal/warner"
)

// lastSources is of how many addresses it is remembered that their refusal was logged.
const lastSources = 8

// refusals logs what was refused, a line a second, and at once where it comes from somewhere
// else than what was logged last: one who is refused all the time must not hide another.
type refusals struct {
	same, other warner.Warner

	mu   sync.Mutex // guards the rest
	last [lastSources]netip.Addr
	next int
}

// to has them logged there. Call it first.
func (r *refusals) to(log *slog.Logger) {
	r.same.To, r.same.Level = log, slog.LevelWarn
	r.other.To, r.other.Level, r.other.Burst = log, slog.LevelWarn, lastSources
}

func (r *refusals) log(from netip.Addr, msg string, args ...any) {
	if r.isOther(from) {
		r.other.Log(msg, args...)
		return
	}
	r.same.Log(msg, args...)
}

// isOther says whether an address is none of the last, and remembers it.
func (r *refusals) isOther(from netip.Addr) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.last {
		if one == from {
			return false
		}
	}
	r.last[r.next] = from
	r.next = (r.next + 1) % lastSources
	return true
}
