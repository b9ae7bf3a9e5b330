package main

import (
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
