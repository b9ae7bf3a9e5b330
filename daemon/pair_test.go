package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pairmq/hal/disk"
	"pairmq/internal/remoting"
)

// newSlave returns a slave of d that is not started yet.
func (d *daemonUnderTest) newSlave() *daemonUnderTest {
	d.t.Helper()
	p := freePorts(d.t, 2)
	return &daemonUnderTest{
		t: d.t, client: d.client, disk: disk.OS, namesrv: d.namesrv, broker: fmt.Sprintf("127.0.0.1:%d", p[0]),
		settings: []string{
			"brokerName=under-test", "bindAddress=127.0.0.1", "metricsListen=", "mappedFileSizeCommitLog=8m", "brokerRole=SLAVE", "brokerId=1", "namesrvAddr=" + d.namesrv,
			fmt.Sprintf("listenPort=%d", p[0]), fmt.Sprintf("haListenPort=%d", p[1]), "storePathRootDir=" + d.t.TempDir(),
		},
	}
}

// info asks for what request 28 shows.
func (d *daemonUnderTest) info() map[string]string {
	d.t.Helper()
	r := d.call(d.broker, &remoting.Command{Code: remoting.ReqGetBrokerRuntimeInfo})
	var body struct{ Table map[string]string }
	if err := json.Unmarshal(r.Body, &body); err != nil {
		d.t.Fatalf("runtime info %q: %v", r.Body, err)
	}
	return body.Table
}

// ha asks for what request 907 shows.
func (d *daemonUnderTest) ha() (s haStatus) {
	d.t.Helper()
	r := d.call(d.broker, &remoting.Command{Code: remoting.ReqGetBrokerHAStatus})
	if err := json.Unmarshal(r.Body, &s); err != nil {
		d.t.Fatalf("HA status %q: %v", r.Body, err)
	}
	return s
}

// eventually asks again and again until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	within(t, 20*time.Second, what, ok)
}

