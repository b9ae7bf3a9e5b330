package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"pairmq/hal/disk"
	"pairmq/internal/remoting"
	"pairmq/replica/pair"
	"pairmq/store"
)

// newNames returns a running name server that outlives the brokers of a test.
func newNames(t *testing.T) *daemonUnderTest {
	t.Helper()
	names := newDaemon(t)
	names.settings = append(names.settings, "enableBroker=false")
	names.start()
	return names
}

// change asks a broker to change its role.
func (d *daemonUnderTest) change(code int32, fields ...string) *remoting.Command {
	d.t.Helper()
	var f remoting.Fields
	for i := 0; i < len(fields); i += 2 {
		f.Add(fields[i], fields[i+1])
	}
	return d.call(d.broker, &remoting.Command{Code: code, Fields: f})
}

// is waits until a broker that does not stop answering for long has a role.
func (d *daemonUnderTest) is(role, epoch string) {
	d.t.Helper()
	eventually(d.t, d.broker+" is "+role+" under epoch "+epoch, func() bool {
		info := d.info()
		return info["brokerRole"] == role && info["epoch"] == epoch
	})
}

// follows waits until d copies from.
func (d *daemonUnderTest) follows(from *daemonUnderTest) {
	d.t.Helper()
	eventually(d.t, d.broker+" follows", func() bool { return d.info()["haConnected"] == "true" })
	caughtUp(from, d)
}

// mustSend sends n messages of that name and demands that each is answered OK, from queue offset first on.
func (d *daemonUnderTest) mustSend(name string, n, first int) {
	d.t.Helper()
	for i := range n {
		if r := d.send("Roles", name+" "+strconv.Itoa(i)); r.Code != remoting.RespSuccess || r.Fields.Get("queueOffset") != strconv.Itoa(first+i) {
			d.t.Fatalf("message %s %d: %d %q %v, want queue offset %d", name, i, r.Code, r.Remark, r.Fields, first+i)
		}
	}
}

func stopAll(t *testing.T, all ...*daemonUnderTest) {
	t.Helper()
	for _, d := range all {
		if err := d.stop(); err != nil {
			t.Error(err)
		}
	}
}

