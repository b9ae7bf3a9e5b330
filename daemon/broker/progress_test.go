package broker

import (
	"testing"

	"pairmq/internal/remoting"
)

// TestProgressIsNoGroup: by the name under which the store keeps how far the broker is, no
// client resets or deletes that.
func TestProgressIsNoGroup(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.st.CommitProgress("SCHEDULE_TOPIC_XXXX", 1, 7)
		c := r.client()
		c.send("T", "", "m")
		for _, group := range []string{"", " progress"} { // the test's store, and the real one
			c.expect(c.call(remoting.ReqInvokeBrokerToResetOffset, "", "topic", "SCHEDULE_TOPIC_XXXX", "group", group, "timestamp", "-1", "isForce", "true"),
				remoting.RespSubscriptionGroupNotExist, "does not exist")
			if resp := c.call(remoting.ReqDeleteSubscriptiongroup, "", "groupName", group, "removeOffset", "true", "cleanOffset", "true"); resp.Code == 0 {
				t.Errorf("to delete %q is answered OK", group)
			}
		}
		if at, _ := r.st.Progress("SCHEDULE_TOPIC_XXXX", 1); at != 7 {
			t.Errorf("the progress is at %d, want 7", at)
		}
	})
}
