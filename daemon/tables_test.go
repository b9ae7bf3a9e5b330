package main

import (
	"bytes"
	"fmt"
	"strconv"
	"testing"
	"time"

	"pairmq/internal/remoting"
)

// TestTablesReachTheSlaveAtOnce: topics, groups and offsets, without waiting for
// the 10 s after which a slave of Apache's would ask.
func TestTablesReachTheSlaveAtOnce(t *testing.T) {
	master := newDaemon(t)
	slave := master.newSlave()
	master.start()
	slave.start()
	eventually(t, "the slave follows", func() bool { return slave.info()["haConnected"] == "true" })
	begin := time.Now()
	for i := range 4 {
		topic := fmt.Sprintf("Topic%d", i)
		if r := master.send(topic, "x"); r.Code != remoting.RespSuccess {
			t.Fatalf("send: %d %q", r.Code, r.Remark)
		}
		eventually(t, "the slave knows the topic", func() bool {
			r := slave.call(slave.broker, &remoting.Command{Code: remoting.ReqGetTopicConfig, Fields: remoting.Fields{{Key: "topic", Value: topic}}})
			return r.Code == remoting.RespSuccess
		})
		f := remoting.Fields{{Key: "consumerGroup", Value: "cg"}, {Key: "topic", Value: topic}, {Key: "queueId", Value: "0"}, {Key: "commitOffset", Value: strconv.Itoa(i + 1)}}
		if r := master.call(master.broker, &remoting.Command{Code: remoting.ReqUpdateConsumerOffset, Fields: f}); r.Code != remoting.RespSuccess {
			t.Fatalf("commit: %d %q", r.Code, r.Remark)
		}
		eventually(t, "the slave knows the offset", func() bool {
			r := slave.call(slave.broker, &remoting.Command{Code: remoting.ReqQueryConsumerOffset, Fields: f})
			return r.Code == remoting.RespSuccess && r.Fields.Get("offset") == strconv.Itoa(i+1)
		})
	}
	if took := time.Since(begin); took > 20*time.Second { // every 10 s, it would be 40 at least
		t.Errorf("it took %v", took)
	}
	begin = time.Now()
	stopAll(t, master) // has a request of the slave's that waits
	if took := time.Since(begin); took > drainTime/2 {
		t.Errorf("the master stopped within %v, as if it had waited for its slave", took)
	}
	stopAll(t, slave)
}

// committed is where a group goes on in queue 0 of a topic, -1 if that is not known.
func (d *daemonUnderTest) committed(group, topic string) int {
	d.t.Helper()
	f := remoting.Fields{{Key: "consumerGroup", Value: group}, {Key: "topic", Value: topic}, {Key: "queueId", Value: "0"}, {Key: "setZeroIfNotFound", Value: "false"}}
	r := d.call(d.broker, &remoting.Command{Code: remoting.ReqQueryConsumerOffset, Fields: f})
	n, err := strconv.Atoi(r.Fields.Get("offset"))
	if r.Code != remoting.RespSuccess || err != nil {
		return -1
	}
	return n
}

// commit commits an offset for queue 0 of a topic.
func (d *daemonUnderTest) commit(group, topic string, offset int) {
	d.t.Helper()
	f := remoting.Fields{{Key: "consumerGroup", Value: group}, {Key: "topic", Value: topic}, {Key: "queueId", Value: "0"}, {Key: "commitOffset", Value: strconv.Itoa(offset)}}
	if r := d.call(d.broker, &remoting.Command{Code: remoting.ReqUpdateConsumerOffset, Fields: f}); r.Code != remoting.RespSuccess {
		d.t.Fatalf("commit: %d %q", r.Code, r.Remark)
	}
}

