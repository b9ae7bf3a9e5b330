package broker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pairmq/internal/remoting"
)

// lockBodyOf is a lock request's body for queues of T.
func lockBodyOf(group, id string, queues ...int) string {
	var all []string
	for _, q := range queues {
		all = append(all, fmt.Sprintf(`{"topic":"T","brokerName":"broker-a","queueId":%d}`, q))
	}
	return fmt.Sprintf(`{"consumerGroup":%q,"clientId":%q,"mqSet":[%s],"onlyThisBroker":false}`, group, id, strings.Join(all, ","))
}

// locked returns the queues that a client gets.
func (c *client) locked(group, id string, queues ...int) string {
	c.t.Helper()
	resp := c.call(remoting.ReqLockBatchMQ, lockBodyOf(group, id, queues...))
	c.expect(resp, 0, "")
	var got []string
	for q := range 9 {
		if strings.Contains(string(resp.Body), fmt.Sprintf(`{"brokerName":"broker-a","queueId":%d,"topic":"T"}`, q)) {
			got = append(got, fmt.Sprint(q))
		}
	}
	return strings.Join(got, " ")
}

func TestLocks(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 4)
		c := r.client()
		want := func(what, got, want string) {
			t.Helper()
			if got != want {
				t.Errorf("%s: got the queues %q, want %q", what, got, want)
			}
		}
		want("c1 is the first", c.locked("CG", "c1", 0, 1), "0 1")
		want("c2 gets what is left", c.locked("CG", "c2", 0, 1, 2, 3), "2 3")
		want("c1 renews", c.locked("CG", "c1", 0, 1), "0 1")
		want("another group", c.locked("CG2", "c2", 0), "0")
		want("queues that are not there", c.locked("CG", "c1", 4, -1), "")
		c.expect(c.call(remoting.ReqUnlockBatchMQ, lockBodyOf("CG", "c2", 0, 2)), 0, "")
		want("c1 takes what c2 gave up", c.locked("CG", "c1", 0, 1, 2, 3), "0 1 2")

		time.Sleep(50 * time.Second)
		want("c2 renews", c.locked("CG", "c2", 3), "3")
		time.Sleep(9 * time.Second)
		want("c1's are still good", c.locked("CG", "c2", 0, 3), "3")
		time.Sleep(time.Second)
		want("c1's are over", c.locked("CG", "c2", 0, 1, 2), "0 1 2")
		want("c1 comes back late", c.locked("CG", "c1", 0, 1, 2, 3), "")
		if !r.b.locks.held("CG") {
			t.Error("nobody holds a lock")
		}
		time.Sleep(80 * time.Second)
		if r.b.locks.held("CG") || len(r.b.locks.groups) != 0 {
			t.Errorf("locks are left: %v", r.b.locks.groups)
		}
	})
}

// TestLockOutlivesConnection: whoever reconnects still has what it believes in.
func TestLockOutlivesConnection(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 4)
		c := r.client()
		c.locked("CG", "c1", 0)
		_ = c.conn.Close()
		if got := r.client().locked("CG", "c2", 0); got != "" {
			t.Errorf("c2 got queue %s right after c1's connection had ended", got)
		}
	})
}

func TestLockRefused(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 4)
		c := r.client()
		c.expect(c.call(remoting.ReqLockBatchMQ, "x"), remoting.RespSystemError, "not understood")
		c.expect(c.call(remoting.ReqLockBatchMQ, lockBodyOf("CG", "", 0)), remoting.RespSystemError, "clientId")
		c.expect(c.call(remoting.ReqLockBatchMQ, lockBodyOf("a b", "c1", 0)), remoting.RespSubscriptionGroupNotExist, "a b")
		c.expect(c.call(remoting.ReqUnlockBatchMQ, lockBodyOf("CG", strings.Repeat("c", 1025), 0)), remoting.RespSystemError, "clientId")
		if len(r.b.locks.groups) != 0 {
			t.Errorf("locks are left: %v", r.b.locks.groups)
		}
		c.locked("CG", "c1", 7)
		if len(r.b.locks.groups["CG"]) != 0 {
			t.Errorf("a queue that is not there was locked")
		}
	})
}
