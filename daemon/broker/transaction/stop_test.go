package transaction

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"pairmq/store"
)

// TestAStopAnswers: decisions that wait for another one are answered when the broker stops.
func TestAStopAnswers(t *testing.T) {
	for name, early := range map[string]bool{"the other is stored before": true, "and after": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				hold := make(chan struct{})
				r.wrap = func(st *store.Store) Store { return held{st, "0", hold} }
				r.mustStart()
				synctest.Wait()
				m := r.mustPut(newHalf(0, ""))
				c, err := New(r.c.o) // stopped apart from the store
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				stopped := make(chan error, 1)
				go func() { stopped <- c.Run(ctx) }()
				synctest.Wait()
				answers := make(chan error, 3)
				d := Decision{Group: "PG", QueueOffset: m.QueueOffset, PhyOffset: m.PhyOffset}
				for range cap(answers) {
					go func() {
						if err := c.End(d, func(err error) { answers <- err }); err != nil {
							answers <- err
						}
					}()
				}
				synctest.Wait()
				if early {
					close(hold)
					cancel()
				} else {
					cancel()
					synctest.Wait()
					close(hold)
				}
				synctest.Wait()
				if n := len(answers); n != cap(answers) {
					t.Errorf("%d of %d decisions are answered", n, cap(answers))
				}
				for range len(answers) {
					if err := <-answers; err != nil && !errors.Is(err, store.ErrReadOnly) {
						t.Error(err)
					}
				}
				if err := <-stopped; err != nil {
					t.Error(err)
				}
				r.mustStop()
			})
		})
	}
}
