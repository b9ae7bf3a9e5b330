package broker

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
)

// TestCommitsThatGoBack: an earlier offset is taken, but of who has not the queue any more.
func TestCommitsThatGoBack(t *testing.T) {
	fields := func(offset string) []string {
		return []string{"consumerGroup", "CG", "topic", "T", "queueId", "0", "commitOffset", offset}
	}
	oneway := func(c *client, offset string) {
		c.t.Helper()
		if err := c.conn.Oneway(&remoting.Command{Code: remoting.ReqUpdateConsumerOffset, Version: 407, Fields: pairs(fields(offset))}); err != nil {
			c.t.Fatal(err)
		}
		synctest.Wait()
	}
	tests := []struct {
		name string
		id   int64 // of the broker
		do   func(t *testing.T, r *rig, a, b *client)
		want int64
	}{
		{"by a consumer that seeks", 0, func(_ *testing.T, _ *rig, a, _ *client) { oneway(a, "7"); oneway(a, "3") }, 3},
		{"by who waits for an answer", 0, func(_ *testing.T, _ *rig, a, b *client) {
			oneway(b, "7")
			a.expect(a.call(remoting.ReqUpdateConsumerOffset, "", fields("3")...), 0, "")
		}, 3},
		{"by one that has lost the queue", 0, func(_ *testing.T, _ *rig, a, b *client) { oneway(a, "2"); oneway(b, "7"); oneway(a, "3") }, 7},
		{"by one that takes the queue from one who has gone", 0, func(t *testing.T, _ *rig, a, b *client) {
			oneway(b, "7")
			if err := b.conn.Close(); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			oneway(a, "3")
		}, 3},
		{"by one that takes the queue from one who is silent", 0, func(_ *testing.T, _ *rig, a, b *client) {
			oneway(b, "7")
			time.Sleep(committedTime)
			oneway(a, "3")
		}, 3},
		{"by a pull", 0, func(_ *testing.T, _ *rig, a, _ *client) {
			oneway(a, "7")
			a.expect(a.call(remoting.ReqPullMessage, "", pullFields("T", "sysFlag", "5", "commitOffset", "3", "queueOffset", "7")...), remoting.RespPullOffsetMoved, "")
		}, 7},
		{"of a queue that is popped", 0, func(t *testing.T, _ *rig, a, b *client) {
			b.sent("m", 5)
			got, acks := b.pop("T")
			if got == "" {
				t.Fatal("nothing was popped")
			}
			b.acks(acks...)
			oneway(a, "3")
		}, 5},
		{"to a slave", 1, func(_ *testing.T, _ *rig, a, _ *client) { oneway(a, "7"); oneway(a, "3") }, 7},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(o *Options, _ *fakeStore) { o.ID = tt.id }, func(t *testing.T, r *rig) {
				r.topic("T", 1)
				r.group("CG")
				a, b := r.client(), r.client()
				for _, c := range []*client{a, b} {
					c.expect(c.call(remoting.ReqHeartBeat, heartbeatOf("c", "CG", "CLUSTERING", "T")), 0, "")
				}
				tt.do(t, r, a, b)
				if got, want := r.st.rewound.Load(), int64(1); tt.want == 3 && (got == want) == strings.HasPrefix(tt.name, "by who waits") {
					t.Errorf("%d commits were made durable within seconds alone", got)
				}
				if got, _ := r.st.Offset("CG", "T", 0); got != tt.want {
					t.Errorf("the group is at %d, want %d", got, tt.want)
				}
			})
		})
	}
}

// TestCommittersAreForgotten: what is remembered of them has a bound, and an end.
func TestCommittersAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := newCommitters(), new(remoting.Conn)
		for i := range int32(maxCommitters + 1) {
			c.note("G", queueKey{"T", i}, conn)
		}
		if len(c.all) != maxCommitters || c.last("G", queueKey{"T", maxCommitters}) != nil || c.last("G", queueKey{"T", 0}) != conn {
			t.Errorf("%d are remembered", len(c.all))
		}
		time.Sleep(committedTime - 1)
		c.note("G", queueKey{"T", 0}, conn)
		time.Sleep(time.Nanosecond)
		c.expire(time.Now())
		if len(c.all) != 1 || c.last("G", queueKey{"T", 0}) != conn || c.last("G", queueKey{"T", 1}) != nil {
			t.Errorf("%d are left", len(c.all))
		}
	})
}
