package broker

import (
	"context"
	"net/netip"
	"sync"

	"pairmq/internal/remoting"
)

// How many requests wait for a logWork; more are told to come again. Of one address
// maxLogWork do, beside one that is served.
const (
	maxLogWork = 4
	maxQueries = 32 // anybody may ask
)

// logWork does what takes long, one request after the other, away from the
// goroutines that read connections.
type logWork struct {
	jobs chan func(context.Context)

	mu     sync.Mutex // guards the rest
	of     portion
	closed bool
}

func newLogWork(places int) *logWork {
	return &logWork{jobs: make(chan func(context.Context), places), of: newPortion(2 * (maxLogWork + 1))}
}

// later has do serve req; an error of it is answered as a handler's is. Who waits for room
// for the answer keeps others waiting: not for long if it is his own that he does not read.
func (w *logWork) later(b *Broker, req *remoting.Request, do func(context.Context) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return refuse(remoting.RespServiceNotAvailable, "the broker is stopping")
	}
	from := sourceOf(req.Conn())
	if !w.of.has(from, 1) {
		return refuse(remoting.RespSystemBusy, "the log is being read for %d others of this address", maxLogWork)
	}
	req.Park()
	job := func(ctx context.Context) {
		defer w.leave(from)
		err := ctx.Err()
		if err == nil {
			err = do(ctx)
		}
		if ctx.Err() != nil {
			err = refuse(remoting.RespServiceNotAvailable, "the broker is stopping")
		}
		if err != nil {
			b.fail(req, err)
		}
	}
	select {
	case w.jobs <- job:
		w.of.add(from, 1)
		return nil
	default:
		return refuse(remoting.RespSystemBusy, "the log is being read for %d others", cap(w.jobs))
	}
}

// leave gives a place of an address back.
func (w *logWork) leave(from netip.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.of.add(from, -1)
}

// run works until ctx ends; then all who wait are refused.
func (w *logWork) run(ctx context.Context) error {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case job := <-w.jobs:
			job(ctx)
		}
	}
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	for len(w.jobs) > 0 {
		(<-w.jobs)(ctx)
	}
	return nil
}
