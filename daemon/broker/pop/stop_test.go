package pop

import (
	"context"
	"testing"
	"time"

	"pairmq/store"
	"pairmq/store/record"
)

// A slow store needs a second for each message.
type slow struct{ *store.Store }

func (s slow) Put(ms []record.Message, done func(error)) error {
	return s.Store.Put(ms, func(err error) { time.AfterFunc(time.Second, func() { done(err) }) })
}

// TestStopDoesNotWaitForAllThatIsDue: after a long time without power everything that was
// popped may be due at once.
func TestStopDoesNotWaitForAllThatIsDue(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mustStart()
		for n := range 2000 {
			if err := r.put(n); err != nil {
				t.Fatal(err)
			}
		}
		o := r.s.o
		o.Store, o.QueueFlights = slow{r.st}, 0
		s, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		for popped := 0; popped < 2000; {
			p, err := s.Pop(&Request{Group: "H", Topic: "T", Queues: 2, QueueID: AnyQueue, Max: 32, Invisible: 1000})
			if err != nil || p.Topic == "" {
				t.Fatalf("popped %d: %v", popped, err)
			}
			popped += p.Result.Count
			p.Result.Release()
		}
		time.Sleep(2 * time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		time.Sleep(1500 * time.Millisecond)
		began := time.Now()
		cancel()
		<-ended
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("the end took %v", took)
		}
		r.mustStop()
	})
}
