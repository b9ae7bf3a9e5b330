package machine

import "time"

// A Class is what the lights show. Of two, the greater one counts.
type Class int

// From the best to the worst.
const (
	OK          Class = iota
	Replicating       // a slave has not everything yet
	Degraded          // it works, and a person should look
	Fault             // it stores nothing, or not what it promised
)

// String names the class.
func (c Class) String() string {
	return [...]string{"ok", "replicating", "degraded", "fault"}[max(0, min(c, Fault))]
}

// A Host is the broker that a Machine acts on while it is attached. None of its
// methods calls the Machine.
type Host interface {
	// SetLinger has flushes wait so long for more messages, 0 as configured, and
	// returns what it was bounded to.
	SetLinger(time.Duration) time.Duration
	// Rest puts off work that nobody waits for.
	Rest(bool)
	// Halt refuses messages and says why, until Resume.
	Halt(why string)
	Resume()
	// Sync returns when all that is there is on flash.
	Sync() error
	// Health is how the broker itself is, and why in a few words.
	Health() (c Class, why string)
	// Diary returns what KeepDiary kept last, nil if nothing was.
	Diary() []byte
	KeepDiary([]byte) error
}

// Attach has the Machine act on h from now on, in the state that the machine is in,
// until leave is called: before h's store is closed.
func (m *Machine) Attach(h Host) (leave func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.host = h
	m.readDiary(h.Diary())
	m.actAnew()
	m.show()
	m.publish()
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.lookAtWear()
		m.keepDiary(stopBytes, stopTime)
		m.host = nil
	}
}

// actAnew tells a host that knows nothing yet what it is to do.
func (m *Machine) actAnew() {
	if m.snap.Wear.Budget == BudgetLinger {
		m.host.SetLinger(m.opts.Linger)
	}
	m.host.Rest(m.snap.Heat.Hot || m.snap.Stall.High)
	if m.snap.Power.Fails != "" {
		m.host.Halt(m.snap.Power.Fails)
	}
}
