// Package lifecycle runs the parts of a daemon together: several at once, all
// stopped on the first error, retried with back-off where that is wanted.
//
// It knows nothing of what it runs.
package lifecycle

import (
	"context"
	"fmt"
	"sync"
)

// A Group runs functions until the first of them fails or the context it was
// made with ends; then it stops the others. Use NewGroup.
type Group struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
}

// NewGroup returns a Group whose functions are stopped when ctx ends.
func NewGroup(ctx context.Context) *Group {
	ctx, cancel := context.WithCancelCause(ctx)
	return &Group{ctx: ctx, cancel: cancel}
}

// Go runs f in a goroutine of its own. f returns nil once its context ends, or
// an error when it cannot go on; name says in that error who failed.
func (g *Group) Go(name string, f func(context.Context) error) {
	g.wg.Go(func() {
		if err := f(g.ctx); err != nil {
			g.cancel(&failure{name, err})
		}
	})
}

// Context ends when the group stops.
func (g *Group) Context() context.Context { return g.ctx }

// Wait blocks until every function has returned. It returns the first error,
// or nil if the context ended and nobody failed.
func (g *Group) Wait() error {
	g.wg.Wait()
	defer g.cancel(nil)
	if f, ok := context.Cause(g.ctx).(*failure); ok {
		return f
	}
	return nil
}

// A failure is the error of one of a group's functions; its type tells it from
// the cause of an outer context's end.
type failure struct {
	name string
	err  error
}

func (f *failure) Error() string { return fmt.Sprintf("%s: %v", f.name, f.err) }
func (f *failure) Unwrap() error { return f.err }
