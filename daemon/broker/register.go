package broker

import (
	"context"
	"sync"
	"time"

	"pairmq/internal/remoting"
)

// registerTime is how long a change of topics waits for the name servers before
// it is answered all the same: it is made, and they hear of it later.
const registerTime = 3 * time.Second

// registrations answers requests once the name servers know what they changed,
// for tools ask those for a route right after. Changes that come while name
// servers are being told wait together for the next time.
type registrations struct {
	registrar Registrar
	wake      chan struct{}

	mu      sync.Mutex // guards the rest
	waiting []*remoting.Request
	closed  bool
}

func newRegistrations(r Registrar) *registrations {
	return &registrations{registrar: r, wake: make(chan struct{}, 1)}
}

// reply answers req with success as soon as the name servers know.
func (r *registrations) reply(req *remoting.Request) {
	r.mu.Lock()
	closed := r.closed
	if !closed {
		r.waiting = append(r.waiting, req)
	}
	r.mu.Unlock()
	if closed {
		replyDone(req)
		return
	}
	signal(r.wake)
}

func (r *registrations) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			r.answer(r.take(true))
			return nil
		case <-r.wake:
		}
		all := r.take(false)
		rctx, cancel := context.WithTimeout(ctx, registerTime)
		_ = r.registrar.RegisterNow(rctx) // it logs and goes on trying by itself
		cancel()
		r.answer(all)
	}
}

func (r *registrations) take(last bool) []*remoting.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.waiting
	r.waiting, r.closed = nil, last
	return all
}

func (r *registrations) answer(all []*remoting.Request) {
	for _, req := range all {
		replyDone(req)
	}
}
