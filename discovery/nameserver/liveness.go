package nameserver

import (
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// departed is a member that was dropped.
type departed struct {
	cluster, brokerName, addr string
	brokerID                  int64
}

// touch notes that the broker at addr lives and on which connection. It returns
// the version of the table that is held of it, or false if it is not known.
func (r *routes) touch(brokerName, addr string, conn *remoting.Conn, now time.Time) (table.DataVersion, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.find(brokerName, addr)
	if m == nil {
		return table.DataVersion{}, false
	}
	m.seen, m.conn = now, conn
	return m.version, true
}

// unregister drops the broker at addr, if it is known.
func (r *routes) unregister(brokerName, addr string) []departed {
	return r.dropIf(func(name string, m *member) bool { return name == brokerName && m.addr == addr })
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
