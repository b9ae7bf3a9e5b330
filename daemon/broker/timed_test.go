package broker

import (
	"testing"
	"testing/synctest"

	"pairmq/daemon/broker/timer"
	"pairmq/internal/remoting"
	"pairmq/store/record"
)

// TestTimedBeyondTheirShare: once as much waits as may, more is refused as a full disk
// refuses it, and what does not wait is taken still; so is what takes one back.
func TestTimedBeyondTheirShare(t *testing.T) {
	bubble(t, func(o *Options, _ *fakeStore) { o.TimerMaxBytes = 1 }, func(t *testing.T, r *rig) {
		c := r.client()
		send := func(props string) *remoting.Command {
			return c.call(remoting.ReqSendMessageV2, "b", sendFields("T", "i", props)...)
		}
		resp := send("UNIQ_KEY\x01K1\x02TIMER_DELAY_MS\x0160000")
		c.expect(resp, 0, "")
		handle := resp.Fields.Get("recallHandle")
		synctest.Wait() // it is entered
		c.expect(send("UNIQ_KEY\x01K2\x02TIMER_DELAY_MS\x0160000"), remoting.RespServiceNotAvailable, "timerMaxBytes")
		c.expect(send("UNIQ_KEY\x01K3\x02TIMER_DELAY_MS\x01-1"), 0, "")
		c.expect(send("UNIQ_KEY\x01K4\x02DELAY\x011"), 0, "")
		c.expect(send("UNIQ_KEY\x01K5"), 0, "")
		c.expect(c.call(remoting.ReqRecallMessage, "", "topic", "T", "producerGroup", "PG", "recallHandle", handle), 0, "")
		if all := r.st.stored(timer.Topic, 0); len(all) != 2 {
			t.Errorf("%d records wait, want a message and what takes it back", len(all))
		}
	})
}

// TestALevelCountsBeforeATime: a message with both waits at its level, and keeps nothing
// by which it could wait for a time again.
func TestALevelCountsBeforeATime(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		c.expect(c.call(remoting.ReqSendMessageV2, "b", sendFields("T", "i", "DELAY\x013\x02TIMER_DELAY_MS\x0160000\x02TIMER_DELAY_SEC\x0160\x02TIMER_DELIVER_MS\x019000000000000")...), 0, "")
		if n := len(r.st.stored(timer.Topic, 0)); n != 0 {
			t.Errorf("%d records wait for a time, want none", n)
		}
		all := r.st.stored("SCHEDULE_TOPIC_XXXX", 2)
		if len(all) != 1 {
			t.Fatalf("%d records wait at level 3, want 1", len(all))
		}
		for _, name := range [...]string{timer.PropertyDelayMs, timer.PropertyDelaySec, timer.PropertyDeliverMs} {
			if got, ok := record.Property(all[0].Properties, name); ok {
				t.Errorf("%s is still %q", name, got)
			}
		}
	})
}
