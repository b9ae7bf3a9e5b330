package broker

import (
	"testing"
	"testing/synctest"
	"time"

	"pairmq/daemon/broker/transaction"
	"pairmq/internal/remoting"
	"pairmq/store/record"
)

// half sends the half of a transaction and returns it as it is stored.
func (r *rig) half(c *client, body string) record.Message {
	r.t.Helper()
	c.expect(c.call(remoting.ReqSendMessageV2, body, sendFields("T", "i", "TRAN_MSG\x01true\x02PGROUP\x01PG\x02UNIQ_KEY\x01"+body, "f", "4", "e", "1")...), 0, "")
	all := r.st.stored(transaction.HalfTopic, 0)
	return all[len(all)-1]
}

// ended are the fields of a request that ends a half.
func ended(m *record.Message, kind string, changes ...string) []string {
	return with([]string{"producerGroup", "PG", "tranStateTableOffset", itoa(m.QueueOffset), "commitLogOffset", itoa(m.PhyOffset), "commitOrRollback", kind, "fromTransactionCheck", "false", "msgId", "K"}, changes)
}

// TestGoldenHalfMessage: what a Java client sends becomes a half, as Apache stores it, and is
// delivered to nobody.
func TestGoldenHalfMessage(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c := r.client()
		req := golden(t, "v4-half-message-request")
		r.topic(req.Fields.Get("b"), 4)
		resp := c.do(req)
		c.expect(resp, 0, "")
		key, _ := record.Property(req.Fields.Get("i"), "UNIQ_KEY")
		if f := resp.Fields; f.Get("transactionId") != key || f.Get("queueOffset") != "0" || f.Get("queueId") != req.Fields.Get("e") {
			t.Errorf("answered %v, want transactionId %s, queueOffset 0, queueId %s", f, key, req.Fields.Get("e"))
		}
		all := r.st.stored(transaction.HalfTopic, 0)
		if len(r.st.queues) != 1 || len(all) != 1 {
			t.Fatalf("stored %v", r.st.queues)
		}
		topic, _ := record.Property(all[0].Properties, "REAL_TOPIC")
		queue, _ := record.Property(all[0].Properties, "REAL_QID")
		if all[0].SysFlag&record.SysTransactionMask != 0 || topic != req.Fields.Get("b") || queue != req.Fields.Get("e") {
			t.Errorf("stored %+v", all[0])
		}
	})
}

// TestEndTransaction is what producers are told, and what is stored then.
func TestEndTransaction(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 4)
		c := r.client()
		c.send("T", "TagA", "no half")
		plain := r.st.stored("T", 0)[0]
		half, other := r.half(c, "first"), r.half(c, "second")
		tests := []struct {
			name   string
			fields []string
			code   int32
			words  string
		}{
			{"beyond the log", ended(&half, "8", "commitLogOffset", "999999"), 1, "Find prepared"},
			{"inside a record", ended(&half, "8", "commitLogOffset", itoa(half.PhyOffset+1)), 1, "Find prepared"},
			{"below the log", ended(&half, "12", "commitLogOffset", "-1"), 1, "Find prepared"},
			{"no half", ended(&plain, "8"), 1, "Find prepared"},
			{"another group", ended(&half, "8", "producerGroup", "Other"), 1, "group wrong"},
			{"no group", ended(&half, "12", "producerGroup", ""), 1, "group wrong"},
			{"another half's queue offset", ended(&half, "8", "tranStateTableOffset", itoa(other.QueueOffset)), 1, "state table offset wrong"},
			{"another kind", ended(&half, "4"), 29, "0, 8 or 12"},
			{"no kind", ended(&half, "x"), 1, "commitOrRollback"},
			{"not known yet", ended(&half, "0"), 0, ""},
			{"not known when asked", ended(&half, "0", "fromTransactionCheck", "true"), 0, ""},
		}
		for _, test := range tests {
			c.expect(c.call(remoting.ReqEndTransaction, "", test.fields...), test.code, test.words)
			if n := len(r.st.stored("T", 1)) + len(r.st.stored(transaction.OpTopic, 0)); n != 0 {
				t.Fatalf("%s: %d records are stored", test.name, n)
			}
		}
		c.expect(c.call(remoting.ReqEndTransaction, "", ended(&half, "8")...), 0, "")
		c.expect(c.call(remoting.ReqEndTransaction, "", ended(&half, "8")...), 0, "")
		c.expect(c.call(remoting.ReqEndTransaction, "", ended(&half, "12")...), 1, "ended otherwise")
		c.expect(c.call(remoting.ReqEndTransaction, "", ended(&other, "12")...), 0, "")
		c.expect(c.call(remoting.ReqEndTransaction, "", ended(&other, "12")...), 0, "")
		c.expect(c.call(remoting.ReqEndTransaction, "", ended(&other, "8")...), 1, "ended otherwise")
		got, ops := r.st.stored("T", 1), r.st.stored(transaction.OpTopic, 0)
		if len(got) != 1 || string(got[0].Body) != "first" || got[0].SysFlag != record.SysCommit || got[0].PreparedTransactionOffset != half.PhyOffset || got[0].Properties != half.Properties {
			t.Errorf("delivered %+v, want %+v", got, half)
		}
		if len(ops) != 2 || string(ops[0].Body) != "0" || string(ops[1].Body) != "1" || ops[0].Properties != "TAGS\x01d" {
			t.Errorf("the ops are %+v", ops)
		}
	})
}

