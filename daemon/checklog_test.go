package main

import (
	"testing"

	"pairmq/internal/remoting"
)

// TestARunningBrokerVerifiesItsLog flips a bit below a daemon that goes on working,
// which finds it by itself.
func TestARunningBrokerVerifiesItsLog(t *testing.T) {
	d := newDaemon(t)
	d.start()
	ctl := newCommandLine(t, d.namesrv)
	args := []string{"log", "verify", "--broker", d.broker, "--alone"}
	ctl.expect(0, "nothing is wrong", args...)
	d.sendAll("Rot", 0, 40)
	ctl.expect(0, "messages 40, index compared, nothing is wrong", args...)
	d.spoil("message number 11.")
	ctl.expect(1, "BAD_RECORD", args...)
	ctl.expect(1, "messages 39, index compared, findings 2", args...)
	d.sendAll("Rot", 40, 50)
	ctl.expect(1, "messages 49, index compared, findings 2", args...)
	for _, start := range []string{"-1", "x", "9999999999"} {
		r := d.call(d.broker, &remoting.Command{Code: remoting.ReqCheckLog, Fields: remoting.Fields{{Key: "start", Value: start}}})
		if r.Code == remoting.RespSuccess || r.Remark == "" {
			t.Errorf("from %s on: %d %q", start, r.Code, r.Remark)
		}
	}
}
