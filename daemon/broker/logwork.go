package broker

import (
	"context"
	"net/netip"
	"sync"

	"pairmq/internal/remoting"
	"pairmq/store"
)

// Places of requests that wait for a logWork, with the one that it does; more are told to
// come again.
const (
	maxLogWork = 5
	maxQueries = 32 // anybody may ask, and have as many as a maxLogWork of them
)

// logWork does what takes long, one request after the other, away from the
// goroutines that read connections.
type logWork struct {
	jobs chan *logJob // room for all that have a place

	mu     sync.Mutex // guards the rest
	places int        // that are taken
	of     map[netip.Addr]int
	closed bool
}

// A logJob is a request that has a place until it is answered.
type logJob struct {
	req  *remoting.Request
	from netip.Addr
	do   func(context.Context) error
	room *prepaid // nil: do does not ask for any
}

func newLogWork(places int) *logWork {
	return &logWork{jobs: make(chan *logJob, places), of: map[netip.Addr]int{}}
}

// later has do serve req; an error of it is answered as a handler's is.
func (w *logWork) later(req *remoting.Request, do func(context.Context) error) error {
	return w.enter(&logJob{req: req, do: do})
}

// laterWithin is later for who asks for room. If there is none, others are served until
// there is, and do is called once more.
func (w *logWork) laterWithin(req *remoting.Request, do func(context.Context, store.Room) error) error {
	room := &prepaid{req: req}
	return w.enter(&logJob{req: req, do: func(ctx context.Context) error { return do(ctx, room) }, room: room})
}

func (w *logWork) enter(j *logJob) error {
	j.from = remoting.SiteOf(sourceOf(j.req.Conn()))
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed:
		return errStopping()
	case w.places >= cap(w.jobs) || j.from.IsValid() && w.of[j.from] >= maxLogWork:
		return refuse(remoting.RespSystemBusy, "the log is being read for %d others, or for %d of one address", w.places, maxLogWork)
	}
	w.places++
	w.of[j.from]++
	w.jobs <- j
	return nil
}

func errStopping() error { return refuse(remoting.RespServiceNotAvailable, "the broker is stopping") }

// serve answers a job, or has it wait for room elsewhere.
func (w *logWork) serve(ctx context.Context, b *Broker, j *logJob) {
	err := ctx.Err()
	if err == nil {
		err = j.do(ctx)
	}
	if ctx.Err() != nil {
		err = errStopping()
	}
	if noRoom(err) && j.room != nil {
		go w.wait(b, j)
		return
	}
	w.leave(b, j, err)
}

// wait has a job served again when there is room for its answer. It waits once.
func (w *logWork) wait(b *Broker, j *logJob) {
	room := j.room
	j.room = nil
	err := room.wait()
	w.mu.Lock()
	if w.closed {
		err = errStopping()
	}
	if err == nil {
		w.jobs <- j
	}
	w.mu.Unlock()
	if err != nil {
		w.leave(b, j, err)
	}
}

// leave gives a place back.
func (w *logWork) leave(b *Broker, j *logJob, err error) {
	w.mu.Lock()
	w.places--
	if w.of[j.from]--; w.of[j.from] == 0 {
		delete(w.of, j.from)
	}
	w.mu.Unlock()
	if err != nil {
		b.fail(j.req, err)
	}
}

// run works until ctx ends; then all who wait are refused.
func (w *logWork) run(ctx context.Context, b *Broker) error {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case j := <-w.jobs:
			w.serve(ctx, b, j)
		}
	}
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	for len(w.jobs) > 0 {
		w.serve(ctx, b, <-w.jobs)
	}
	return nil
}