// TestTransactionsAreRejected, and those of a slave ended elsewhere.
func TestTransactionsAreRejected(t *testing.T) {
	bubble(t, func(o *Options, _ *fakeStore) { o.Settings.NoTransactions = true }, func(t *testing.T, r *rig) {
		r.topic("T", 4)
		c := r.client()
		c.expect(c.call(remoting.ReqSendMessageV2, "b", sendFields("T", "i", "TRAN_MSG\x01true", "f", "4")...), remoting.RespNoPermission, "transaction message is forbidden")
	})
	bubble(t, func(o *Options, _ *fakeStore) { o.ID = 1 }, func(t *testing.T, r *rig) {
		c := r.client()
		c.expect(c.call(remoting.ReqEndTransaction, "", ended(&record.Message{}, "8")...), remoting.RespSlaveNotAvailable, "slave")
	})
}

// TestAskProducer: a producer of the group is shown the half, and commits it.
func TestAskProducer(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 4)
		c := r.client()
		c.expect(c.call(remoting.ReqHeartBeat, `{"clientID":"p","producerDataSet":[{"groupName":"PG"}]}`), 0, "")
		r.half(c, "first")
		time.Sleep(35 * time.Second)
		synctest.Wait()
		all := c.oneways()
		if len(all) != 1 {
			t.Fatalf("%d commands came, want 1", len(all))
		}
		asked := all[0]
		v, err := record.Parse(asked.Body, record.Limits{})
		if err != nil || asked.Code != remoting.ReqCheckTransactionState || string(v.Topic()) != "T" || v.QueueID() != 1 || string(v.Body()) != "first" {
			t.Fatalf("asked %d %v with %q (%v)", asked.Code, asked.Fields, asked.Body, err)
		}
		f := asked.Fields
		if f.Get("msgId") != "first" || f.Get("transactionId") != "first" || f.Get("tranStateTableOffset") != "1" || f.Get("offsetMsgId") != record.MessageID(fakeHost, v.PhyOffset()) {
			t.Errorf("asked with %v", f)
		}
		c.expect(c.call(remoting.ReqEndTransaction, "", ended(&record.Message{QueueOffset: 1, PhyOffset: v.PhyOffset()}, "8", "fromTransactionCheck", "true")...), 0, "")
		if got := r.st.stored("T", 1); len(got) != 1 || string(got[0].Body) != "first" {
			t.Errorf("delivered %+v", got)
		}
	})
}

// TestResumeHalf is what an operator is told who has a half that was given up be open again.
func TestResumeHalf(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.topic("T", 4)
		c := r.client()
		half := r.half(c, "first")
		resume := func(id string) *remoting.Command {
			return c.call(remoting.ReqResumeCheckHalfMessage, "", "msgId", id)
		}
		c.expect(resume("x"), remoting.RespInvalidParameter, "msgId")
		c.expect(resume(record.MessageID(half.StoreHost, half.PhyOffset)), remoting.RespSystemError, "Find prepared")
		gone := half
		gone.Topic = transaction.GivenUpTopic
		done := make(chan error, 1)
		if err := r.st.Put([]record.Message{gone}, func(err error) { done <- err }); err != nil || <-done != nil {
			t.Fatal(err)
		}
		gone = r.st.stored(transaction.GivenUpTopic, 0)[0]
		id := record.MessageID(gone.StoreHost, gone.PhyOffset)
		c.expect(resume(id), 0, "")
		if n := len(r.st.stored(transaction.HalfTopic, 0)); n != 2 {
			t.Errorf("%d halves are stored", n)
		}
		c.expect(resume(id), remoting.RespSystemError, "ended otherwise")
	})
}
