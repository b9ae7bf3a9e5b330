package machine

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"pairmq/hal/board"
)

// How often what is read. A look takes some dozens of files of the kernel's
// memory, far below a millisecond on any board that was measured.
const (
	lookEvery  = 10 * time.Second // counters, pressure, the clock
	boardEvery = 3                // looks from one at heat, supplies and trust to the next
	lifeEvery  = 360              // looks from one at the flash's life to the next, which the device itself is asked
)

// A Machine watches the board and acts. Snapshot may be called from any
// goroutine, Run once.
type Machine struct {
	opts  Options
	log   *slog.Logger
	start time.Time // of this Machine, for its monotonic clock
	last  atomic.Pointer[Snapshot]

	mu     sync.Mutex // guards the rest
	snap   Snapshot   // being made
	disk   *board.Disk
	looks  int
	jumps  board.Jumps
	pace   pace
	host   Host   // nil: none is attached
	book   *diary // nil until a host was attached
	kept   diary  // as it was kept last
	absent map[string]string

	good      time.Time // since when the power is back, while it is taken for failing
	blind     bool      // whether the power fails is not known
	unflushed bool      // a flush has failed since the power does
	lit       bool      // the lights were set
	told      bool      // the line of what is absent was written
	gone, odd []string  // what was told of by itself since
	dark      []string  // lights that cannot be set
}

// New returns the Machine and has its first Snapshot ready: it reads everything
// once, and logs in one line what the machine does not tell.
func New(o Options) (*Machine, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	m := &Machine{opts: o, log: o.Log, start: time.Now(), absent: map[string]string{}}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.look()
	m.tellAbsent()
	return m, nil
}

// Snapshot returns what is known.
func (m *Machine) Snapshot() Snapshot { return *m.last.Load() }

// Run looks at the machine until ctx ends.
func (m *Machine) Run(ctx context.Context) error {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	var supply <-chan time.Time
	if m.opts.Supply.watched() {
		s := time.NewTicker(m.opts.SupplyPoll)
		defer s.Stop()
		supply = s.C
	}
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.release()
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-supply:
			m.mu.Lock()
			m.watchSupply()
			m.mu.Unlock()
		case <-t.C:
			m.mu.Lock()
			m.look()
			m.mu.Unlock()
		}
	}
}

// look reads what it is time for.
func (m *Machine) look() {
	if m.looks%lifeEvery == 0 {
		m.lookAtPlace()
	}
	if m.looks%boardEvery == 0 {
		m.lookAtHeat()
		m.lookAtSupplies()
	}
	m.lookAtClock()
	m.lookAtWear()
	m.lookAtStall()
	m.looks++
	m.keepDiary(runBytes, runTime)
	m.show()
	m.publish()
}

// publish makes what was read the Snapshot.
func (m *Machine) publish() {
	m.snap.At = time.Now()
	s := m.snap
	s.Absent = maps.Clone(m.absent)
	m.last.Store(&s)
}
