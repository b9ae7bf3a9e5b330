package pair

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"pairmq/internal/remoting"
	"pairmq/replica/proof"
)

// Members knows which connections of this broker's clients are of other halves that have proven it: the
// side of a Circle that listens. Its methods are safe for concurrent use.
type Members struct {
	key   *proof.Key
	claim func() proof.Claim
	at    func(*remoting.Conn) []netip.AddrPort

	mu    sync.Mutex
	conns map[*remoting.Conn]*proof.Listener // nil: proven; else it was challenged
}

// NewMembers returns one without members. With a nil key there are none ever. at are the addresses that
// somebody may have dialled to come here by a connection.
func NewMembers(key *proof.Key, claim func() proof.Claim, at func(*remoting.Conn) []netip.AddrPort) *Members {
	return &Members{key: key, claim: claim, at: at, conns: map[*remoting.Conn]*proof.Listener{}}
}

// Has says whether conn is of another half that has proven it.
func (m *Members) Has(conn *remoting.Conn) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	l, ok := m.conns[conn]
	return ok && l == nil
}

// Closed forgets a connection that has ended.
func (m *Members) Closed(conn *remoting.Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.conns, conn)
}

// Answer is what the body of a request 31012 on conn is answered with. It fails with
// ErrPlain without a key, and with ErrOutsider if the peer has proven nothing, which it is
// told by the answer if there is one.
func (m *Members) Answer(conn *remoting.Conn, body []byte) (answer []byte, err error) {
	if m.key == nil {
		return nil, ErrPlain
	}
	if len(body) == proof.HelloSize {
		l, err := proof.NewListener(m.key, proof.Requests, body, false)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrOutsider, err)
		}
		m.note(conn, l)
		return l.Challenge(), nil
	}
	m.mu.Lock()
	l := m.conns[conn]
	delete(m.conns, conn) // each challenge is good for one proof
	m.mu.Unlock()
	if l == nil {
		return nil, fmt.Errorf("%w: a proof of %d bytes without a challenge", ErrOutsider, len(body))
	}
	his, answer, err := l.Judge(body, m.claim())
	if err != nil {
		return answer, errors.Join(ErrOutsider, err)
	}
	if at := m.at(conn); !slices.ContainsFunc(at, func(a netip.AddrPort) bool { return proof.DialledOf(a) == his.Pin }) {
		return l.Elsewhere(), fmt.Errorf("%w: its proof is for another address than %v: somebody passes it on, or brokerIP1 is not what others dial", ErrOutsider, at)
	}
	m.note(conn, nil)
	return answer, nil
}

// note remembers conn, unless it has ended: Closed came before.
func (m *Members) note(conn *remoting.Conn, l *proof.Listener) {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-conn.Done():
	default:
		m.conns[conn] = l
	}
}