// TestAResetReachesTheSlave: a group that was sent back at the master goes on
// from there at the slave too, also when that has become master; what consumers
// commit there moves on, and never back.
func TestAResetReachesTheSlave(t *testing.T) {
	names := newNames(t)
	a := names.newSlave().as("ASYNC_MASTER", "0")
	b := names.newSlave()
	a.start()
	b.start()
	b.follows(a)
	a.mustSend("reset", 5, 0)
	a.commit("cg", "Roles", 4)
	eventually(t, "the slave knows the offset", func() bool { return b.committed("cg", "Roles") == 4 })
	reset := func(d *daemonUnderTest, to string) {
		f := remoting.Fields{{Key: "topic", Value: "Roles"}, {Key: "group", Value: "cg"}, {Key: "timestamp", Value: "0"}, {Key: "isForce", Value: "true"}, {Key: "queueId", Value: "0"}, {Key: "offset", Value: to}}
		if r := d.call(d.broker, &remoting.Command{Code: remoting.ReqInvokeBrokerToResetOffset, Fields: f}); r.Code != remoting.RespSuccess {
			t.Fatalf("reset: %d %q", r.Code, r.Remark)
		}
	}
	reset(a, "1")
	eventually(t, "the reset reaches the slave", func() bool { return b.committed("cg", "Roles") == 1 })
	a.commit("cg", "Roles", 2)
	eventually(t, "and what was committed since", func() bool { return b.committed("cg", "Roles") == 2 })
	reset(a, "1")
	if r := a.change(remoting.ReqDemoteBroker); r.Code != remoting.RespSuccess { // right after
		t.Fatalf("demote answers %d %q", r.Code, r.Remark)
	}
	b.is("ASYNC_MASTER", "2")
	if got := b.committed("cg", "Roles"); got != 1 {
		t.Errorf("the new master has the offset %d, want 1", got)
	}
	a.follows(b)
	reset(b, "0")
	eventually(t, "a reset reaches the old master", func() bool { return a.committed("cg", "Roles") == 0 })
	stopAll(t, b) // a is alone, and consumers go on there
	a.commit("cg", "Roles", 3)
	b.start()
	a.follows(b)
	b.commit("cg", "Roles", 1)
	b.commit("other", "Roles", 1)
	eventually(t, "the old master hears of the new one", func() bool { return a.committed("other", "Roles") == 1 })
	if got := a.committed("cg", "Roles"); got != 3 {
		t.Errorf("without a reset the slave went from 3 to %d", got)
	}
	stopAll(t, a, b, names)
}

// sendTo sends a message to a queue of a topic that is there.
func (d *daemonUnderTest) sendTo(topic string, queue int) {
	d.t.Helper()
	f := remoting.Fields{{Key: "a", Value: "pg"}, {Key: "b", Value: topic}, {Key: "c", Value: "TBW102"}, {Key: "d", Value: "4"}, {Key: "e", Value: strconv.Itoa(queue)},
		{Key: "f", Value: "0"}, {Key: "g", Value: "1795404113251"}, {Key: "h", Value: "0"}, {Key: "i", Value: "TAGS\x01TagA"}}
	if r := d.call(d.broker, &remoting.Command{Code: remoting.ReqSendMessageV2, Fields: f, Body: []byte("x")}); r.Code != remoting.RespSuccess {
		d.t.Fatalf("send to queue %d: %d %q", queue, r.Code, r.Remark)
	}
}

// queues are where the first queues of a topic end.
func (d *daemonUnderTest) queues(topic string) (ends [3]string) {
	d.t.Helper()
	for q := range ends {
		f := remoting.Fields{{Key: "topic", Value: topic}, {Key: "queueId", Value: strconv.Itoa(q)}}
		ends[q] = d.call(d.broker, &remoting.Command{Code: remoting.ReqGetMaxOffset, Fields: f}).Fields.Get("offset")
	}
	return ends
}

func (d *daemonUnderTest) hasTopic(topic string) bool {
	d.t.Helper()
	return d.call(d.broker, &remoting.Command{Code: remoting.ReqGetTopicConfig, Fields: remoting.Fields{{Key: "topic", Value: topic}}}).Code == remoting.RespSuccess
}

// admin asks for something that is to succeed.
func (d *daemonUnderTest) admin(code int32, fields ...string) {
	d.t.Helper()
	if r := d.change(code, fields...); r.Code != remoting.RespSuccess {
		d.t.Fatalf("%s: %d %q", remoting.RequestName(code), r.Code, r.Remark)
	}
}

