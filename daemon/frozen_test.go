package main

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"pairmq/hal/disk/diskfault"
	"pairmq/internal/remoting"
)

// TestTheFileSystemTurnsReadOnly under a running master: the daemon ends; started
// again it serves consumers and a new slave all that was answered OK, takes no
// message, says why, and writes nothing. Writable again, it is as before.
func TestTheFileSystemTurnsReadOnly(t *testing.T) {
	master := newDaemon(t)
	fs := master.onFaultyDisk()
	master.start()
	master.mustSend("before", 10, 0)
	if r := master.pull("Roles", 0); r.Code != remoting.RespSuccess { // makes the group
		t.Fatalf("a pull: %d %q", r.Code, r.Remark)
	}
	fs.Arm(diskfault.Plan{FailAt: 1, Sticky: true, Err: syscall.EROFS})
	ctx := t.Context()
	if r, err := master.client.Call(ctx, master.broker, sendCommand("Roles", "lost")); err == nil && r.Code != remoting.RespServiceNotAvailable {
		t.Errorf("when the file system turns read-only a send is answered %d %q", r.Code, r.Remark)
	}
	eventually(t, "the daemon ends", func() bool {
		conn, err := net.Dial("tcp", master.broker)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	if err := master.stop(); !errors.Is(err, syscall.EROFS) {
		t.Fatalf("the daemon ended with %v, want EROFS", err)
	}

	master.start()
	info := master.info()
	if info["readOnly"] != "its file system is read-only" {
		t.Errorf("status says %q", info["readOnly"])
	}
	ops := fs.Stats().Ops
	if r := master.pull("Roles", 0); r.Code != remoting.RespSuccess || r.Fields.Get("maxOffset") < "10" {
		t.Errorf("a pull: %d %q %v", r.Code, r.Remark, r.Fields)
	}
	if r := master.send("Roles", "refused"); r.Code != remoting.RespServiceNotAvailable || !strings.Contains(r.Remark, "read-only") {
		t.Errorf("a send: %d %q, want SERVICE_NOT_AVAILABLE", r.Code, r.Remark)
	}
	if r := master.send("New", "refused"); r.Code != remoting.RespServiceNotAvailable {
		t.Errorf("a send to a new topic: %d %q, want SERVICE_NOT_AVAILABLE", r.Code, r.Remark)
	}
	if r := master.commitAt("Roles", 7); r.Code != remoting.RespSuccess {
		t.Errorf("an offset: %d %q", r.Code, r.Remark)
	}
	slave := master.newSlave()
	slave.start()
	slave.follows(master)
	eventually(t, "the slave has the messages", func() bool { return slave.pull("Roles", 9).Code == remoting.RespSuccess })
	f := remoting.Fields{{Key: "consumerGroup", Value: "cg"}, {Key: "topic", Value: "Roles"}, {Key: "queueId", Value: "0"}}
	if r := master.call(master.broker, &remoting.Command{Code: remoting.ReqQueryConsumerOffset, Fields: f}); r.Fields.Get("offset") != "7" {
		t.Errorf("the offset in memory is %v", r.Fields)
	}
	if r := slave.change(remoting.ReqPromoteBroker, "force", "true"); r.Code != remoting.RespSuccess {
		t.Fatalf("the slave is not made master: %d %q", r.Code, r.Remark)
	}
	eventually(t, "the read-only broker gives way", func() bool { return master.info()["brokerRole"] == "SLAVE" })
	eventually(t, "the new master takes messages", func() bool { return slave.send("Roles", "to the new one").Code == remoting.RespSuccess })
	if now := fs.Stats().Ops - ops; now > 0 {
		t.Logf("%s changes of the disk were tried", strconv.Itoa(now)) // the name server's state, and what each start tries
	}
	stopAll(t, slave, master)

	fs.Arm(diskfault.Plan{})
	master.start()
	slave.start()
	master.follows(slave)
	if r := slave.send("Roles", "again"); r.Code != remoting.RespSuccess {
		t.Errorf("a send to the new master: %d %q", r.Code, r.Remark)
	}
	stopAll(t, master, slave)
}
