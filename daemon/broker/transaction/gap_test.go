package transaction

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/store"
	"pairmq/store/record"
)

// A gapped is a store of which the first part of a queue cannot be read.
type gapped struct {
	*store.Store
	topic   string
	to      int64        // queue offset of the first record that can be read
	status  store.Status // of what lies before
	next    int64        // where that says to go on
	retired *atomic.Bool // what lies before was given back: so it is after the first read
}

func (g gapped) Get(topic string, queueID int32, offset int64, maxMsgs, maxBytes int, f store.Filter) (store.Result, error) {
	if topic != g.topic || offset >= g.to {
		return g.Store.Get(topic, queueID, offset, maxMsgs, maxBytes, f)
	}
	if g.retired != nil {
		g.retired.Store(true)
	}
	return store.Result{Status: g.status, NextBeginOffset: g.next, MaxOffset: g.MaxOffset(topic, queueID)}, nil
}

func (g gapped) MinOffset(topic string, queueID int32) int64 {
	if topic == g.topic && g.retired != nil && g.retired.Load() {
		return g.to
	}
	return g.Store.MinOffset(topic, queueID)
}

// TestBehindWhatIsLost: halves behind those that nobody can read any more are asked for.
func TestBehindWhatIsLost(t *testing.T) {
	for name, status := range map[string]store.Status{"lost": store.MessageWasRemoving, "not in the index": store.OffsetFoundNull} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.wrap = func(st *store.Store) Store {
					return gapped{Store: st, topic: HalfTopic, to: 3, status: status, next: 3}
				}
				r.mustStart()
				synctest.Wait()
				for n := range 5 {
					r.mustPut(newHalf(n, ""))
				}
				time.Sleep(31 * time.Second)
				synctest.Wait()
				if n := len(r.take()); n != 2 {
					t.Errorf("asked %d times, want 2\n%s", n, r.log)
				}
				r.mustStop()
			})
		})
	}
}

// TestGivenBackMeanwhile: where the oldest segment is given back while a start or a round
// reads it, what follows in the next one counts.
func TestGivenBackMeanwhile(t *testing.T) {
	for _, topic := range []string{HalfTopic, OpTopic} {
		t.Run(topic, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.mustStart()
				synctest.Wait()
				var halves []*record.Message
				halves = append(halves, r.mustPut(newHalf(0, "\x02CHECK_IMMUNITY_TIME_IN_SECONDS\x0110000")))
				for n := range 5 {
					halves = append(halves, r.mustPut(newHalf(1+n, "")))
				}
				for _, m := range halves[1:5] {
					if err := r.end(m, false); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(31 * time.Second) // the last is stored once more
				if n := len(r.take()); n != 1 {
					t.Fatalf("asked %d times", n)
				}
				r.mustStop()
				r.wrap = func(st *store.Store) Store {
					return gapped{Store: st, topic: topic, to: 1, status: store.MessageWasRemoving, next: 7, retired: new(atomic.Bool)}
				}
				r.mustStart()
				for _, t := range []string{HalfTopic, OpTopic} {
					if at, _ := r.st.Progress(t, 0); at != 0 {
						r.t.Fatalf("%s is worked off to %d", t, at)
					}
				}
				time.Sleep(31 * time.Second)
				synctest.Wait()
				asked := r.take()
				want := 1
				if topic == OpTopic { // nobody knows any more of the first
					want = 2
				}
				if len(asked) != want || asked[len(asked)-1].UniqueKey != "K5" {
					t.Errorf("asked %d times, want %d", len(asked), want)
				}
				r.mustStop()
			})
		})
	}
}