// TestADeletionReachesTheSlave: at once, and also where the topic was made again
// while the slave was away; then too no queue has what it had before.
func TestADeletionReachesTheSlave(t *testing.T) {
	names := newNames(t)
	a := names.newSlave().as("ASYNC_MASTER", "0")
	b := names.newSlave()
	a.start()
	b.start()
	b.follows(a)
	begin := time.Now()
	for range 2 {
		for i := range 12 {
			a.sendTo("Gone", i%3)
		}
		eventually(t, "the topic comes to the slave", func() bool { return b.hasTopic("Gone") && b.queues("Gone") == a.queues("Gone") })
		a.admin(remoting.ReqDeleteTopicInBroker, "topic", "Gone")
		eventually(t, "it goes there too", func() bool { return !b.hasTopic("Gone") })
		if got, want := b.queues("Gone"), [3]string{"0", "0", "0"}; got != want {
			t.Errorf("the queues of a topic that is gone end at %q", got)
		}
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	for i := range 12 {
		a.sendTo("Again", i%3)
	}
	a.commit("cg", "Again", 4)
	eventually(t, "the slave knows the offset", func() bool { return b.committed("cg", "Again") == 4 })
	caughtUp(a, b)
	for round, away := range []bool{true, false} {
		if away {
			stopAll(t, b)
		}
		a.admin(remoting.ReqDeleteTopicInBroker, "topic", "Again")
		a.admin(remoting.ReqUpdateAndCreateTopic, "topic", "Again", "readQueueNums", "3", "writeQueueNums", "3", "perm", "6", "topicFilterType", "SINGLE_TAG")
		a.sendTo("Again", round)
		a.commit("cg", "Again", 0)
		if away {
			b.start()
			b.follows(a)
		}
		caughtUp(a, b)
		eventually(t, "the slave has the queues of the topic that was made again", func() bool { return b.queues("Again") == a.queues("Again") })
		eventually(t, "and its offsets", func() bool { return b.committed("cg", "Again") == 0 })
		if ours, theirs := b.pull("Again", 0), a.pull("Again", 0); ours.Code != theirs.Code || !bytes.Equal(ours.Body, theirs.Body) {
			t.Errorf("the slave gives %d with %d bytes, the master %d with %d", ours.Code, len(ours.Body), theirs.Code, len(theirs.Body))
		}
	}
	want := a.queues("Again")
	if r := a.change(remoting.ReqDemoteBroker); r.Code != remoting.RespSuccess {
		t.Fatalf("demote answers %d %q", r.Code, r.Remark)
	}
	b.is("ASYNC_MASTER", "2")
	if got := b.queues("Again"); got != want || b.hasTopic("Gone") {
		t.Errorf("the new master's queues end at %q, want %q; the other topic is there: %v", got, want, b.hasTopic("Gone"))
	}
	stopAll(t, a, b, names)
}

// TestTheListIsReadAgain: a broker registers with a name server that was added to its
// configuration, and leaves one that was taken out.
func TestTheListIsReadAgain(t *testing.T) {
	old, added := newNames(t), newNames(t)
	b := old.newSlave().as("ASYNC_MASTER", "0")
	b.start()
	if r := b.send("Listed", "x"); r.Code != remoting.RespSuccess {
		t.Fatalf("send: %d %q", r.Code, r.Remark)
	}
	routed := func(names *daemonUnderTest) bool {
		r := names.call(names.namesrv, &remoting.Command{Code: remoting.ReqGetRouteinfoByTopic, Fields: remoting.Fields{{Key: "topic", Value: "Listed"}}})
		return r.Code == remoting.RespSuccess
	}
	eventually(t, "the first name server knows the topic", func() bool { return routed(old) })
	cfg := b.config()
	cfg.NamesrvAddr = added.namesrv
	b.again <- cfg
	eventually(t, "the second one does", func() bool { return routed(added) })
	eventually(t, "and the first no longer", func() bool { return !routed(old) })
	cfg.NamesrvAddr = "nonsense"
	b.again <- cfg
	if r := b.send("Listed", "y"); r.Code != remoting.RespSuccess || !routed(added) {
		t.Errorf("after a bad list a send is answered with %d %q, and the topic is routed: %v", r.Code, r.Remark, routed(added))
	}
	stopAll(t, b, added, old)
}
