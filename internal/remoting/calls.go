package remoting

import (
	"fmt"
	"sync"
	"time"
)

// expiryGrain is the least time between two looks for calls that timed out.
const expiryGrain = 10 * time.Millisecond

// A call is a request of ours that waits for its answer.
type call struct {
	code int32
	due  time.Time // zero: its caller sees to that
	done func(*Command, error)
}

// calls are those of one connection, by opaque. One timer serves them all.
type calls struct {
	conn  *Conn
	mu    sync.Mutex
	last  int32 // opaque
	table map[int32]*call
	timer *time.Timer
	fires time.Time // when timer does; zero: it does not run
	err   error     // the connection has ended
}

// add registers a call and returns its opaque.
func (cs *calls) add(k *call) (int32, error) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.err != nil {
		return 0, cs.err
	}
	if most := cs.conn.shared.limits.InFlight; len(cs.table) >= most {
		return 0, fmt.Errorf("%w: %d calls wait for an answer", ErrBusy, most)
	}
	if cs.table == nil {
		cs.table = make(map[int32]*call)
	}
	opaque := cs.next()
	cs.table[opaque] = k
	if !k.due.IsZero() && (cs.fires.IsZero() || k.due.Before(cs.fires)) {
		cs.arm(k.due)
	}
	return opaque, nil
}

// next returns an opaque that no call has; cs.mu is held.
func (cs *calls) next() int32 {
	for {
		cs.last++
		if _, taken := cs.table[cs.last]; !taken {
			return cs.last
		}
	}
}

// number returns an opaque for a request without an answer.
func (cs *calls) number() int32 {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.next()
}

// take removes the call of opaque and returns it, or nil if it is over.
func (cs *calls) take(opaque int32) *call {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	k := cs.table[opaque]
	delete(cs.table, opaque)
	return k
}

// waits says whether somebody waits for an answer.
func (cs *calls) waits(opaque int32) bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.table[opaque] != nil
}

// answer delivers a response; one that nobody waits for is dropped.
func (cs *calls) answer(cmd *Command) (asked bool) {
	k := cs.take(cmd.Opaque)
	if k != nil {
		k.done(copied(cmd), nil)
	}
	return k != nil
}

// arm makes the timer fire at due; cs.mu is held.
func (cs *calls) arm(due time.Time) {
	cs.fires = due
	if wait := time.Until(due); cs.timer == nil {
		cs.timer = time.AfterFunc(wait, cs.expire)
	} else {
		cs.timer.Reset(wait)
	}
}

// expire ends the calls whose time is over.
func (cs *calls) expire() {
	for _, k := range cs.due(time.Now()) {
		cs.fail(k, fmt.Errorf("%w: request %s to %v", ErrTimeout, RequestName(k.code), cs.conn.remote))
	}
}

// due removes the calls that are due at now, and sets the timer for the rest.
func (cs *calls) due(now time.Time) []*call {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	var over []*call
	var next time.Time
	for opaque, k := range cs.table {
		switch {
		case k.due.IsZero():
		case !k.due.After(now):
			delete(cs.table, opaque)
			over = append(over, k)
		case next.IsZero() || k.due.Before(next):
			next = k.due
		}
	}
	cs.fires = time.Time{}
	if soonest := now.Add(expiryGrain); !next.IsZero() {
		if next.Before(soonest) {
			next = soonest
		}
		cs.arm(next)
	}
	return over
}

// close ends all calls with err, and those to come.
func (cs *calls) close(err error) {
	cs.mu.Lock()
	cs.err = err
	table := cs.table
	cs.table = nil
	if cs.timer != nil {
		cs.timer.Stop()
	}
	cs.mu.Unlock()
	for _, k := range table {
		cs.fail(k, err)
	}
}

// fail ends k with err.
func (cs *calls) fail(k *call, err error) {
	defer cs.conn.recovered()
	k.done(nil, err)
}
