package interop

import (
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/verify"
)

const (
	recalledTopic   = "Recalled"
	recalledEach    = 6  // messages that are taken back at either master
	recalledNever   = 2  // and those that are not
	recalledSeconds = 75 // until they are due: long enough for the new master to be there
)

// recallPair has a client of 5.4.0 take back messages that wait for their time, at the old master
// and at the new one: those that it does not take back come, once, and no others.
type recallPair struct {
	*failover
	client   *agents.Agent
	producer *agents.Recallable
}

func (r *recallPair) before(t *testing.T) {
	for _, client := range r.clients {
		if client.Name == "java-"+peers.V5 {
			r.client = client
		}
	}
	r.topic(t, recalledTopic, 4)
	var err error
	r.producer, err = r.client.Recallable(within(t, time.Minute), "P_"+recalledTopic, recalledTopic, 0, 2*recalledEach+recalledNever, recalledSeconds)
	if err != nil {
		t.Fatal(err)
	}
	r.recall(t, 0)
}

// recall takes back so many from one on, none of which has come, as soon as the client has found
// the master.
func (r *recallPair) recall(t *testing.T, from int) {
	t.Helper()
	ctx := within(t, 30*time.Second)
	eventually(ctx, t, "messages are taken back", func() error { return r.producer.Recall(ctx, from, from+recalledEach) })
	if err := r.has(t, recalledTopic, 4, 0); err != nil {
		t.Fatalf("they were to wait for %d s: %v", recalledSeconds, err)
	}
}

func (r *recallPair) promoted(t *testing.T) { r.recall(t, recalledEach) }

// end waits for those that were not taken back, which are due last.
func (r *recallPair) end(t *testing.T) {
	sent := placeless(r.producer.Sent())[2*recalledEach:]
	got := r.onceFrom(t, r.client, recalledTopic, sent)
	if err := r.producer.Stop(within(t, 30*time.Second)); err != nil {
		t.Error(err)
	}
	late := func(g verify.Got) int64 { return g.Stored - g.Born - (recalledSeconds * time.Second).Milliseconds() }
	for _, g := range got {
		if late(g) < -time.Second.Milliseconds() { // 5.4.0 rounds a time down
			t.Errorf("message %d came %d ms early", g.Index, -late(g))
		}
	}
}
