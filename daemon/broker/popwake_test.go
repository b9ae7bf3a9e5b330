package broker

import (
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
)

// TestWhoAsksTakesNoPopItsMessage: a message wakes who only asks whether there is one
// (200054), and a pop as well.
func TestWhoAsksTakesNoPopItsMessage(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		a, b := r.client(), r.client()
		asks := a.begin(remoting.ReqNotification, "", popFieldsOf("T", "pollTime", "15000")...)
		if !pending(asks) {
			t.Fatal("a question was answered though there is nothing")
		}
		pops := b.begin(remoting.ReqPopMessage, "", popFieldsOf("T", "pollTime", "15000")...)
		if !pending(pops) {
			t.Fatal("a pop of nothing was answered")
		}
		began := time.Now()
		a.sent("m", 1)
		if got, _ := popped(t, <-pops); got != "m0/0" {
			t.Errorf("popped %q", got)
		}
		if waited := time.Since(began); waited > time.Second {
			t.Errorf("the pop waited %v with a message there", waited)
		}
		<-asks
	})
}

// TestAResetWakesAPop: what there is again is popped at once.
func TestAResetWakesAPop(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		c.sent("m", 1)
		_, acks := c.pop("T")
		c.acks(acks...)
		waits := c.begin(remoting.ReqPopMessage, "", popFieldsOf("T", "pollTime", "15000")...)
		if !pending(waits) {
			t.Fatal("a pop of nothing was answered")
		}
		began := time.Now()
		c.expect(c.call(remoting.ReqInvokeBrokerToResetOffset, "", "topic", "T", "group", "CG", "queueId", "0", "offset", "0", "timestamp", "0", "isForce", "true"), remoting.RespSuccess, "")
		if got, _ := popped(t, <-waits); got != "m0/0" {
			t.Errorf("popped %q", got)
		}
		if waited := time.Since(began); waited > time.Second {
			t.Errorf("the pop waited %v with a message there", waited)
		}
	})
}

// TestDeletedGroupHoldsNoPops: what comes after its deletion is not popped for it.
func TestDeletedGroupHoldsNoPops(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		waits := c.begin(remoting.ReqPopMessage, "", popFieldsOf("T", "pollTime", "15000", "initMode", "1")...)
		if !pending(waits) {
			t.Fatal("a pop of nothing was answered")
		}
		c.expect(c.call(remoting.ReqDeleteSubscriptiongroup, "", "groupName", "CG", "cleanOffset", "true"), remoting.RespSuccess, "")
		c.sent("m", 1)
		if resp := <-waits; resp.Code != remoting.RespPollingTimeout {
			t.Errorf("a pop of a group that was deleted was answered %s with %d bytes", remoting.ResponseName(resp.Code), len(resp.Body))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if at, ok := r.st.Offset("CG", "T", 0); ok {
			t.Errorf("a group that was deleted with its offsets is at %d", at)
		}
	})
}

// TestATimedMessageWakesAPop: at its time, and not before.
func TestATimedMessageWakesAPop(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		a, b := r.client(), r.client()
		pops := b.begin(remoting.ReqPopMessage, "", popFieldsOf("T", "pollTime", "15000")...)
		if !pending(pops) {
			t.Fatal("a pop of nothing was answered")
		}
		began := time.Now()
		a.expect(a.call(remoting.ReqSendMessageV2, "timed", sendFields("T", "e", "0", "i", "TIMER_DELAY_MS\x015000")...), 0, "")
		if !pending(pops) {
			t.Fatal("the pop was answered before the message was due")
		}
		if got, _ := popped(t, <-pops); got != "timed/0" {
			t.Errorf("popped %q", got)
		}
		if waited := time.Since(began); waited < 5*time.Second || waited > 6*time.Second {
			t.Errorf("the pop was answered after %v, and the message was due in 5 s", waited)
		}
	})
}
