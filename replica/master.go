package replica

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"pairmq/internal/warner"
)

// Options that both sides share, RocketMQ's own.
const (
	defaultHeartbeat = 5 * time.Second
	defaultSilence   = 20 * time.Second
	defaultBatch     = 32 << 10
)

// maxBatch is the longest body sent, in bytes: an Apache slave takes less than
// 4 MiB, one of ours 1 MiB.
const maxBatch = maxBody

// oursBatch is the body of a transfer to a slave of ours that is behind, in
// bytes. Only what the kernel sends by itself is so long: it takes no buffer.
const oursBatch = 512 << 10

// MasterOptions say what a master sends and how.
type MasterOptions struct {
	Source    Source        // required
	Acks      *Acks         // required
	Heartbeat time.Duration // longest silence towards a slave, haSendHeartbeatInterval; 0 means 5 s
	Silence   time.Duration // of a slave, after which it is left, haHousekeepingInterval; 0 means 20 s
	Batch     int           // bytes of one transfer, haTransferBatchSize; 0 means 32 KiB
	Rate      int64         // bytes per second to one slave, so that catching up leaves clients their share; 0 means no limit
	MaxSlaves int           // connections at a time; 0 means 16
	Metered   Metered       // links whose traffic costs money; the zero value has none
	Trust     Trust         // who may be a slave; the zero value: everybody
	Holds     func()        // called when a slave is held, or is no longer; it must not block. nil: nobody asks
	Log       *slog.Logger  // nil discards
}

// A Master sends the log to slaves and hears how far they are.
type Master struct {
	opts MasterOptions

	mu      sync.Mutex
	conns   []*masterConn // the oldest first
	kin     kin
	lags    lags
	traffic traffic
	said    *warner.Warner // what slaves do
	left    *warner.Warner // slaves that left
	faults  *warner.Warner // of what strangers can cause
	lobby   lobby          // connections that have not shown yet who they are
	refused Refusal        // the last one

	strangers [3]*warner.Warner // of refusals, by their rank
}

// NewMaster returns a Master without a slave.
func NewMaster(o MasterOptions) *Master {
	o.Heartbeat, o.Silence = cmp.Or(o.Heartbeat, defaultHeartbeat), cmp.Or(o.Silence, defaultSilence)
	o.Batch, o.MaxSlaves = min(cmp.Or(o.Batch, defaultBatch), maxBatch), cmp.Or(o.MaxSlaves, 16)
	o.Metered.setDefaults()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Master{
		opts: o,
		said: &warner.Warner{To: o.Log, Burst: sayAtOnce}, left: &warner.Warner{To: o.Log, Level: slog.LevelWarn, Burst: sayAtOnce},
		faults: newFaults(o.Log), strangers: [3]*warner.Warner{newFaults(o.Log), newFaults(o.Log), newFaults(o.Log)},
	}
}

// sayAtOnce is how many lines a peer that comes and goes can cause at once, then one a second.
const sayAtOnce = 100

// newFaults logs what strangers can cause as often as they like, now and then.
func newFaults(to *slog.Logger) *warner.Warner {
	return &warner.Warner{To: to, Level: slog.LevelWarn, Every: 10 * time.Second}
}

// Serve takes slaves from ln until ctx ends, then leaves all of them and closes
// ln. It returns an error if ln fails.
func (m *Master) Serve(ctx context.Context, ln net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = ln.Close() })
	defer ln.Close() // stop may come first, although ctx has ended
	defer stop()
	var conns sync.WaitGroup
	defer conns.Wait()
	defer m.leaveAll()
	for {
		nc, err := ln.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = nc.Close()
			}
			return nil
		}
		if err != nil {
			if retry := m.acceptFailed(ctx, err); retry {
				continue
			}
			return fmt.Errorf("replica: accept slaves: %w", err)
		}
		m.admit(ctx, nc, &conns)
	}
}

// acceptFailed waits a little after an error that may pass: too many open
// files, a connection that was gone again.
func (m *Master) acceptFailed(ctx context.Context, err error) (retry bool) {
	if errors.Is(err, net.ErrClosed) {
		return false
	}
	m.faults.Log("cannot accept a slave", "err", err)
	select {
	case <-time.After(100 * time.Millisecond):
	case <-ctx.Done():
	}
	return true
}

