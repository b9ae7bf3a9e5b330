package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pairmq/internal/remoting"
	"pairmq/store/record"
)

// TestAConsumerPassesWhatIsLost spoils messages below a broker that has no other half,
// while it runs: a consumer is told to go on behind them, and status says so.
func TestAConsumerPassesWhatIsLost(t *testing.T) {
	d := newDaemon(t)
	d.settings = append(d.settings, "mappedFileSizeCommitLog=131072", "maxMessageSize=65536")
	d.start()
	const count = 60
	for i := range count {
		if r := d.send("Rot", fmt.Sprintf("message number %d.%s", i, strings.Repeat("x", 5000))); r.Code != remoting.RespSuccess || r.Fields.Get("queueId") != "0" {
			t.Fatalf("message %d: %d %q %v", i, r.Code, r.Remark, r.Fields)
		}
	}
	if err := d.stop(); err != nil { // a process checks what others have written
		t.Fatal(err)
	}
	d.start()
	lost := []int64{3, 4, 11}
	for _, n := range lost {
		d.spoil(fmt.Sprintf("message number %d.", n))
	}
	var given []int64
	for offset := int64(0); offset < count; {
		var r *remoting.Command
		eventually(t, fmt.Sprintf("a pull at %d is answered", offset), func() bool {
			r = d.pull("Rot", offset)
			return r.Code != remoting.RespSystemError // on which clients come again
		})
		switch r.Code {
		case remoting.RespSuccess:
		case remoting.RespPullRetryImmediately:
			if len(r.Body) > 0 || r.Remark != "MESSAGE_WAS_REMOVING" && r.Remark != "NO_MATCHED_MESSAGE" {
				t.Errorf("at %d: %q and %d bytes", offset, r.Remark, len(r.Body))
			}
		default:
			t.Fatalf("at %d: %d %q", offset, r.Code, r.Remark)
		}
		for b := r.Body; len(b) > 0; {
			v, err := record.Parse(b, record.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			given = append(given, v.QueueOffset())
			b = b[v.Size():]
		}
		next, err := strconv.ParseInt(r.Fields.Get("nextBeginOffset"), 10, 64)
		if err != nil || next <= offset {
			t.Fatalf("at %d: go on at %q", offset, r.Fields.Get("nextBeginOffset"))
		}
		offset = next
	}
	var want []int64
	for n := range int64(count) {
		if !slices.Contains(lost, n) {
			want = append(want, n)
		}
	}
	if !slices.Equal(given, want) {
		t.Errorf("the consumer was given %v, want %v", given, want)
	}
	info := d.info()
	if info["logDamage"] != "2" || info["logLost"] != "2" || info["logLostMessages"] != "3" || info["logLedAround"] == "" || info["logLedAround"] == "0" {
		t.Errorf("status: damaged %q, lost %q, messages %q, led around %q", info["logDamage"], info["logLost"], info["logLostMessages"], info["logLedAround"])
	}
	ctl := newCommandLine(t, d.namesrv)
	ctl.expect(0, "2 parts with 3 messages are lost, around which consumers were led", "status")
	ctl.expect(1, "BAD_RECORD", "log", "verify", "--broker", d.broker, "--alone")
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
}

// TestAPairPassesWhatBothHaveLost spoils one message in both halves and another in the
// master's alone: consumers of either are led around the first, and given the second.
func TestAPairPassesWhatBothHaveLost(t *testing.T) {
	names := newDaemon(t)
	names.settings = append(names.settings, "enableBroker=false")
	names.start()
	small := []string{"mappedFileSizeCommitLog=131072", "maxMessageSize=65536"}
	master, slave := names.newSlave().as("ASYNC_MASTER", "0"), names.newSlave()
	master.settings, slave.settings = append(master.settings, small...), append(slave.settings, small...)
	master.start()
	slave.start()
	const count = 40
	for i := range count {
		if r := master.send("Rot", fmt.Sprintf("message number %d.%s", i, strings.Repeat("x", 5000))); r.Code != remoting.RespSuccess {
			t.Fatalf("message %d: %d %q", i, r.Code, r.Remark)
		}
	}
	caughtUp(master, slave)
	for _, d := range []*daemonUnderTest{master, slave} {
		if err := d.stop(); err != nil {
			t.Fatal(err)
		}
		d.start()
	}
	caughtUp(master, slave)
	master.spoil("message number 3.")
	slave.spoil("message number 3.")
	master.spoil("message number 9.")
	for _, d := range []*daemonUnderTest{master, slave} {
		eventually(t, "the consumer passes", func() bool {
			return d.firstFrom("Rot", 3) == 4
		})
		eventually(t, "what one half has is served", func() bool {
			return d.firstFrom("Rot", 9) == 9
		})
		if info := d.info(); info["logLost"] != "1" || info["logLostMessages"] != "1" {
			t.Errorf("status of %s: lost %q, messages %q", d.broker, info["logLost"], info["logLostMessages"])
		}
	}
	for _, d := range []*daemonUnderTest{slave, master, names} {
		if err := d.stop(); err != nil {
			t.Error(err)
		}
	}
}

// firstFrom is the queue offset of the first message that a pull at offset is given,
// or -1.
func (d *daemonUnderTest) firstFrom(topic string, offset int64) int64 {
	d.t.Helper()
	r := d.pull(topic, offset)
	v, err := record.Parse(r.Body, record.Limits{})
	if r.Code != remoting.RespSuccess || err != nil {
		return -1
	}
	return v.QueueOffset()
}
