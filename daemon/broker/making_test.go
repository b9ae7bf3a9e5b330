package broker

import (
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store"
	"pairmq/store/table"
)

// TestASlowTableStopsNobodyElse: while the store needs 150 s to keep a topic or a
// group, whoever uses it is told in time to try again, and what else comes over the
// same connection goes on: heartbeats, pulls, offsets.
func TestASlowTableStopsNobodyElse(t *testing.T) {
	tests := map[string]func(c *client) *remoting.Command{
		"a topic": func(c *client) *remoting.Command { return c.send("New", "", "body") },
		"a group": func(c *client) *remoting.Command {
			return c.call(remoting.ReqUpdateConsumerOffset, "", "consumerGroup", "new", "topic", "Known", "queueId", "0", "commitOffset", "0")
		},
	}
	for name, use := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, r *rig) {
				r.topic("Known", 4)
				r.group("cg")
				r.topic(table.RetryPrefix+"cg", 1)
				c := r.client()
				r.st.setSlow(150 * time.Second) // five syncs
				begin := time.Now()
				for range 50 {
					if got := use(c); got.Code != remoting.RespSystemBusy {
						t.Fatalf("%s that is being made is used: %d %q, want SYSTEM_BUSY", name, got.Code, got.Remark)
					}
				}
				if took := time.Since(begin); took > makingTime {
					t.Errorf("fifty uses took %v, want at most %v for all", took, makingTime)
				}
				begin = time.Now()
				groups := []string{"cg"}
				if name == "a group" {
					groups = append(groups, "new") // which is listened to all the same
				}
				for range 10 {
					for _, group := range groups {
						if got := c.call(remoting.ReqHeartBeat, heartbeatOf("client", group, "CLUSTERING", "Known")); got.Code != remoting.RespSuccess {
							t.Errorf("a heartbeat of %s: %d %q", group, got.Code, got.Remark)
						}
					}
					if got := c.call(remoting.ReqUpdateConsumerOffset, "", "consumerGroup", "cg", "topic", "Known", "queueId", "0", "commitOffset", "0"); got.Code != remoting.RespSuccess {
						t.Errorf("an offset: %d %q", got.Code, got.Remark)
					}
				}
				if took := time.Since(begin); took > 0 {
					t.Errorf("heartbeats and offsets waited for %v", took)
				}
				r.st.setSlow(0)
				time.Sleep(150 * time.Second)
				if got := use(c); got.Code != remoting.RespSuccess {
					t.Errorf("%s that is there is used: %d %q", name, got.Code, got.Remark)
				}
			})
		})
	}
}

// TestMakingsAreBounded: whatever clients ask for, so many are made at a time.
func TestMakingsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := makings{byName: map[string]*making{}}
		gate, done := make(chan struct{}), 0
		do := func() error { <-gate; done++; return nil }
		for i := range 2 * maxMakings {
			_, err := m.begin(strconv.Itoa(i), do)
			if refused := errors.Is(err, store.ErrBusy); refused != (i >= maxMakings) {
				t.Fatalf("making %d: %v", i, err)
			}
		}
		for range maxMakings {
			gate <- struct{}{}
			synctest.Wait()
		}
		m.work.Wait()
		if done != maxMakings || len(m.byName) != 0 {
			t.Errorf("%d were made, %d are left; want %d and none", done, len(m.byName), maxMakings)
		}
	})
}

// What is asked for once a broker stops is not made; what has begun is waited for.
func TestMakingsEnd(t *testing.T) {
	m := makings{byName: map[string]*making{}}
	made, finish := false, make(chan struct{})
	if _, err := m.begin("first", func() error { <-finish; made = true; return nil }); err != nil {
		t.Fatal(err)
	}
	closing := make(chan struct{})
	go func() { close(closing); close(finish) }()
	<-closing
	m.close()
	if !made {
		t.Error("what had begun was not waited for")
	}
	if err := m.make("second", func() error { t.Error("it was made"); return nil }); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("what comes later: %v, want store.ErrReadOnly", err)
	}
}
