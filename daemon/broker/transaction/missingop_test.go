package transaction

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/store"
	"pairmq/store/record"
)

// A withoutOps is a store that can be made to refuse ops.
type withoutOps struct {
	*store.Store
	on *atomic.Bool
}

func (w withoutOps) Put(ms []record.Message, done func(error)) error {
	if w.on.Load() && ms[0].Topic == OpTopic {
		return store.ErrHalted
	}
	return w.Store.Put(ms, done)
}

// TestAMissingOp: a half that was stored once more and whose op was not has ended when its
// later incarnation has, whether the broker was restarted between or not.
func TestAMissingOp(t *testing.T) {
	for name, restart := range map[string]bool{"restarted": true, "at once": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				var on atomic.Bool
				r.wrap = func(st *store.Store) Store { return withoutOps{st, &on} }
				r.mustStart()
				synctest.Wait()
				r.mustPut(newHalf(1, ""))
				on.Store(true)
				time.Sleep(31 * time.Second)
				synctest.Wait()
				on.Store(false)
				asked := r.take()
				if len(asked) != 1 || len(r.queue(OpTopic, 0)) != 0 {
					t.Fatalf("asked %d times", len(asked))
				}
				if restart {
					r.mustStop()
					r.mustStart()
					synctest.Wait()
				}
				if err := r.end(&asked[0].Half, false); err != nil {
					t.Fatal(err)
				}
				r.mustStop()
				r.mustStart()
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				if n := len(r.take()); n != 0 {
					t.Errorf("asked %d times for what is rolled back", n)
				}
				if strings.Contains(r.log.String(), "level=ERROR") {
					t.Errorf("%s", r.log)
				}
				r.mustStop()
			})
		})
	}
}
