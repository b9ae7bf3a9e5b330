package broker

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"testing/synctest"

	"pairmq/internal/remoting"
)

// appendBatch appends a message as clients put it into a batch.
func appendBatch(dst []byte, flag int32, body, props string) []byte {
	be := binary.BigEndian
	dst = be.AppendUint32(dst, uint32(22+len(body)+len(props)))
	dst = be.AppendUint64(dst, 0)
	dst = be.AppendUint32(dst, uint32(flag))
	dst = be.AppendUint32(dst, uint32(len(body)))
	dst = append(dst, body...)
	dst = be.AppendUint16(dst, uint16(len(props)))
	return append(dst, props...)
}

func batchOf(n int, props string) string {
	var b []byte
	for range n {
		b = appendBatch(b, 0, "b", props)
	}
	return string(b)
}

func TestBatchRefused(t *testing.T) {
	good := batchOf(2, "KEYS\x01k")
	tests := []struct{ name, topic, body, words string }{
		{"empty", "T", "", "empty"},
		{"cut off", "T", good[:len(good)-1], "entry size"},
		{"delayed inside", "T", good + batchOf(1, "DELAY\x011"), "delayed"},
		{"transaction inside", "T", batchOf(1, "TRAN_MSG\x01true"), "TRAN_MSG"},
		{"properties cut off", "T", good + batchOf(1, "a"), "properties"},
		{"to a retry topic", "%RETRY%CG", good, "retry"},
		{"too many", "T", batchOf(maxBatch+1, ""), "32768"},
	}
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		c := r.client()
		for _, test := range tests {
			resp := c.call(remoting.ReqSendBatchMessage, test.body, sendFields(test.topic)...)
			if resp.Code != remoting.RespMessageIllegal || !strings.Contains(resp.Remark, test.words) {
				t.Errorf("%s: answered %d %q, want 13 with %q", test.name, resp.Code, resp.Remark, test.words)
			}
		}
		if len(r.st.queues) != 0 {
			t.Errorf("something was stored: %v", r.st.queues)
		}
		c.expect(c.call(remoting.ReqSendMessageV2, good, sendFields("T", "m", "TRUE")...), 0, "")
		if got := r.st.stored("T", 0); len(got) != 2 || got[1].Properties != "KEYS\x01k\x02CLUSTER\x01DefaultCluster" || string(got[1].Body) != "b" {
			t.Errorf("stored %+v", got)
		}
	})
}

// TestLargeBatchesTakeTurns: no more than two are in memory, the others wait in
// their connections.
func TestLargeBatchesTakeTurns(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		r.st.held = make(chan func(error), 8)
		large := batchOf(largeBatch+1, "")
		var got []<-chan *remoting.Command
		for range largeBatches + 1 {
			got = append(got, r.client().begin(remoting.ReqSendBatchMessage, large, sendFields("T")...))
			synctest.Wait()
		}
		if n := len(r.st.held); n != largeBatches {
			t.Fatalf("%d large batches are being stored, want %d", n, largeBatches)
		}
		small := r.client().begin(remoting.ReqSendBatchMessage, batchOf(2, ""), sendFields("T")...)
		synctest.Wait()
		for range largeBatches + 1 {
			(<-r.st.held)(nil)
		}
		if resp := <-small; resp.Code != 0 {
			t.Errorf("the small batch: code %d", resp.Code)
		}
		(<-r.st.held)(nil)
		resp := <-got[largeBatches]
		if ids := strings.Split(resp.Fields.Get("msgId"), ","); resp.Code != 0 || len(ids) != largeBatch+1 {
			t.Errorf("code %d with %d ids, want 0 with %d", resp.Code, len(ids), largeBatch+1)
		}
	})
}

// TestWaitingBatchLeaves: a batch that waits does not hold up the end of its
// connection. Were it to, the rig would never stop.
func TestWaitingBatchLeaves(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 1)
		r.st.held = make(chan func(error), 8)
		for range largeBatches + 1 {
			r.client().begin(remoting.ReqSendBatchMessage, batchOf(largeBatch+1, ""), sendFields("T")...)
			synctest.Wait()
		}
		if n := len(r.st.held); n != largeBatches {
			t.Fatalf("%d large batches are being stored, want %d", n, largeBatches)
		}
	})
}

func FuzzSend(f *testing.F) {
	f.Add("TAGS\x01TagA\x02", []byte("body"), false, "T", int32(0))
	f.Add("DELAY\x013", []byte("body"), false, "%RETRY%G", int32(-1))
	f.Add("CLUSTER\x01x\x02CLUSTER\x01y", appendBatch(nil, 1, "b", "a\x01b"), true, "T", int32(9))
	f.Add("a\x01b", bytes.Repeat([]byte{0xff}, 40), true, "../x", int32(1))
	r := newRig(f, nil)
	r.topic("T", 4)
	c := r.client()
	f.Fuzz(func(t *testing.T, props string, body []byte, batch bool, topic string, queue int32) {
		c.t = t
		fields := sendFields(topic, "i", props, "e", itoa(queue))
		if batch {
			fields = with(fields, []string{"m", "true"})
		}
		resp := c.call(remoting.ReqSendMessageV2, string(body), fields...)
		if resp.Code == 0 {
			if resp.Fields.Get("msgId") == "" {
				t.Errorf("a stored message without id: %+v", resp)
			}
		} else if resp.Remark == "" {
			t.Errorf("refused with %d and no reason", resp.Code)
		}
	})
}
