package main

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/record"
)

// sendHalf sends the half of a transaction for the topic Later and returns what ends it
// with a commit.
func (d *daemonUnderTest) sendHalf(body string) *remoting.Command {
	d.t.Helper()
	cmd := sendCommand("Later", body)
	cmd.Fields[len(cmd.Fields)-1].Value = "TAGS\x01TagA\x02TRAN_MSG\x01true\x02PGROUP\x01PG\x02UNIQ_KEY\x01" + body
	r := d.call(d.broker, cmd)
	if r.Code != remoting.RespSuccess || r.Fields.Get("transactionId") != body {
		d.t.Fatalf("a half is answered %d %q %v", r.Code, r.Remark, r.Fields)
	}
	_, at, err := record.ParseMessageID(r.Fields.Get("msgId"))
	if err != nil {
		d.t.Fatal(err)
	}
	return &remoting.Command{Code: remoting.ReqEndTransaction, Fields: remoting.Fields{
		{Key: "producerGroup", Value: "PG"}, {Key: "tranStateTableOffset", Value: r.Fields.Get("queueOffset")},
		{Key: "commitLogOffset", Value: strconv.FormatInt(at, 10)}, {Key: "commitOrRollback", Value: "8"}, {Key: "msgId", Value: body},
	}}
}

// ends has a transaction end once the broker knows which are open.
func (d *daemonUnderTest) ends(what string, end *remoting.Command) {
	d.t.Helper()
	eventually(d.t, fmt.Sprintf("%s ends", what), func() bool { return d.call(d.broker, end).Code == remoting.RespSuccess })
}

// TestTransactionsOfAPair: what was open at the master is ended at the slave that takes
// over, and what had ended is not delivered again.
func TestTransactionsOfAPair(t *testing.T) {
	names := newNames(t)
	a := names.newSlave().as("ASYNC_MASTER", "0")
	b := names.newSlave()
	a.start()
	b.start()
	b.follows(a)
	first := a.sendHalf("first")
	a.ends("the first", first)
	a.ends("the first once more", first)
	open := a.sendHalf("open")
	b.follows(a)
	if r := b.call(b.broker, open); r.Code != remoting.RespSlaveNotAvailable {
		t.Errorf("the slave answers %d %q", r.Code, r.Remark)
	}
	if r := a.change(remoting.ReqDemoteBroker); r.Code != remoting.RespSuccess {
		t.Fatalf("demote answers %d %q", r.Code, r.Remark)
	}
	b.is("ASYNC_MASTER", "2")
	a.follows(b)
	b.ends("the first at the new master", first)
	b.ends("the open one", open)
	if got := b.came(); got != "first open" {
		t.Errorf("delivered %q, want each once", got)
	}
	stopAll(t, a, b, names)
}

// producer has a producer of the group PG online at a broker, and returns the fields of the
// requests by which it is asked what becomes of a half.
func (d *daemonUnderTest) producer() <-chan remoting.Fields {
	d.t.Helper()
	asked := make(chan remoting.Fields, 1000)
	client := remoting.NewClient(remoting.ClientOptions{Handler: remoting.HandlerFunc(func(req *remoting.Request) {
		if req.Code == remoting.ReqCheckTransactionState {
			var f remoting.Fields
			for _, key := range []string{"transactionId", "tranStateTableOffset", "commitLogOffset"} {
				f.Add(key, strings.Clone(req.Fields.Get(key)))
			}
			select {
			case asked <- f:
			default: // it has been asked often enough
			}
		}
	})})
	d.t.Cleanup(func() { client.Close() })
	beat := &remoting.Command{Code: remoting.ReqHeartBeat, Body: []byte(`{"clientID":"producer","producerDataSet":[{"groupName":"PG"}]}`)}
	eventually(d.t, "a producer is online", func() bool {
		resp, err := client.Call(d.t.Context(), d.broker, beat)
		return err == nil && resp.Code == remoting.RespSuccess
	})
	return asked
}

// asksFor waits until a producer is asked for a half, and returns what commits it.
func asksFor(t *testing.T, asked <-chan remoting.Fields, key string) *remoting.Command {
	t.Helper()
	for {
		select {
		case f := <-asked:
			if f.Get("transactionId") != key {
				continue
			}
			return &remoting.Command{Code: remoting.ReqEndTransaction, Fields: remoting.Fields{
				{Key: "producerGroup", Value: "PG"}, {Key: "tranStateTableOffset", Value: f.Get("tranStateTableOffset")},
				{Key: "commitLogOffset", Value: f.Get("commitLogOffset")}, {Key: "commitOrRollback", Value: "8"},
				{Key: "fromTransactionCheck", Value: "true"}, {Key: "msgId", Value: key},
			}}
		case <-time.After(20 * time.Second):
			t.Fatalf("nobody asks for %s", key)
		}
	}
}

