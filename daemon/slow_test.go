package main

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pairmq/hal/disk"
	"pairmq/hal/disk/diskfault"
	"pairmq/internal/remoting"
)

// onFaultyDisk gives d a disk that fails on demand.
func (d *daemonUnderTest) onFaultyDisk() *diskfault.FS {
	d.t.Helper()
	fs := diskfault.New(diskfault.Plan{Real: d.root()})
	d.disk = func(string) (disk.FS, error) { return fs, nil }
	return fs
}

// heartbeat says that a consumer of a group lives.
func (d *daemonUnderTest) heartbeat(group string) *remoting.Command {
	body := fmt.Sprintf(`{"clientID":"client","producerDataSet":[{"groupName":"pg"}],"consumerDataSet":[{"groupName":%q,"consumeType":"CONSUME_PASSIVELY",
		"messageModel":"CLUSTERING","consumeFromWhere":"CONSUME_FROM_FIRST_OFFSET","subscriptionDataSet":[{"topic":"Slow","subString":"*","subVersion":1}]}]}`, group)
	return d.call(d.broker, &remoting.Command{Code: remoting.ReqHeartBeat, Body: []byte(body)})
}

// commitAt commits a consumer offset of queue 0.
func (d *daemonUnderTest) commitAt(topic string, offset int) *remoting.Command {
	f := remoting.Fields{{Key: "consumerGroup", Value: "cg"}, {Key: "topic", Value: topic}, {Key: "queueId", Value: "0"}, {Key: "commitOffset", Value: fmt.Sprint(offset)}}
	return d.call(d.broker, &remoting.Command{Code: remoting.ReqUpdateConsumerOffset, Fields: f})
}

// TestADiskThatStandsStill runs a pair, with a disk on which one sync does not
// return until the test lets it, long beyond every time after which somebody is
// given up. Over the same connections heartbeats, pulls, held pulls, consumer
// offsets, routes and status go on, name servers keep the broker, and the slave
// its connection; senders are told by their own deadline.
func TestADiskThatStandsStill(t *testing.T) {
	log := func(op diskfault.Op) bool {
		return op.Kind == diskfault.Datasync && strings.HasPrefix(op.Name, "commitlog/")
	}
	tests := []struct {
		name     string
		ofSlave  bool
		stalls   func(op diskfault.Op) bool
		trigger  func(d *daemonUnderTest) // leads to that
		send, in int32                    // what a send is answered meanwhile, to an old and to a new topic
	}{
		{"log", false, log, nil, remoting.RespFlushDiskTimeout, -1},
		{"index", false, func(op diskfault.Op) bool { return op.Kind == diskfault.Atomic }, nil, remoting.RespSuccess, remoting.RespSystemBusy},
		{"journal", false, func(op diskfault.Op) bool { return op.Kind == diskfault.Datasync && op.Name == "offsets.wal" },
			func(d *daemonUnderTest) { d.commitAt("Slow", 1) }, remoting.RespSuccess, remoting.RespSuccess},
		{"log of the slave", true, log, nil, remoting.RespSuccess, remoting.RespSuccess},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			const silence = 2 * time.Second // what a busy machine does to a heartbeat is no silence
			times := []string{"syncFlushTimeout=300", "haSendHeartbeatInterval=100", fmt.Sprintf("haHousekeepingInterval=%d", silence.Milliseconds())}
			master := newDaemon(t)
			slave := master.newSlave()
			master.settings, slave.settings = append(master.settings, times...), append(slave.settings, times...)
			fs := master.onFaultyDisk()
			if tt.ofSlave {
				fs = slave.onFaultyDisk()
			}
			master.start()
			slave.start()
			slave.follows(master)
			if r := master.send("Slow", "before"); r.Code != remoting.RespSuccess {
				t.Fatalf("%d %q", r.Code, r.Remark)
			}
			master.routed("Slow")
			if r := master.heartbeat("cg"); r.Code != remoting.RespSuccess {
				t.Fatalf("a heartbeat: %d %q", r.Code, r.Remark)
			}
			caughtUp(master, slave)
			eventually(t, "the topic comes to the slave", func() bool { return slave.pull("Slow", 0).Code == remoting.RespSuccess })
			link := master.info()["haSlave1"]

			gate, stalled := make(chan struct{}), new(atomic.Int64)
			open := sync.OnceFunc(func() { close(gate) })
			defer open()
			fs.Arm(diskfault.Plan{Hook: func(op diskfault.Op) {
				if tt.stalls(op) {
					stalled.Add(1)
					<-gate
				}
			}})
			if tt.trigger != nil {
				tt.trigger(master)
			}
			for i := range 5 {
				if r := master.send("Slow", "meanwhile"); r.Code != tt.send {
					t.Errorf("send %d: %d %q, want %d", i, r.Code, r.Remark, tt.send)
				}
				if tt.in >= 0 {
					if r := master.send("New", "meanwhile"); r.Code != tt.in {
						t.Errorf("send %d to a new topic: %d %q, want %d", i, r.Code, r.Remark, tt.in)
					}
				}
			}
			eventually(t, "the disk stands still", func() bool { return stalled.Load() > 0 })
			for begin, n := time.Now(), 2; time.Since(begin) < 2*silence; n++ {
				for what, r := range map[string]*remoting.Command{
					"heartbeat": master.heartbeat("cg"), "pull": master.pull("Slow", 0), "offset": master.commitAt("Slow", n),
					"route": master.call(master.namesrv, &remoting.Command{Code: remoting.ReqGetRouteinfoByTopic, Fields: remoting.Fields{{Key: "topic", Value: "Slow"}}}),
				} {
					if r.Code != remoting.RespSuccess {
						t.Fatalf("%s: %d %q", what, r.Code, r.Remark)
					}
				}
				if r := slave.pull("Slow", 0); r.Code != remoting.RespSuccess {
					t.Fatalf("a pull from the slave: %d %q", r.Code, r.Remark)
				}
				if now := master.info()["haSlave1"]; now != link {
					t.Fatalf("the slave is %q, was %q: the connection was torn", now, link)
				}
				if !strings.Contains(master.info()["namesrvs"], "registered") && master.info()["namesrvs"] != "" {
					t.Fatalf("name servers: %s", master.info()["namesrvs"])
				}
			}
			held := remoting.Fields{{Key: "consumerGroup", Value: "cg"}, {Key: "topic", Value: "Slow"}, {Key: "queueId", Value: "3"},
				{Key: "queueOffset", Value: "0"}, {Key: "maxMsgNums", Value: "32"}, {Key: "sysFlag", Value: "6"}, {Key: "commitOffset", Value: "0"},
				{Key: "suspendTimeoutMillis", Value: "300"}, {Key: "subscription", Value: "*"}, {Key: "subVersion", Value: "0"}}
			if r := master.call(master.broker, &remoting.Command{Code: remoting.ReqPullMessage, Fields: held}); r.Code != remoting.RespPullNotFound {
				t.Errorf("a held pull: %d %q, want PULL_NOT_FOUND", r.Code, r.Remark)
			}
			open()
			eventually(t, "the disk goes on", func() bool { return master.send("New", "after").Code == remoting.RespSuccess })
			caughtUp(master, slave)
			stopAll(t, slave, master)
		})
	}
}
