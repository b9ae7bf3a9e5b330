package broker

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/record"
)

// moved returns the events of offsets that were moved.
func (r *rig) moved() []record.Message {
	synctest.Wait()
	r.st.mu.Lock()
	defer r.st.mu.Unlock()
	if q := r.st.queues[queueKey{movedTopic, 0}]; q != nil {
		return q.msgs
	}
	return nil
}

// TestOffsetMovedEvent is reference semantics: what RocketMQ's monitor is told of a pull
// of an offset that is not there.
func TestOffsetMovedEvent(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 4)
		r.st.queues[queueKey{"T", 2}] = &fakeQueue{min: 10, msgs: make([]record.Message, 3)}
		c := r.client()
		pull := func(offset string) {
			c.expect(c.call(remoting.ReqPullMessage, "", pullFields("T", "queueId", "2", "queueOffset", offset)...), remoting.RespPullOffsetMoved, "OFFSET_")
		}
		c.call(remoting.ReqPullMessage, "", pullFields("T", "queueId", "1", "queueOffset", "0")...)
		if all := r.moved(); len(all) != 0 {
			t.Errorf("%d events of a pull of an empty queue", len(all))
		}
		pull("9")
		pull("99")
		all := r.moved()
		if len(all) != 2 {
			t.Fatalf("%d events, want 2", len(all))
		}
		for i, want := range []string{`"offsetNew":10,"offsetRequest":9`, `"offsetNew":13,"offsetRequest":99`} {
			m := all[i]
			want = fmt.Sprintf(`{"consumerGroup":"CG","messageQueue":{"brokerName":"broker-a","queueId":2,"topic":"T"},%s}`, want)
			if got := string(m.Body); got != want || m.Properties != "KEYS\x01CG\x02TAGS\x01CG" || m.BornHost != fakeHost || m.BornTimestamp == 0 {
				t.Errorf("event %d is %s %q, want %s", i, got, m.Properties, want)
			}
		}
		for range 2 * movedBurst {
			pull("9")
		}
		if n := len(r.moved()); n != movedBurst {
			t.Errorf("%d events of a client that does not stop, want %d", n, movedBurst)
		}
		time.Sleep(movedPeriod)
		pull("9")
		pull("9")
		if n := len(r.moved()); n != movedBurst+1 {
			t.Errorf("%d events a second later, want one more", n)
		}
	})
}

// TestOffsetMovedElsewhere: a slave stores nothing, and a pull does not fail with its event.
func TestOffsetMovedElsewhere(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Options, *fakeStore)
	}{
		{"slave", func(o *Options, _ *fakeStore) { o.ID = 1 }},
		{"full", func(_ *Options, st *fakeStore) { st.putErr = errDelayed }},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, test.change, func(t *testing.T, r *rig) {
				r.topic("T", 4)
				r.st.queues[queueKey{"T", 0}] = &fakeQueue{min: 10, msgs: make([]record.Message, 3)}
				c := r.client()
				c.expect(c.call(remoting.ReqPullMessage, "", pullFields("T", "queueOffset", "9")...), remoting.RespPullOffsetMoved, "OFFSET_TOO_SMALL")
				if all := r.moved(); len(all) != 0 {
					t.Errorf("%d events", len(all))
				}
			})
		})
	}
}