// TestHandingOver swaps the roles of a pair under load, and back: nothing that was
// answered OK is lost, nothing is set aside, and the roles outlive restarts.
func TestHandingOver(t *testing.T) {
	names := newNames(t)
	a := names.newSlave().as("SYNC_MASTER", "0")
	b := names.newSlave()
	a.start()
	b.start()
	b.follows(a)
	a.is("SYNC_MASTER", "1")
	if r := b.change(remoting.ReqDemoteBroker); r.Code != remoting.RespIllegalOperation {
		t.Errorf("a slave is demoted: %d %q", r.Code, r.Remark)
	}
	if r := b.change(remoting.ReqPromoteBroker); r.Code != remoting.RespIllegalOperation || !bytes.Contains([]byte(r.Remark), []byte("lives")) {
		t.Errorf("a slave is promoted while its master lives: %d %q", r.Code, r.Remark)
	}
	if r := a.change(remoting.ReqPromoteBroker); r.Code != remoting.RespIllegalOperation {
		t.Errorf("a master is promoted: %d %q", r.Code, r.Remark)
	}
	ctx, stopLoad := context.WithCancel(t.Context())
	type sent struct{ body, offset string }
	acked := make(chan []sent)
	enough := make(chan struct{}) // some were sent to either
	go func() {
		var all []sent
		now := [2]*daemonUnderTest{a, b}
		for i := 0; ctx.Err() == nil; i++ {
			body := "load " + strconv.Itoa(i)
			r := now[0].send("Roles", body)
			switch {
			case r.Code == remoting.RespSuccess:
				all = append(all, sent{body, r.Fields.Get("queueOffset")})
				if len(all) == 500 {
					close(enough)
				}
			default:
				now[0], now[1] = now[1], now[0]
			}
		}
		acked <- all
	}()
	if r := a.change(remoting.ReqDemoteBroker); r.Code != remoting.RespSuccess || r.Fields.Get("master") != b.broker {
		t.Fatalf("demote answers %d %q %v", r.Code, r.Remark, r.Fields)
	}
	a.is("SLAVE", "2")
	b.is("SYNC_MASTER", "2")
	a.follows(b)
	if r := b.change(remoting.ReqDemoteBroker); r.Code != remoting.RespSuccess {
		t.Fatalf("demote answers %d %q", r.Code, r.Remark)
	}
	b.is("SLAVE", "3")
	a.is("SYNC_MASTER", "3")
	b.follows(a)
	if r := a.change(remoting.ReqDemoteBroker); r.Code != remoting.RespSuccess {
		t.Fatalf("demote answers %d %q", r.Code, r.Remark)
	}
	a.follows(b)
	<-enough
	stopLoad()
	all := <-acked
	caughtUp(b, a)
	for _, d := range []*daemonUnderTest{a, b} {
		if file := d.info()["haSetAside"]; file != "" {
			t.Errorf("%s has set aside %s", d.broker, file)
		}
	}
	for _, s := range all {
		off, err := strconv.ParseInt(s.offset, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if r := b.pull("Roles", off); !bytes.Contains(r.Body, []byte(s.body)) {
			t.Errorf("%q, which was answered OK, is not at %d", s.body, off)
		}
	}
	// What a role was changed to outlives a restart.
	stopAll(t, a, b)
	b.start()
	a.start()
	b.is("SYNC_MASTER", "4")
	a.is("SLAVE", "4")
	a.follows(b)
	if got := b.info(); got["configuredRole"] != "SLAVE" {
		t.Errorf("the new master says that it is configured as %q", got["configuredRole"])
	}
	before := len(all)
	b.send("Roles", "the last")
	t.Logf("%d messages were answered OK while roles were swapped three times", before)
	stopAll(t, a, b, names)
}

// TestTheOldMasterGivesWay makes a slave master by force while its master
// cannot be reached, and lets both take messages (R10). When they meet, the one
// with the lower epoch becomes a slave by itself; what only it had is set
// aside in a file and counted.
func TestTheOldMasterGivesWay(t *testing.T) {
	names := newNames(t)
	a := names.newSlave().as("ASYNC_MASTER", "0")
	b := names.newSlave()
	a.start()
	b.start()
	b.follows(a)
	a.mustSend("both", 10, 0)
	caughtUp(a, b)
	eventually(t, "the topic comes to the slave", func() bool { return b.pull("Roles", 9).Code == remoting.RespSuccess })
	stopAll(t, a) // b cannot see it
	b.is("SLAVE", "1")
	if r := b.change(remoting.ReqPromoteBroker); r.Code != remoting.RespSuccess || r.Fields.Get("epoch") != "2" {
		t.Fatalf("promote answers %d %q %v", r.Code, r.Remark, r.Fields)
	}
	b.is("ASYNC_MASTER", "2") // as its master was
	b.mustSend("only b", 5, 10)
	stopAll(t, b)
	// The old master sees nobody, and goes on as it was.
	a.start()
	a.is("ASYNC_MASTER", "1")
	a.mustSend("only a", 3, 10)
	// Now they meet.
	b.start()
	b.is("ASYNC_MASTER", "2")
	eventually(t, "the old master gives way", func() bool { return a.info()["brokerRole"] == "SLAVE" })
	a.follows(b)
	a.is("SLAVE", "2")
	info := a.info()
	if kept, err := os.ReadFile(filepath.Join(a.root(), info["haSetAside"])); err != nil || !bytes.Contains(kept, []byte("only a 2")) || bytes.Contains(kept, []byte("both 9")) {
		t.Errorf("%s has %d bytes, not what was set aside; %v", info["haSetAside"], len(kept), err)
	}
	if n, err := strconv.Atoi(info["haSetAsideBytes"]); err != nil || n <= 0 {
		t.Errorf("%q bytes were set aside", info["haSetAsideBytes"])
	}
	if ours, theirs := a.pull("Roles", 0), b.pull("Roles", 0); !bytes.Equal(ours.Body, theirs.Body) || len(ours.Body) == 0 {
		t.Errorf("the slave gives %d bytes, the master %d", len(ours.Body), len(theirs.Body))
	}
	eventually(t, "the name server knows b as master", func() bool {
		r := b.call(names.namesrv, &remoting.Command{Code: remoting.ReqGetBrokerClusterInfo})
		return bytes.Contains(r.Body, []byte(`"0":"`+b.broker+`"`)) && bytes.Contains(r.Body, []byte(`"1":"`+a.broker+`"`))
	})
	stopAll(t, a, b, names)
}

// TestAMasterThatWasAwayGivesWayAtOnce restarts an old master while its successor
// is there: it takes no message.
func TestAMasterThatWasAwayGivesWayAtOnce(t *testing.T) {
	names := newNames(t)
	a := names.newSlave().as("SYNC_MASTER", "0")
	b := names.newSlave()
	a.start()
	b.start()
	b.follows(a)
	a.mustSend("both", 3, 0)
	stopAll(t, a)
	eventually(t, "the slave is promoted", func() bool {
		return b.change(remoting.ReqPromoteBroker).Code == remoting.RespSuccess
	})
	b.is("SYNC_MASTER", "2")
	a.start()
	if r := a.send("Roles", "to the old master"); r.Code != remoting.RespServiceNotAvailable {
		t.Errorf("the old master answers a send with %d %q", r.Code, r.Remark)
	}
	a.follows(b)
	b.mustSend("b", 3, 3)
	stopAll(t, a, b, names)
}

// TestADemotionWithoutAnHeirIsRefused leaves the master as it was.
func TestADemotionWithoutAnHeirIsRefused(t *testing.T) {
	d := newDaemon(t)
	d.start()
	d.mustSend("before", 1, 0)
	if r := d.change(remoting.ReqDemoteBroker); r.Code != remoting.RespIllegalOperation {
		t.Errorf("demote answers %d %q", r.Code, r.Remark)
	}
	d.mustSend("after", 1, 1)
	if r := d.change(remoting.ReqPromoteBroker, "role", "KING"); r.Code != remoting.RespIllegalOperation {
		t.Errorf("promote to a role that there is not answers %d %q", r.Code, r.Remark)
	}
	if r := d.change(remoting.ReqPromoteBroker, "force", "perhaps"); r.Code != remoting.RespIllegalOperation {
		t.Errorf("promote with force=perhaps answers %d %q", r.Code, r.Remark)
	}
	if r := d.call(d.broker, &remoting.Command{Code: remoting.ReqExchangePairState, Body: []byte(`{"brokerName":"x"}`)}); r.Code != remoting.RespInvalidParameter {
		t.Errorf("a state that is none is answered with %d %q", r.Code, r.Remark)
	}
	stopAll(t, d)
}

// TestALostAnswerStopsWrites has a master hand over to an address where nobody
// answers any more: until it is known what became of that it stores nothing, also
// after a restart; a person can say that it goes on.
func TestALostAnswerStopsWrites(t *testing.T) {
	d := newDaemon(t)
	d.start()
	d.mustSend("before", 1, 0)
	stopAll(t, d)
	d.hand("127.0.0.1:1")
	d.start()
	if r := d.send("Roles", "meanwhile"); r.Code != remoting.RespServiceNotAvailable {
		t.Errorf("a master that hands over answers a send with %d %q", r.Code, r.Remark)
	}
	if got := d.info()["handingTo"]; got != "127.0.0.1:1" {
		t.Errorf("it says that it hands over to %q", got)
	}
	if r := d.change(remoting.ReqPromoteBroker, "force", "true"); r.Code != remoting.RespSuccess {
		t.Fatalf("promote answers %d %q", r.Code, r.Remark)
	}
	d.is("ASYNC_MASTER", "2")
	d.mustSend("after", 1, 1)
	stopAll(t, d)
}

// TestAnEmptySlaveIsNoMaster: nothing in its log shows whose slave it was. Who
// knows that there is no other log can say so.
func TestAnEmptySlaveIsNoMaster(t *testing.T) {
	names := newNames(t)
	a, b := names.newSlave().as("ASYNC_MASTER", "0"), names.newSlave()
	a.start()
	b.start()
	b.follows(a)
	stopAll(t, a)
	var r *remoting.Command
	eventually(t, "the slave sees that its master has gone", func() bool {
		r = b.change(remoting.ReqPromoteBroker)
		return !strings.Contains(r.Remark, "lives")
	})
	if r.Code != remoting.RespIllegalOperation || !strings.Contains(r.Remark, "nothing of its master's log") {
		t.Errorf("promote answers %d %q", r.Code, r.Remark)
	}
	if r := b.change(remoting.ReqPromoteBroker, "force", "true"); r.Code != remoting.RespSuccess {
		t.Fatalf("promote by force answers %d %q", r.Code, r.Remark)
	}
	b.is("ASYNC_MASTER", "2")
	b.mustSend("first", 1, 0)
	stopAll(t, b, names)
}

// TestTwoMastersOfOneEpoch wants a person: neither gives way by itself.
func TestTwoMastersOfOneEpoch(t *testing.T) {
	names := newNames(t)
	a := names.newSlave().as("ASYNC_MASTER", "0")
	b := names.newSlave().as("ASYNC_MASTER", "0")
	a.start()
	a.is("ASYNC_MASTER", "1")
	b.start()
	// At once; where the name server was too slow to answer the first question, when its list is asked for again.
	within(t, namesrvListTime+15*time.Second, "one of them sees the other", func() bool { return a.info()["haRival"] != "" || b.info()["haRival"] != "" })
	if r := b.change(remoting.ReqPromoteBroker, "force", "true"); r.Code != remoting.RespSuccess {
		t.Fatalf("promote answers %d %q", r.Code, r.Remark)
	}
	b.is("ASYNC_MASTER", "2")
	eventually(t, "the other gives way", func() bool { return a.info()["brokerRole"] == "SLAVE" })
	stopAll(t, a, b, names)
}

// hand lets a stopped daemon remember that it hands over to addr.
func (d *daemonUnderTest) hand(addr string) {
	d.t.Helper()
	st, m := d.openStopped()
	if err := m.Hand(addr); err != nil {
		d.t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		d.t.Fatal(err)
	}
}

// openStopped opens the store of a stopped daemon.
func (d *daemonUnderTest) openStopped() (*store.Store, *pair.Memory) {
	d.t.Helper()
	fs, err := disk.OS(d.root())
	if err != nil {
		d.t.Fatal(err)
	}
	st, err := store.Open(store.Options{FS: fs, SegmentSize: 8 << 20, RecordCRC: true, SyncFlush: true})
	if err != nil {
		d.t.Fatal(err)
	}
	m, err := pair.Load(st.Value(pair.Key), pair.Role{Name: pair.AsyncMaster})
	if err != nil {
		d.t.Fatal(err)
	}
	if err := m.Keep(func(b []byte) error { return st.SetValue(pair.Key, b) }); err != nil {
		d.t.Fatal(err)
	}
	return st, m
}

// TestTablesComeAlong hands over right after a topic was made, and an offset
// committed: the new master has both.
func TestTablesComeAlong(t *testing.T) {
	names := newNames(t)
	a := names.newSlave().as("ASYNC_MASTER", "0")
	b := names.newSlave()
	a.start()
	b.start()
	b.follows(a)
	a.mustSend("late", 3, 0) // makes the topic
	commit := remoting.Fields{{Key: "consumerGroup", Value: "late"}, {Key: "topic", Value: "Roles"}, {Key: "queueId", Value: "0"}}
	query := append(remoting.Fields{}, commit...)
	commit.Add("commitOffset", "2")
	if r := a.call(a.broker, &remoting.Command{Code: remoting.ReqUpdateConsumerOffset, Fields: commit}); r.Code != remoting.RespSuccess {
		t.Fatalf("commit answers %d %q", r.Code, r.Remark)
	}
	if r := a.change(remoting.ReqDemoteBroker); r.Code != remoting.RespSuccess {
		t.Fatalf("demote answers %d %q", r.Code, r.Remark)
	}
	b.is("ASYNC_MASTER", "2")
	if r := b.call(b.broker, &remoting.Command{Code: remoting.ReqQueryConsumerOffset, Fields: query}); r.Fields.Get("offset") != "2" {
		t.Errorf("the new master has the offset %d %q %v", r.Code, r.Remark, r.Fields)
	}
	b.mustSend("more", 1, 3)
	topic := remoting.Fields{{Key: "topic", Value: "Roles"}}
	ours, theirs := b.call(b.broker, &remoting.Command{Code: remoting.ReqGetTopicConfig, Fields: topic}), a.call(a.broker, &remoting.Command{Code: remoting.ReqGetTopicConfig, Fields: topic})
	if !bytes.Equal(ours.Body, theirs.Body) || len(ours.Body) == 0 {
		t.Errorf("the topic is %s, it was %s", ours.Body, theirs.Body)
	}
	stopAll(t, a, b, names)
}
