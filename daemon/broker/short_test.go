package broker

import (
	"fmt"
	"strings"
	"sync/atomic"
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
					if p, q := r.b.polls, r.b.popPolls; p.count+q.count+len(p.lines)+len(q.lines) != 0 {
						t.Errorf("%d pulls and %d pops are counted, %d and %d addresses are short of room", p.count, q.count, len(p.lines), len(q.lines))
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

// TestQueriesOfADeafAddress: who asks by key and reads nothing takes neither the places of
// others nor the time of who looks, and is answered too when the broker stops.
func TestQueriesOfADeafAddress(t *testing.T) {
	for _, stops := range []bool{false, true} {
		t.Run(fmt.Sprint(stops), func(t *testing.T) { queriesOfADeafAddress(t, stops) })
	}
}

func queriesOfADeafAddress(t *testing.T, stops bool) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		other := r.clientAt(neighbour)
		other.expect(other.call(remoting.ReqSendMessageV2, strings.Repeat("x", 100<<10), sendFields("T", "i", "KEYS\x01k")...), 0, "")
		fields := []string{"topic", "T", "key", "k", "maxNum", "1", "beginTimestamp", "0", "endTimestamp", "9223372036854775807"}
		frame := remoting.AppendCommand(nil, &remoting.Command{Code: remoting.ReqQueryMessage, Fields: pairs(fields)})
		for i := range 100 {
			nc := r.ln.connect(fmt.Sprintf("192.0.2.66:%d", 2000+i))
			defer nc.Close()
			go func() { _, _ = nc.Write(frame) }()
			synctest.Wait()
		}
		start := time.Now()
		for range 10 {
			got := other.call(remoting.ReqQueryMessage, "", fields...)
			if other.expect(got, 0, ""); len(got.Body) < 100<<10 {
				t.Errorf("another's query finds %d bytes", len(got.Body))
			}
			if d := time.Since(start); d > 0 {
				t.Fatalf("another's query took %v", d)
			}
		}
		synctest.Wait()
		w := r.b.queries
		places := func() (n, addresses int) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.places, len(w.of)
		}
		if n, _ := places(); n != maxLogWork {
			t.Errorf("%d places are taken by who reads nothing, want %d", n, maxLogWork)
		}
		if stops {
			r.stop()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n, m := places(); n+m != 0 {
			t.Errorf("%d places of %d addresses are taken when all have an answer", n, m)
		}
	})
}

// TestManyWhoReadOneMessage: a message is read for as many as there is room for, however
// large it is, and for few at a time where it is stored once more.
func TestManyWhoReadOneMessage(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		r.group("CG")
		c := r.clientAt(neighbour)
		c.send("T", "", strings.Repeat("x", 1<<20))
		var reading, most atomic.Int32
		r.st.mu.Lock()
		at := r.st.queues[queueKey{"T", 0}].msgs[0].PhyOffset
		r.st.reading = func() {
			if n := reading.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(time.Second)
			reading.Add(-1)
		}
		r.st.mu.Unlock()
		tests := []struct {
			code   int32
			fields []string
			most   int32
		}{
			{remoting.ReqViewMessageByID, []string{"offset", itoa(at)}, 4}, // of 1 MiB, of 4 that one address may have
			{remoting.ReqConsumerSendMsgBack, []string{"offset", itoa(at), "group", "CG", "delayLevel", "3", "originTopic", "T"}, maxRereads},
			{remoting.ReqEndTransaction, []string{"producerGroup", "PG", "tranStateTableOffset", "0", "commitLogOffset", itoa(at), "commitOrRollback", "8", "transactionId", "", "msgId", ""}, maxRereads},
		}
		for _, tt := range tests {
			most.Store(0)
			frame := remoting.AppendCommand(nil, &remoting.Command{Code: tt.code, Fields: pairs(tt.fields)})
			for i := range 100 {
				nc := r.ln.connect(fmt.Sprintf("192.0.2.66:%d", 2000+i))
				defer nc.Close()
				go func() { _, _ = nc.Write(frame) }()
			}
			time.Sleep(3 * time.Second)
			synctest.Wait()
			if n := most.Load(); n < 1 || n > tt.most {
				t.Errorf("request %d: the message was read for %d at a time, want %d at most", tt.code, n, tt.most)
			}
			time.Sleep(time.Minute)
		}
	})
}
