package broker

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/store/record"
)

// TestWhatTheLastMasterGaveOutComesAgain: a broker looks for what an Apache master of its
// cluster had in flight, also for what arrives of it later.
func TestWhatTheLastMasterGaveOutComesAgain(t *testing.T) {
	const revive = "rmq_sys_REVIVE_LOG_Cluster"
	change := func(o *Options, st *fakeStore) {
		o.Cluster = "Cluster"
		_ = st.PutTopic(groupTopic(revive, 1))
	}
	bubble(t, change, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		r.group("CG")
		c := r.client()
		c.send("T", "TagA", "m0")
		c.send("T", "TagA", "m1")
		r.st.CommitOffset("CG", "T", 0, 2)
		c.nothingComes("by its offset the group has all")
		r.st.mu.Lock()
		r.st.now = time.Now().UnixMilli()
		r.st.mu.Unlock()
		body := fmt.Sprintf(`{"bn":"broker-a","c":"CG","d":[0,1],"it":1000,"n":2,"pt":%d,"q":0,"so":0,"t":"T"}`, time.Now().UnixMilli())
		m := record.Message{Topic: revive, Body: []byte(body), Properties: "TAGS\x01ck"}
		if err := r.st.Put([]record.Message{m}, func(error) {}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if got, _ := c.pop("T"); got != "m0/1 m1/1" {
			t.Errorf("popped %q, want both for the second time", got)
		}
	})
}
