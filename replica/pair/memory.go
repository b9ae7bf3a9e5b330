package pair

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"pairmq/replica/epoch"
)

// maxPeers is how many other halves a broker remembers.
const maxPeers = 8

// Roles, as brokerRole has them.
const (
	AsyncMaster = "ASYNC_MASTER"
	SyncMaster  = "SYNC_MASTER"
	Slave       = "SLAVE"
)

// ErrSlave says that a broker that is to be a slave cannot hand over.
var ErrSlave = errors.New("pair: this broker has given way and is a slave")

// A Role is what a broker is: brokerRole and brokerId.
type Role struct {
	Name string
	ID   int64
}

// Slave says whether the role is that of a slave.
func (r Role) Slave() bool { return r.Name == Slave }

// A Memory is what a broker remembers of its pair. Changes are durable when the
// method that makes them returns. It is safe for concurrent use.
type Memory struct {
	keep func([]byte) error
	file Role // of the configuration

	changes sync.Mutex // held while a change is being kept, which the disk may take long for; guards kept
	kept    []byte     // what is kept, nil if that is not known

	mu sync.Mutex // guards s; never held during I/O. Only who holds changes sets s
	s  saved
}

// Load reads what was kept; nil if nothing ever was. If that cannot be read it
// returns an error, and a Memory of nothing. file is what the configuration says.
func Load(value []byte, file Role) (*Memory, error) {
	m := &Memory{file: file}
	var err error
	if value != nil {
		if _, err = m.s.UnmarshalMsg(value); err == nil {
			err = epoch.History(m.s.Epochs).Check()
		}
		if err != nil {
			m.s, err = saved{}, fmt.Errorf("pair: what was kept of the pair cannot be read: %w", err)
		}
	}
	if err == nil {
		m.kept = slices.Clone(value)
	}
	m.decide()
	return m, err
}

// decide settles what the broker is: what it was, unless the file has come to
// say otherwise since; that is how a person changes roles by hand.
func (m *Memory) decide() {
	byHand := !m.s.Decided || m.s.FileSlave != m.file.Slave()
	if byHand && m.s.Decided && m.s.Slave != m.file.Slave() {
		m.s.Raise = m.s.Slave // made master, or a slave before its epoch began
	}
	if byHand {
		m.s.Slave, m.s.Handing = m.file.Slave(), ""
	}
	m.s.Decided, m.s.FileSlave = true, m.file.Slave()
}

// Keep says where changes are kept from now on, and keeps what Load settled.
func (m *Memory) Keep(keep func([]byte) error) error {
	m.keep = keep
	return m.change(func(*saved) {})
}

// change changes what is remembered and keeps it, unless that is what is kept
// already. If it cannot be kept, nothing is changed. Until it is kept, who asks is
// told what was.
func (m *Memory) change(f func(*saved)) error {
	m.changes.Lock()
	defer m.changes.Unlock()
	m.mu.Lock()
	next := m.s
	m.mu.Unlock()
	f(&next)
	b, err := next.MarshalMsg(nil)
	if err == nil && (m.kept == nil || !bytes.Equal(b, m.kept)) {
		m.kept = nil // if keep fails it may have kept b all the same
		if err = m.keep(b); err == nil {
			m.kept = b
		}
	}
	if err != nil {
		return fmt.Errorf("pair: keep what is known of the pair: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.s = next
	return nil
}

// Role is what the broker is.
func (m *Memory) Role() Role {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.s.Slave && m.file.Slave():
		return m.file
	case m.s.Slave:
		return Role{Slave, max(m.s.BrokerID, 1)}
	case !m.file.Slave():
		return m.file
	case m.s.MasterRole != "":
		return Role{Name: m.s.MasterRole}
	}
	return Role{Name: AsyncMaster}
}

// SlaveID is the brokerId that the broker has, or last had or would have, as a slave.
func (m *Memory) SlaveID() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.file.Slave() {
		return m.file.ID
	}
	return max(m.s.BrokerID, 1)
}

// Differs says whether the broker is something else than its file says.
func (m *Memory) Differs() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.s.Slave != m.file.Slave()
}

// Epochs returns the history of the log.
func (m *Memory) Epochs() epoch.History {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.s.Epochs)
}

// Begin begins an epoch where a master's log ends (bytes), if there is reason to: it was
// promoted, it is the first, or, if unclean, the log may have been longer. It
// must be called before the first append. start is where the log begins.
func (m *Memory) Begin(start, end int64, unclean bool) error {
	h := m.Epochs()
	raise := m.Raised()
	switch {
	case len(h) == 0:
		h = h.Promoted(start, rand.Uint64())
		if raise { // the slave of a broker without epochs
			h = h.Promoted(end, rand.Uint64())
		}
	case raise:
		h = h.Promoted(end, rand.Uint64())
	case unclean || h.Last().Start > end:
		h = h.Booted(end, rand.Uint64())
	default:
		return nil
	}
	return m.change(func(s *saved) { s.Epochs, s.Raise = h.From(start), false })
}

// Next is the number of the epoch that begins if the broker is made master now.
func (m *Memory) Next() int64 {
	return max(m.Epochs().Last().Number, 1) + 1 // what was copied under none is the first
}

// Raised says whether the broker was made master and has not begun its epoch yet.
func (m *Memory) Raised() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.s.Raise
}

// Adopt makes the master's epochs those of a slave's log.
func (m *Memory) Adopt(h epoch.History) error {
	if slices.Equal(h, m.Epochs()) {
		return nil
	}
	return m.change(func(s *saved) { s.Epochs = slices.Clone(h) })
}

// Promote makes the broker master from its next start on; role is that of the
// master if it is not empty.
func (m *Memory) Promote(role string) error {
	return m.change(func(s *saved) {
		s.Slave, s.Raise, s.Handing = false, true, ""
		if role != "" {
			s.MasterRole = role
		}
	})
}

// Yield makes the broker a slave from its next start on, with the brokerId given
// if its file has none.
func (m *Memory) Yield(id int64) error {
	return m.change(func(s *saved) { s.Slave, s.Raise, s.Handing, s.BrokerID = true, false, "", id })
}

// Hand notes that the slave at addr is asked to take over; "" that it is known
// that it did not. It fails if the broker has come to be a slave itself.
func (m *Memory) Hand(addr string) error {
	gone := false
	err := m.change(func(s *saved) {
		if gone = s.Slave && addr != ""; !gone {
			s.Handing = addr
		}
	})
	if err == nil && gone {
		return ErrSlave
	}
	return err
}

// Handing is the address of the slave that was asked to take over, if it is not
// known whether it did.
func (m *Memory) Handing() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.s.Handing
}

// NotePeer remembers the other half at addr, and the role of a master that this
// broker copies.
func (m *Memory) NotePeer(addr, masterRole string) error {
	m.mu.Lock()
	known := slices.Contains(m.s.Peers, addr) && (masterRole == "" || m.s.MasterRole == masterRole)
	m.mu.Unlock()
	if known {
		return nil
	}
	return m.change(func(s *saved) {
		peers := slices.DeleteFunc(slices.Clone(s.Peers), func(p string) bool { return p == addr })
		s.Peers = slices.Insert(peers, 0, addr)[:min(len(peers)+1, maxPeers)]
		if masterRole != "" {
			s.MasterRole = masterRole
		}
	})
}

// Peers returns the client addresses of the other halves, the latest first.
func (m *Memory) Peers() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.s.Peers)
}
