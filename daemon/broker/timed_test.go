package broker

import (
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

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

// TestTimerCheckpoint: a slave of Apache is told how far the timers are, in Java's form.
func TestTimerCheckpoint(t *testing.T) {
	bubble(t, func(_ *Options, s *fakeStore) { s.now = time.Now().UnixMilli() }, func(t *testing.T, r *rig) {
		c := r.client()
		c.expect(c.call(remoting.ReqSendMessageV2, "b", sendFields("T", "i", "UNIQ_KEY\x01K1\x02TIMER_DELAY_MS\x0160000")...), 0, "")
		synctest.Wait()
		resp := c.call(remoting.ReqGetTimerCheckPoint, "")
		c.expect(resp, 0, "")
		if len(resp.Body) != 7*8 {
			t.Fatalf("%d bytes", len(resp.Body))
		}
		number := func(n int) int64 { return int64(binary.BigEndian.Uint64(resp.Body[8*n:])) }
		if read, now := number(0), time.Now().UnixMilli(); read > now || read < now-5000 {
			t.Errorf("read to %d, it is %d", read, now)
		}
		if number(2) != 1 || number(3) != 1 {
			t.Errorf("the queue is read to %d and %d, want 1", number(2), number(3))
		}
	})
	bubble(t, func(o *Options, _ *fakeStore) { o.ID = 1 }, func(t *testing.T, r *rig) {
		c := r.client()
		c.expect(c.call(remoting.ReqGetTimerCheckPoint, ""), remoting.RespSystemError, "ask the master")
	})
}
