package broker

import (
	"testing"
	"time"
)

// TestAcknowledgedWhileTheBrokerStops: requests are answered until the connections are
// drained, when nothing runs any more. What they have acknowledged does not come again.
func TestAcknowledgedWhileTheBrokerStops(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		c.sent("m", 2)
		_, acks := c.pop("T")
		r.stop()
		c.acks(acks[1])
		r.b.Keep()
		next := newRig(t, func(o *Options, _ *fakeStore) { o.Store = r.st })
		r.st.mu.Lock() // next runs
		r.st.arrived = next.b.Arrived
		r.st.mu.Unlock()
		time.Sleep(time.Minute)
		if got, _ := next.client().pop("T"); got != "m0/1" {
			t.Errorf("after the next start comes %q, want m0 alone", got)
		}
	})
}
