package nameserver

import (
	"net/netip"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// departed is a member that was dropped.
type departed struct {
	cluster, brokerName, addr string
	brokerID                  int64
}

// life is who says that a broker lives, or has left.
type life struct {
	brokerName, addr string
	conn             *remoting.Conn
	from             netip.Addr // the source of conn
}

// touch notes that a broker lives. It returns the version of the table that is held of
// it, or false if it is not known. It counts as connected by l.conn from then on, where
// that comes from where it registered: RocketMQ leaves it at the old one, and drops it
// when that closes. A broker that comes from elsewhere now is to register anew, or it would
// be dropped with the connection of before, and could not leave: its version is not told.
func (r *routes) touch(l *life, now time.Time) (table.DataVersion, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.find(l.brokerName, l.addr)
	if m == nil {
		return table.DataVersion{}, false
	}
	m.seen = now
	if !m.owns(l.from) {
		return table.DataVersion{}, false
	}
	m.conn, m.from, m.heard = l.conn, l.from, now
	return m.version, true
}

// unregister drops a broker, if it is known. It says false, and drops none, if it is not
// l's to drop.
func (r *routes) unregister(l *life) (gone []departed, may bool) {
	may = true
	gone = r.dropIf(func(name string, m *member) bool {
		is := name == l.brokerName && m.addr == l.addr
		may = may && (!is || m.owns(l.from))
		return is && may
	})
	return gone, may
}

// expire drops who was silent for longer than its timeout.
func (r *routes) expire(now time.Time) []departed {
	return r.dropIf(func(_ string, m *member) bool { return now.Sub(m.seen) > m.timeout })
}

// disconnect drops who registered on conn last.
func (r *routes) disconnect(conn *remoting.Conn) []departed {
	return r.dropIf(func(_ string, m *member) bool { return m.conn == conn })
}

func (r *routes) dropIf(gone func(brokerName string, m *member) bool) []departed {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []departed
	for brokerName, g := range r.groups {
		for id, m := range g.members {
			if gone(brokerName, m) {
				out = append(out, departed{m.cluster, brokerName, m.addr, id})
				r.remove(brokerName, id)
			}
		}
	}
	return out
}
