package broker

import (
	"fmt"
	"sync"
	"time"

	"pairmq/store"
)

// makingTime is how long the goroutine that reads a connection waits for a topic
// or group that a client makes by using it. A slow disk may take much longer: then
// the client is told to try again, and what else it has sent is served meanwhile.
const makingTime = time.Second

// maxMakings is how many topics and groups are being made at a time, most of them
// waiting for the one before.
const maxMakings = 64

// A making is a topic or group on its way to flash.
type making struct {
	done  chan struct{} // closed when it is there, or err says why not
	err   error
	began time.Time
}

// makings are those on their way, by kind and name.
type makings struct {
	mu     sync.Mutex // never held during I/O
	byName map[string]*making
	closed bool // nothing begins any more
	work   sync.WaitGroup
}

// close waits until all are made that have begun; others are refused with
// store.ErrReadOnly from then on.
func (m *makings) close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.work.Wait()
}

// make runs do elsewhere, once for all who ask for name meanwhile, and waits for
// it until makingTime after it began. It fails with store.ErrBusy if that is over,
// with store.ErrReadOnly after close, and as do does.
func (m *makings) make(name string, do func() error) error {
	w, err := m.begin(name, do)
	if err != nil {
		return err
	}
	late := time.NewTimer(time.Until(w.began.Add(makingTime)))
	defer late.Stop()
	select {
	case <-w.done:
		return w.err
	case <-late.C:
		return fmt.Errorf("%w: %s is being made for %v", store.ErrBusy, name, time.Since(w.began).Round(time.Millisecond))
	}
}

func (m *makings) begin(name string, do func() error) (*making, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if w := m.byName[name]; w != nil {
		return w, nil
	}
	if m.closed {
		return nil, fmt.Errorf("%w: %s comes too late, the broker stops", store.ErrReadOnly, name)
	}
	if len(m.byName) >= maxMakings {
		return nil, fmt.Errorf("%w: %d topics and groups are being made", store.ErrBusy, len(m.byName))
	}
	w := &making{done: make(chan struct{}), began: time.Now()}
	m.byName[name] = w
	m.work.Go(func() {
		w.err = do()
		m.mu.Lock()
		delete(m.byName, name)
		m.mu.Unlock()
		close(w.done)
	})
	return w, nil
}