// askingOften has a broker ask for open transactions at once, and again and again.
func (d *daemonUnderTest) askingOften() *daemonUnderTest {
	d.settings = append(d.settings, "transactionTimeOut=20", "transactionCheckInterval=50", "transactionCheckMax=10000")
	return d
}

// TestAPromotedSlaveAsks: what was open at the master, and asked for there, the slave that
// takes over asks for.
func TestAPromotedSlaveAsks(t *testing.T) {
	names := newNames(t)
	a := names.newSlave().as("ASYNC_MASTER", "0").askingOften()
	b := names.newSlave().askingOften()
	a.start()
	b.start()
	b.follows(a)
	a.ends("the first", a.sendHalf("first"))
	a.sendHalf("open")
	asksFor(t, a.producer(), "open")
	if r := a.change(remoting.ReqDemoteBroker); r.Code != remoting.RespSuccess {
		t.Fatalf("demote answers %d %q", r.Code, r.Remark)
	}
	b.is("ASYNC_MASTER", "2")
	a.follows(b)
	b.ends("the open one", asksFor(t, b.producer(), "open"))
	if got := b.came(); got != "first open" {
		t.Errorf("delivered %q, want each once", got)
	}
	stopAll(t, a, b, names)
}

// transactionsAt is what a broker tells its slaves of how far it is.
func (d *daemonUnderTest) transactionsAt() string {
	d.t.Helper()
	return string(d.call(d.broker, &remoting.Command{Code: remoting.ReqGetAllDelayOffset}).Body)
}

// TestClientsCannotHarmTransactions: whatever clients do with the offsets of RocketMQ's
// group and topics, or of the name in which the store keeps progress, an open half is asked
// for after the next start, and one that has ended is not delivered again.
func TestClientsCannotHarmTransactions(t *testing.T) {
	d := newDaemon(t).askingOften()
	d.start()
	first := d.sendHalf("first")
	d.ends("the first", first)
	d.sendHalf("open")
	asksFor(t, d.producer(), "open")
	within(t, time.Minute, "the progress is kept", func() bool { return strings.Contains(d.transactionsAt(), `"transactions":{"0":`) })
	fields := func(pairs ...string) (f remoting.Fields) {
		for i := 0; i < len(pairs); i += 2 {
			f.Add(pairs[i], pairs[i+1])
		}
		return f
	}
	for _, group := range []string{"CID_RMQ_SYS_TRANS", " progress"} {
		for _, topic := range []string{"RMQ_SYS_TRANS_HALF_TOPIC", "RMQ_SYS_TRANS_OP_HALF_TOPIC", "SCHEDULE_TOPIC_XXXX"} {
			for _, offset := range []string{"0", "3", "1000000000000"} {
				d.call(d.broker, &remoting.Command{Code: remoting.ReqUpdateConsumerOffset,
					Fields: fields("consumerGroup", group, "topic", topic, "queueId", "0", "commitOffset", offset)})
			}
			d.call(d.broker, &remoting.Command{Code: remoting.ReqInvokeBrokerToResetOffset,
				Fields: fields("topic", topic, "group", group, "timestamp", "-1", "isForce", "true")})
			d.call(d.broker, &remoting.Command{Code: remoting.ReqDeleteTopicInBroker, Fields: fields("topic", topic)})
		}
		d.call(d.broker, &remoting.Command{Code: remoting.ReqCloneGroupOffset, Fields: fields("srcGroup", "CID_RMQ_SYS_TRANS", "destGroup", group)})
	}
	if r := d.call(d.broker, &remoting.Command{Code: remoting.ReqInvokeBrokerToResetOffset,
		Fields: fields("topic", "RMQ_SYS_TRANS_HALF_TOPIC", "group", " progress", "timestamp", "-1", "isForce", "true")}); r.Code != remoting.RespSubscriptionGroupNotExist {
		t.Errorf("a reset of the progress is answered %d %q", r.Code, r.Remark)
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	d.start()
	d.ends("the open one", asksFor(t, d.producer(), "open"))
	for _, group := range []string{"CID_RMQ_SYS_TRANS", " progress"} {
		r := d.call(d.broker, &remoting.Command{Code: remoting.ReqDeleteSubscriptiongroup, Fields: fields("groupName", group, "removeOffset", "true", "cleanOffset", "true")})
		if ok := r.Code == remoting.RespSuccess; ok != (group[0] != ' ') {
			t.Errorf("to delete %q is answered %d %q", group, r.Code, r.Remark)
		}
	}
	if at := d.transactionsAt(); !strings.Contains(at, `"transactions":{"0":`) {
		t.Errorf("the progress is gone: %s", at)
	}
	d.ends("the first once more", first)
	if got := d.came(); got != "first open" {
		t.Errorf("delivered %q, want each once", got)
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
}
