package broker

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
)

// TestQueriesOfADeafAddress: who asks by key and reads nothing takes neither the places of
// others nor much of the time of who looks, and is answered too when the broker stops.
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
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("ten queries of another took %v", d)
		}
		if stops {
			r.stop()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		r.b.queries.mu.Lock()
		defer r.b.queries.mu.Unlock()
		if n := len(r.b.queries.of.of); n > 0 {
			t.Errorf("%d addresses have places when all have an answer", n)
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
