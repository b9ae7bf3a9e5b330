package broker

import (
	"context"
	"sync"

	"pairmq/internal/remoting"
)

// maxLogWork is how many requests wait for a logWork; more are told to come again.
const maxLogWork = 4

// logWork does what takes long, one request after the other, away from the
// goroutines that read connections.
type logWork struct {
	jobs chan func(context.Context)

	mu     sync.Mutex // guards closed
	closed bool
}

func newLogWork() *logWork { return &logWork{jobs: make(chan func(context.Context), maxLogWork)} }

// later has do serve req; an error of it is answered as a handler's is.
func (w *logWork) later(b *Broker, req *remoting.Request, do func(context.Context) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return refuse(remoting.RespServiceNotAvailable, "the broker is stopping")
	}
	job := func(ctx context.Context) {
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
		return nil
	default:
		return refuse(remoting.RespSystemBusy, "the log is being read for %d others", maxLogWork)
	}
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
	defer w.mu.Unlock()
	w.closed = true
	for len(w.jobs) > 0 {
		(<-w.jobs)(ctx)
	}
	return nil
}