// enter makes a place for a connection; proven says that it has shown the secret. If all are taken,
// one goes that has not reported yet, the oldest: what only connects must not keep slaves away.
// Where there is a secret, those that have not shown it have all places but one, and for one
// that has, one of them goes even if it has reported.
func (m *Master) enter(nc net.Conn, proven bool) *masterConn {
	c := newMasterConn(m, nc)
	c.proven = proven
	m.mu.Lock()
	defer m.mu.Unlock()
	if i, full := m.room(proven); i >= 0 {
		m.conns[i].close(errors.New("replica: its place was needed, it had not reported or not proven anything"))
		m.conns = slices.Delete(m.conns, i, i+1)
	} else if full {
		m.faults.Log("too many slaves; the connection is refused", "remote", c.remote, "slaves", len(m.conns))
		return nil
	}
	m.conns = append(m.conns, c)
	return c
}

// room is which connection makes room for one more, -1 if none has to, or none may, when it is full.
func (m *Master) room(proven bool) (i int, full bool) {
	silent := func(c *masterConn) bool { return !c.reported.Load() }
	unproven := func(c *masterConn) bool { return !c.proven }
	both := func(c *masterConn) bool { return silent(c) && unproven(c) }
	full = len(m.conns) >= m.opts.MaxSlaves
	first := []func(*masterConn) bool{both, unproven, silent}
	switch {
	case m.opts.Trust.Key == nil:
		first = first[:1]
	case !proven:
		n := 0
		for _, c := range m.conns {
			if unproven(c) {
				n++
			}
		}
		full, first = full || n >= max(1, m.opts.MaxSlaves-1), first[:1]
	}
	if !full {
		return -1, false
	}
	for _, goes := range first {
		if i = slices.IndexFunc(m.conns, goes); i >= 0 {
			return i, true
		}
	}
	return -1, true
}

func (m *Master) remove(c *masterConn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := slices.Index(m.conns, c); i >= 0 {
		m.conns = slices.Delete(m.conns, i, i+1)
	}
}

func (m *Master) leaveAll() {
	m.lobby.close()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.conns {
		c.close(net.ErrClosed)
	}
}

// PeersChanged leaves slaves that have proven nothing and may not be the other half any more: whom
// Trust takes has changed.
func (m *Master) PeersChanged() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.conns {
		if !c.proven && !m.opts.Trust.plain(c.nc) {
			c.close(errStranger)
		}
	}
}

// Ours says that the slave at addr is one of ours: a connection that it makes
// within ten minutes, or while another one lasts, gets longer transfers. It may be
// called from any goroutine.
func (m *Master) Ours(addr netip.Addr) { m.kin.note(addr) }

// Grown says that Source's Confirmed has moved. It does not block.
func (m *Master) Grown() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.conns {
		poke(c.grown)
	}
}

// Held says why the slave at addr is not sent all it lacks, "" if it is.
func (m *Master) Held(addr netip.Addr) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.conns {
		if why := c.held.get(); why != "" && c.addr == addr {
			return why
		}
	}
	return ""
}

// holds tells who asked that a slave is held, or is no longer.
func (m *Master) holds() {
	if m.opts.Holds != nil {
		m.opts.Holds()
	}
}

// A SlaveStatus is what a master knows of one slave.
type SlaveStatus struct {
	Addr  netip.AddrPort
	Since time.Time // of the connection
	Sent  int64     // end of what was sent, bytes
	Acked int64     // end of what it has, bytes
	Speed int64     // bytes of log that it was sent in the last whole second
	Level time.Time // when it last had all there was; zero if it never had
	Link  string    // by which it is reached; "" if nobody has said
	Held  string    // why it is not sent what it lacks at once; "" if it is

	Proven bool // that it is one of ours
	Sealed bool // it is sent everything under TLS
}

// Slaves lists the slaves that have reported, the oldest connection first.
func (m *Master) Slaves() []SlaveStatus {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []SlaveStatus
	for _, c := range m.conns {
		if c.reported.Load() {
			all = append(all, SlaveStatus{Addr: c.remote, Since: c.since, Sent: c.sent.Load(), Acked: c.acked.Load(), Speed: c.speed.count(time.Now(), 0), Level: c.level(m.opts.Source.Confirmed()), Link: c.link.get(), Held: c.held.get(), Proven: c.proven, Sealed: c.sealed()})
		}
	}
	return all
}
