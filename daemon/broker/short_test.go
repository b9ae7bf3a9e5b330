package broker

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/record"
)

// deaf has connections from an address pull a message of 200 KiB and read nothing, until
// there is no room for one more: of what that address may have, or of all there is.
func (r *rig) deaf(t *testing.T, from string) {
	t.Helper()
	r.topic("Large", 1)
	c := r.clientAt("192.0.2.8:1")
	c.send("Large", "", strings.Repeat("x", 200<<10))
	frame := remoting.AppendCommand(nil, &remoting.Command{Code: remoting.ReqPullMessage, Fields: pairs(pullFields("Large"))})
	for before := int64(-1); r.srv.Stats().Bytes > before; {
		before = r.srv.Stats().Bytes
		for i := range 20 {
			nc := r.ln.connect(fmt.Sprintf("%s:%d", from, 1000+i))
			t.Cleanup(func() { _ = nc.Close() })
			go func() { _, _ = nc.Write(frame) }()
		}
		synctest.Wait()
	}
}

// TestWorkersDoNotWaitForRoom: held pulls and pops of who reads nothing keep up nobody
// else's, and are answered when there is room.
func TestWorkersDoNotWaitForRoom(t *testing.T) {
	for _, from := range []string{"192.0.2.66", "127.0.0.1"} {
		for _, pops := range []bool{false, true} {
			t.Run(fmt.Sprint(from, pops), func(t *testing.T) {
				bubble(t, nil, func(t *testing.T, r *rig) {
					r.topic("T", 1)
					r.topic("U", 1)
					a, other := r.clientAt(from+":1"), r.clientAt(neighbour)
					hold := func(c *client, topic, group string) <-chan *remoting.Command {
						if pops {
							return c.begin(remoting.ReqPopMessage, "", popFieldsOf(topic, "pollTime", "15000", "consumerGroup", group)...)
						}
						return c.begin(remoting.ReqPullMessage, "", pullFields(topic, "sysFlag", "6", "consumerGroup", group)...)
					}
					var short []<-chan *remoting.Command
					for i := range 6 {
						short = append(short, hold(a, "T", fmt.Sprint("G", i)))
					}
					theirs := hold(other, "U", "G")
					if !pending(theirs) {
						t.Fatal("it is not held")
					}
					r.deaf(t, from)
					start := time.Now()
					for _, m := range []record.Message{{Topic: "T", Body: make([]byte, 100<<10)}, {Topic: "U", Body: []byte("a")}} {
						m.BornHost = fakeHost
						if err := r.st.Put([]record.Message{m}, func(error) {}); err != nil {
							t.Fatal(err)
						}
						synctest.Wait()
					}
					if got := <-theirs; got.Code != 0 {
						t.Errorf("another's is answered %d %q", got.Code, got.Remark)
					}
					if d := time.Since(start); d > 0 {
						t.Errorf("another's is answered after %v", d)
					}
					for i, got := range short {
						if got := <-got; got.Code != remoting.RespSystemBusy && (got.Code != 0 || len(got.Body) < 100<<10) {
							t.Errorf("the %dth of who had no room is answered %d %q, with %d bytes", i, got.Code, got.Remark, len(got.Body))
						}
					}
					if d := time.Since(start); d == 0 || d > 5*time.Second {
						t.Errorf("they waited for %v, want until those were ended who read nothing", d)
					}
					synctest.Wait()
					if p, q := r.b.polls, r.b.popPolls; p.count+q.count+len(p.short)+len(q.short) != 0 {
						t.Errorf("%d pulls and %d pops are counted, %d and %d addresses are short of room", p.count, q.count, len(p.short), len(q.short))
					}
				})
			})
		}
	}
}

// TestAPopThatHasNoRoom keeps up no other pop of the same queue.
func TestAPopThatHasNoRoom(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		a, other := r.clientAt(stranger), r.clientAt(neighbour)
		other.send("T", "", strings.Repeat("x", 100<<10))
		r.deaf(t, "192.0.2.66")
		short := a.begin(remoting.ReqPopMessage, "", popFieldsOf("T")...)
		if !pending(short) {
			t.Fatalf("it is answered %v", <-short)
		}
		start := time.Now()
		if got := other.call(remoting.ReqPopMessage, "", popFieldsOf("T")...); got.Code != 0 {
			t.Errorf("another's is answered %d %q", got.Code, got.Remark)
		}
		if d := time.Since(start); d > 0 {
			t.Errorf("another's is answered after %v", d)
		}
		if got := <-short; got.Code != remoting.RespPollingTimeout {
			t.Errorf("the first is answered %d %q when another has what there was", got.Code, got.Remark)
		}
	})
}
