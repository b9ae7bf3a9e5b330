package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"pairmq/replica/proof"
)

// A Refusal is a connection that was not taken for a slave's.
type Refusal struct {
	Addr netip.Addr
	When time.Time
	Why  error
	rank int // how likely it is of the other half: see rankOf
}

// refusalTime is how long a refusal is shown in place of later ones that are less likely of the other half.
const refusalTime = 10 * time.Minute

// admit serves a connection, once it is known whose it is.
func (m *Master) admit(ctx context.Context, nc net.Conn, conns *sync.WaitGroup) {
	t := &m.opts.Trust
	plain := t.plain(nc)
	switch {
	case plain && t.Key == nil:
		m.welcome(ctx, nc, nil, false, conns)
	case t.Key == nil:
		m.refuse(nc, fmt.Errorf("%w: it is not in haPeers, and there is no secret here by which it could show who it is", errStranger))
	default:
		_, remote := ends(nc)
		g := m.lobby.enter(nc, plain || m.kin.has(remote) || t.Met != nil && t.Met(remote))
		conns.Go(func() { m.receive(ctx, g, plain, conns) })
	}
}

// welcome makes it a slave's connection, unless there is no place. early are bytes that were
// read of it; known says that it has proven to be one of ours.
func (m *Master) welcome(ctx context.Context, nc net.Conn, early []byte, known bool, conns *sync.WaitGroup) {
	c := m.enter(nc, known)
	if c == nil {
		_ = nc.Close()
		return
	}
	c.early = early
	switch {
	case known:
		m.kin.note(c.addr)
	case !m.opts.Trust.plain(nc): // not any more, and PeersChanged may not have seen it
		c.close(errStranger)
	}
	conns.Go(func() { c.serve(ctx) })
}

// receive finds out who is there. One that need not prove anything may take as long for its first
// report as any slave: stock ones are silent for 5 s.
func (m *Master) receive(ctx context.Context, g *guest, plain bool, conns *sync.WaitGroup) {
	defer m.lobby.leave(g)
	most := proofTime
	if plain {
		most = m.opts.Silence
	}
	first := make([]byte, reportSize)
	err := g.nc.SetDeadline(time.Now().Add(most))
	said := 0
	if err == nil {
		said, err = io.ReadFull(g.nc, first)
	}
	if err == nil && plain && !proof.IsHello(first) {
		if err = g.nc.SetDeadline(time.Time{}); err == nil {
			m.welcome(ctx, g.nc, first, false, conns)
			return
		}
	}
	if err == nil {
		var nc net.Conn
		if nc, err = m.opts.Trust.listen(g.nc, first); err == nil {
			m.welcome(ctx, nc, nil, true, conns)
			return
		}
	}
	switch {
	case errors.Is(err, net.ErrClosed): // by the lobby
		err = fmt.Errorf("%w: its place was needed, it had not shown who it is", errStranger)
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = fmt.Errorf("%w: it did not show who it is within %v", errStranger, most)
	case !errors.Is(err, errStranger):
		err = fmt.Errorf("%w: %w", errStranger, err)
	}
	switch {
	case ctx.Err() != nil:
		_ = g.nc.Close()
	case plain && said == 0: // it only looks whether somebody listens
		_ = g.nc.Close()
		m.faults.Log("a connection to the replication port was closed", "remote", g.nc.RemoteAddr(), "err", err)
	default:
		m.refuse(g.nc, err)
	}
}

// refuse closes a stranger's connection, and says so now and then. Who knocks all the time does not hide the
// other half, which may have another secret.
func (m *Master) refuse(nc net.Conn, why error) {
	_ = nc.Close()
	_, remote := ends(nc)
	r := Refusal{Addr: remote, When: time.Now(), Why: why, rank: m.rankOf(remote, why)}
	m.mu.Lock()
	if old := &m.refused; r.rank >= old.rank || r.When.Sub(old.When) >= refusalTime {
		m.refused = r
	}
	m.mu.Unlock()
	m.strangers[r.rank].Log("a connection to the replication port was refused: if that is this broker's other half, name its address in haPeers, or give both the same haSecretFile",
		"remote", remote, "err", why)
}

// rankOf is 2 where the other half may be or has been, 1 where somebody has tried to prove that he is it, else 0.
func (m *Master) rankOf(remote netip.Addr, why error) int {
	switch t := &m.opts.Trust; {
	case m.kin.has(remote) || t.Met != nil && t.Met(remote):
		return 2
	case errors.Is(why, proof.ErrRefused):
		return 1
	}
	return 0
}

// Refused is the last connection that was not taken for a slave's, or, for ten minutes, one before that which was more
// likely the other half's; its When is zero if there was none.
func (m *Master) Refused() Refusal {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.refused
}
