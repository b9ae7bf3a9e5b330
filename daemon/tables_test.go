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
