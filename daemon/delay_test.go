package main

import (
	"strings"
	"testing"

	"pairmq/internal/remoting"
	"pairmq/store/record"
)

// sendLater sends a message that waits at a delay level.
func (d *daemonUnderTest) sendLater(body, level string) {
	d.t.Helper()
	d.sendWaiting(body, "DELAY", level)
}

// sendWaiting sends a message that waits by a property, and returns its recall handle.
func (d *daemonUnderTest) sendWaiting(body, name, value string) string {
	d.t.Helper()
	cmd := sendCommand("Later", body)
	cmd.Fields[len(cmd.Fields)-1].Value = "TAGS\x01TagA\x02UNIQ_KEY\x01" + body + "\x02" + name + "\x01" + value
	r := d.call(d.broker, cmd)
	if r.Code != remoting.RespSuccess {
		d.t.Fatalf("a delayed send answers %d %q", r.Code, r.Remark)
	}
	return r.Fields.Get("recallHandle")
}

// recall takes a message back.
func (d *daemonUnderTest) recall(handle string) *remoting.Command {
	d.t.Helper()
	var f remoting.Fields
	f.Add("producerGroup", "PG")
	f.Add("topic", "Later")
	f.Add("recallHandle", handle)
	return d.call(d.broker, &remoting.Command{Code: remoting.ReqRecallMessage, Fields: f})
}

// came returns the bodies in queue 0 of the topic to which sendLater sends.
func (d *daemonUnderTest) came() string {
	d.t.Helper()
	var all []string
	r := d.pull("Later", 0)
	for body := r.Body; r.Code == remoting.RespSuccess && len(body) > 0; {
		v, err := record.Parse(body, record.Limits{})
		if err != nil {
			d.t.Fatal(err)
		}
		all = append(all, string(v.Body()))
		body = body[v.Size():]
	}
	return strings.Join(all, " ")
}

// TestDelayedMessagesOfAPair: a slave delivers nothing; the one that takes over delivers
// what is due, and what the other has delivered it does not.
func TestDelayedMessagesOfAPair(t *testing.T) {
	names := newNames(t)
	a := names.newSlave().as("ASYNC_MASTER", "0")
	b := names.newSlave()
	a.start()
	b.start()
	b.follows(a)
	a.sendLater("soon", "1")
	eventually(t, "the master delivers", func() bool { return a.came() == "soon" })
	a.sendLater("then", "3")
	b.follows(a)
	if got := b.came(); got != "soon" {
		t.Errorf("the slave has %q, want what its master has", got)
	}
	if r := a.change(remoting.ReqDemoteBroker); r.Code != remoting.RespSuccess {
		t.Fatalf("demote answers %d %q", r.Code, r.Remark)
	}
	b.is("ASYNC_MASTER", "2")
	a.follows(b)
	eventually(t, "the new master delivers", func() bool { return b.came() == "soon then" })
	b.sendLater("last", "1")
	eventually(t, "and goes on", func() bool { return b.came() == "soon then last" })
	caughtUp(b, a)
	if r := b.change(remoting.ReqDemoteBroker); r.Code != remoting.RespSuccess {
		t.Fatalf("demote answers %d %q", r.Code, r.Remark)
	}
	a.is("ASYNC_MASTER", "3")
	a.sendLater("again", "1")
	eventually(t, "the first master again", func() bool { return a.came() == "soon then last again" })
	if got := a.info()["scheduleMessageOffset_1"]; !strings.HasSuffix(got, ",3") {
		t.Errorf("level 1 is at %q, want 3 messages", got)
	}
	stopAll(t, a, b, names)
}

// TestTimedMessagesOfAPair: a slave delivers nothing; the one that takes over delivers
// what is due, and what the other has delivered it does not.
func TestTimedMessagesOfAPair(t *testing.T) {
	names := newNames(t)
	a := names.newSlave().as("ASYNC_MASTER", "0")
	b := names.newSlave()
	a.start()
	b.start()
	b.follows(a)
	a.sendWaiting("negative", "TIMER_DELAY_MS", "-1")
	a.sendWaiting("soon", "TIMER_DELAY_MS", "700")
	eventually(t, "the master delivers", func() bool { return a.came() == "negative soon" })
	a.sendWaiting("then", "TIMER_DELAY_SEC", "10")
	never := a.sendWaiting("never", "TIMER_DELAY_SEC", "9")
	if r := a.recall(never); r.Code != remoting.RespSuccess || r.Fields.Get("msgId") != "never" {
		t.Errorf("a recall answers %d %q, message %q", r.Code, r.Remark, r.Fields.Get("msgId"))
	}
	nor := a.sendWaiting("nor", "TIMER_DELAY_SEC", "9")
	b.follows(a)
	if got := b.came(); got != "negative soon" {
		t.Errorf("the slave has %q, want what its master has", got)
	}
	if r := a.change(remoting.ReqDemoteBroker); r.Code != remoting.RespSuccess {
		t.Fatalf("demote answers %d %q", r.Code, r.Remark)
	}
	b.is("ASYNC_MASTER", "2")
	a.follows(b)
	if r := b.recall(nor); r.Code != remoting.RespSuccess {
		t.Errorf("a recall at the new master answers %d %q", r.Code, r.Remark)
	}
	eventually(t, "the new master delivers, but for what was recalled", func() bool { return b.came() == "negative soon then" })
	b.sendWaiting("last", "TIMER_DELAY_MS", "300")
	eventually(t, "and goes on", func() bool { return b.came() == "negative soon then last" })
	stopAll(t, a, b, names)
}