// within is eventually with a time of its own.
func within(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// caughtUp waits until the slave has all that its master has.
func caughtUp(master, slave *daemonUnderTest) {
	master.t.Helper()
	eventually(master.t, "the slave catches up", func() bool {
		return slave.info()["confirmedPhyOffset"] == master.info()["confirmedPhyOffset"]
	})
}

// logFiles returns the commit log's bytes, segment by segment.
func (d *daemonUnderTest) logFiles() map[string][]byte {
	d.t.Helper()
	all := map[string][]byte{}
	for _, s := range d.settings {
		root, ok := strings.CutPrefix(s, "storePathRootDir=")
		if !ok {
			continue
		}
		names, err := filepath.Glob(filepath.Join(root, "commitlog", strings.Repeat("[0-9]", 20)))
		if err != nil {
			d.t.Fatal(err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				d.t.Fatal(err)
			}
			all[filepath.Base(name)] = b
		}
	}
	return all
}

// TestAPairKeepsItsPromise runs a SYNC_MASTER without its slave, with it, and
// without it again.
func TestAPairKeepsItsPromise(t *testing.T) {
	master := newDaemon(t)
	master.settings = append(master.settings, "brokerRole=SYNC_MASTER")
	master.start()
	if r := master.send("Pair", "alone"); r.Code != remoting.RespSlaveNotAvailable || r.Fields.Get("queueOffset") != "0" {
		t.Errorf("without a slave a send answers %d %q %v; want SLAVE_NOT_AVAILABLE and where it is", r.Code, r.Remark, r.Fields)
	}
	if r := master.pull("Pair", 0); r.Code != remoting.RespSuccess {
		t.Errorf("without a slave a pull answers %d %q", r.Code, r.Remark)
	}
	slave := master.newSlave()
	slave.start()
	eventually(t, "the slave joins", func() bool { return master.info()["haSlaves"] == "1" })
	caughtUp(master, slave)
	for i := range 20 {
		if r := master.send("Pair", "for both "+strconv.Itoa(i)); r.Code != remoting.RespSuccess {
			t.Fatalf("with a slave a send answers %d %q", r.Code, r.Remark)
		}
		if got, want := slave.info()["confirmedPhyOffset"], master.info()["confirmedPhyOffset"]; got != want {
			t.Fatalf("OK was said with the slave at %s, the master at %s", got, want)
		}
	}
	if r := slave.send("Pair", "to the slave"); r.Code != remoting.RespServiceNotAvailable {
		t.Errorf("a send to the slave answers %d %q, want SERVICE_NOT_AVAILABLE", r.Code, r.Remark)
	}
	eventually(t, "the topic comes to the slave", func() bool { return slave.pull("Pair", 0).Code == remoting.RespSuccess })
	if ours, theirs := slave.pull("Pair", 3), master.pull("Pair", 3); !bytes.Equal(ours.Body, theirs.Body) || len(ours.Body) == 0 {
		t.Errorf("the slave gives %d bytes from offset 3 on, the master %d", len(ours.Body), len(theirs.Body))
	}
	if r := slave.pull("Pair", 1000); r.Code != remoting.RespPullNotFound || r.Fields.Get("nextBeginOffset") != "1000" {
		t.Errorf("a slave that is behind answers %d %v; want PULL_NOT_FOUND and the offset it was asked for", r.Code, r.Fields)
	}
	if ours, theirs := slave.ha(), master.ha(); !theirs.Master || theirs.InSync != 1 || theirs.Connections[0].Diff != 0 || ours.Master || !ours.ClientOfHalf.Activated || ours.ClientOfHalf.End != theirs.End {
		t.Errorf("the slave says %+v of the two logs, the master %+v", ours, theirs)
	}
	if got := slave.info()["replication"]; !strings.HasPrefix(got, "copies ") {
		t.Errorf("the slave says %q", got)
	}
	if err := slave.stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the slave is gone", func() bool { return master.info()["haSlaves"] == "0" })
	if r := master.send("Pair", "alone again"); r.Code != remoting.RespSlaveNotAvailable {
		t.Errorf("after the slave left a send answers %d %q", r.Code, r.Remark)
	}
	slave.start()
	caughtUp(master, slave)
	if err := slave.stop(); err != nil {
		t.Fatal(err)
	}
	if err := master.stop(); err != nil {
		t.Fatal(err)
	}
	ours, theirs := slave.logFiles(), master.logFiles()
	for name, b := range theirs {
		if !bytes.Equal(ours[name], b) {
			t.Errorf("segment %s differs", name)
		}
	}
	if len(theirs) == 0 {
		t.Error("there is no segment")
	}
}

// root is the folder of the daemon's store.
func (d *daemonUnderTest) root() string {
	for _, s := range d.settings {
		if root, ok := strings.CutPrefix(s, "storePathRootDir="); ok {
			return root
		}
	}
	d.t.Fatal("no storePathRootDir")
	return ""
}

// TestAMasterHasItsEndBackFromItsSlave puts the master's store back to how it
// was some messages ago, as a power cut does that takes what was not on flash:
// nothing of which OK was said is lost.
func TestAMasterHasItsEndBackFromItsSlave(t *testing.T) {
	master := newDaemon(t)
	slave := master.newSlave()
	// Where RocketMQ's slaves have it, so that the name server's word is enough.
	_, port, err := net.SplitHostPort(slave.broker)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	slave.settings = append(slave.settings, "flushDiskType=ASYNC_FLUSH", fmt.Sprintf("haListenPort=%d", n+1))
	master.settings = append(master.settings, "brokerRole=SYNC_MASTER", "flushDiskType=ASYNC_FLUSH")
	master.start()
	slave.start()
	eventually(t, "the slave joins", func() bool { return master.info()["haSlaves"] == "1" })
	send := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			if r := master.send("Pair", strconv.Itoa(i)); r.Code != remoting.RespSuccess {
				t.Fatalf("message %d: %d %q", i, r.Code, r.Remark)
			}
		}
	}
	send(0, 10)
	old := filepath.Join(t.TempDir(), "old")
	if err := os.CopyFS(old, os.DirFS(master.root())); err != nil {
		t.Fatal(err)
	}
	send(10, 30)
	caughtUp(master, slave)
	if err := master.stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(master.root()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(old, master.root()); err != nil {
		t.Fatal(err)
	}
	master.start()
	if got := master.pull("Pair", 29); got.Code != remoting.RespSuccess {
		t.Errorf("the last message: %d %q %v", got.Code, got.Remark, got.Fields)
	}
	eventually(t, "the slave joins again", func() bool { return master.info()["haSlaves"] == "1" })
	caughtUp(master, slave)
	send(30, 31)
	if info := slave.info(); info["haSetAside"] != "" || info["haConnected"] != "true" {
		t.Errorf("the slave says %q", info["replication"])
	}
	for _, d := range []*daemonUnderTest{slave, master} {
		if err := d.stop(); err != nil {
			t.Error(err)
		}
	}
}

