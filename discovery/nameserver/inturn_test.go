package nameserver

import (
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestLongWorkTakesTurns, and rests as long as it took; after a rest it begins at once.
func TestLongWorkTakesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newInTurn()
		var all sync.WaitGroup
		start, at, busy := time.Now(), []time.Duration{}, 0
		for range 3 {
			all.Go(func() {
				turns.do(func() {
					if busy++; busy != 1 {
						t.Errorf("%d work at the same time", busy)
					}
					at = append(at, time.Since(start))
					time.Sleep(20 * time.Millisecond)
					busy--
				})
			})
		}
		all.Wait()
		time.Sleep(time.Second)
		begin := time.Now()
		turns.do(func() {})
		const ms = time.Millisecond
		if len(at) != 3 || at[0] != 0 || at[1] != 40*ms || at[2] != 80*ms || time.Since(begin) != 0 {
			t.Errorf("they began after %v, want 0, 40 and 80 ms; after a rest one waited %v", at, time.Since(begin))
		}
	})
}

// TestLargeRegistrationsTakeTurns: small ones do not wait for them.
func TestLargeRegistrationsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Options{})
		<-s.large
		s.large <- time.Now().Add(time.Second)
		small, large := newBroker(s, "small", "h1:10911"), newBroker(s, "large", "h2:10911")
		for i := range 100 {
			large.topics = append(large.topics, topic("Topic"+strconv.Itoa(i), 6))
		}
		start := time.Now()
		small.mustRegister(t)
		if took := time.Since(start); took != 0 {
			t.Errorf("a small registration took %v", took)
		}
		large.mustRegister(t)
		if took := time.Since(start); took != time.Second {
			t.Errorf("a large registration took %v, want the second that others rest", took)
		}
	})
}
