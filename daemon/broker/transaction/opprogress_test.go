package transaction

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/store"
	"pairmq/store/record"
)

// A held is a store in which who has put one op is held up, and told late that it is stored.
type held struct {
	*store.Store
	body string // of the op
	hold chan struct{}
}

func (h held) Put(ms []record.Message, done func(error)) error {
	if ms[0].Topic != OpTopic || string(ms[0].Body) != h.body {
		return h.Store.Put(ms, done)
	}
	err := h.Store.Put(ms, func(err error) {
		go func() {
			<-h.hold
			done(err)
		}()
	})
	<-h.hold
	return err
}

// TestAnOpThatIsNotNotedYet: while who has stored an op has not said so, no start goes on
// behind it.
func TestAnOpThatIsNotNotedYet(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		hold := make(chan struct{})
		r.wrap = func(st *store.Store) Store { return held{st, fmt.Sprint(opChunk - 1), hold} }
		r.mustStart()
		synctest.Wait()
		end := func(n int) {
			if err := r.end(r.mustPut(newHalf(n, "")), false); err != nil {
				t.Error(err)
			}
		}
		for n := range opChunk - 1 {
			end(n)
		}
		var deciding sync.WaitGroup
		deciding.Go(func() { end(opChunk - 1) })
		synctest.Wait()
		end(opChunk)
		time.Sleep(31 * time.Second)
		synctest.Wait()
		close(hold)
		deciding.Wait()
		time.Sleep(31 * time.Second)
		synctest.Wait()
		r.take()
		r.wrap = nil
		r.mustStop()
		r.mustStart()
		time.Sleep(65 * time.Second)
		synctest.Wait()
		for _, c := range r.take() {
			t.Errorf("asked for %s, which is rolled back", c.UniqueKey)
		}
		r.mustStop()
	})
}

// TestNothingIsKeptWithoutTransactions: a broker that never had one writes nothing for them.
func TestNothingIsKeptWithoutTransactions(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mustStart()
		done := make(chan error, 1)
		other := record.Message{Topic: "T", BornHost: newHalf(0, "").BornHost, Body: []byte("of no transaction")}
		if err := r.st.Put([]record.Message{other}, func(err error) { done <- err }); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if got := r.st.AllProgress(); len(got) != 0 {
			t.Errorf("kept %v", got)
		}
	})
}