// as returns the daemon with another role on the same store.
func (d *daemonUnderTest) as(role, id string) *daemonUnderTest {
	other := *d
	other.settings = slices.DeleteFunc(slices.Clone(d.settings), func(s string) bool {
		return strings.HasPrefix(s, "brokerRole=") || strings.HasPrefix(s, "brokerId=")
	})
	other.settings = append(other.settings, "brokerRole="+role, "brokerId="+id)
	return &other
}

// TestRolesAreSwappedByHand lets a slave go on as master, with queue offsets
// that follow (R9), and the old master come back as its slave: what only that
// one had is set aside in a file.
func TestRolesAreSwappedByHand(t *testing.T) {
	names := newDaemon(t) // a name server that outlives both
	names.settings = append(names.settings, "enableBroker=false")
	names.start()
	a := names.newSlave().as("ASYNC_MASTER", "0")
	b := names.newSlave()
	a.start()
	b.start()
	for i := range 10 {
		if r := a.send("Swap", "both "+strconv.Itoa(i)); r.Code != remoting.RespSuccess {
			t.Fatalf("message %d: %d %q", i, r.Code, r.Remark)
		}
	}
	caughtUp(a, b)
	eventually(t, "the topic comes to the slave", func() bool { return b.pull("Swap", 9).Code == remoting.RespSuccess })
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if r := a.send("Swap", "only a "+strconv.Itoa(i)); r.Code != remoting.RespSuccess {
			t.Fatal(r.Code, r.Remark)
		}
	}
	if err := a.stop(); err != nil {
		t.Fatal(err)
	}
	b = b.as("ASYNC_MASTER", "0")
	b.start()
	b.is("ASYNC_MASTER", "2") // made master by hand it is master under the next epoch
	for i := range 5 {
		if r := b.send("Swap", "b "+strconv.Itoa(i)); r.Code != remoting.RespSuccess || r.Fields.Get("queueOffset") != strconv.Itoa(10+i) {
			t.Errorf("the new master's message %d: %d %v", i, r.Code, r.Fields)
		}
	}
	a = a.as("SLAVE", "1")
	a.start()
	eventually(t, "the old master follows", func() bool { return a.info()["haConnected"] == "true" })
	caughtUp(b, a)
	a.is("SLAVE", "2")
	if file := a.info()["haSetAside"]; file == "" {
		t.Error("nothing was set aside")
	} else if kept, err := os.ReadFile(filepath.Join(a.root(), file)); err != nil || !bytes.Contains(kept, []byte("only a 2")) {
		t.Errorf("%s has %d bytes, not what was set aside; %v", file, len(kept), err)
	}
	if ours, theirs := a.pull("Swap", 0), b.pull("Swap", 0); !bytes.Equal(ours.Body, theirs.Body) || len(ours.Body) == 0 {
		t.Errorf("the slave gives %d bytes, the master %d", len(ours.Body), len(theirs.Body))
	}
	for _, d := range []*daemonUnderTest{a, b, names} {
		if err := d.stop(); err != nil {
			t.Error(err)
		}
	}
}

// TestTheConfiguredMasterWins gives the name servers a wrong address of the
// master's replication port: the slave goes by its haMasterAddress.
func TestTheConfiguredMasterWins(t *testing.T) {
	master := newDaemon(t)
	master.settings = append(master.settings, "brokerIP2=127.9.9.9") // it listens at 127.0.0.1 only
	var ha string
	for _, s := range master.settings {
		if port, ok := strings.CutPrefix(s, "haListenPort="); ok {
			ha = "127.0.0.1:" + port
		}
	}
	slave := master.newSlave()
	slave.settings = append(slave.settings, "haMasterAddress="+ha)
	master.start()
	slave.start()
	eventually(t, "the slave joins", func() bool { return master.info()["haSlaves"] == "1" })
	if got := slave.info()["haMaster"]; got != ha {
		t.Errorf("the slave copies %s, want %s", got, ha)
	}
	for _, d := range []*daemonUnderTest{slave, master} {
		if err := d.stop(); err != nil {
			t.Error(err)
		}
	}
}
