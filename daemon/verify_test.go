package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"pairmq/internal/remoting"
)

// A commandLine runs the pairmq that belongs to this pairmqd.
type commandLine struct {
	t       *testing.T
	file    string
	namesrv string
}

func newCommandLine(t *testing.T, namesrv string) *commandLine {
	t.Helper()
	c := &commandLine{t, filepath.Join(t.TempDir(), "pairmq"), namesrv}
	if out, err := exec.Command("go", "build", "-o", c.file, "pairmq/tools/ctl").CombinedOutput(); err != nil {
		t.Fatalf("build pairmq: %v\n%s", err, out)
	}
	return c
}

// run executes pairmq and returns its exit code and all that it wrote.
func (c *commandLine) run(args ...string) (code int, out string) {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), c.file, args...)
	cmd.Env = append(os.Environ(), "PAIRMQ_NAMESRV="+c.namesrv)
	b, err := cmd.CombinedOutput()
	exit, failed := errors.AsType[*exec.ExitError](err)
	if err != nil && !failed {
		c.t.Fatal(err)
	}
	if failed {
		code = exit.ExitCode()
	}
	return code, string(b)
}

// expect runs pairmq and compares its exit code and a part of what it writes.
func (c *commandLine) expect(code int, words string, args ...string) {
	c.t.Helper()
	if got, out := c.run(args...); got != code || !strings.Contains(out, words) {
		c.t.Errorf("pairmq %s exits with %d and writes\n%s\nwant %d and %q", strings.Join(args, " "), got, out, code, words)
	}
}

// spoil changes a byte of the log's first segment at the first place where it
// says so: the medium goes bad below the daemon.
func (d *daemonUnderTest) spoil(text string) {
	d.t.Helper()
	name := filepath.Join(d.root(), "commitlog", strings.Repeat("0", 20))
	b, err := os.ReadFile(name)
	if err != nil {
		d.t.Fatal(err)
	}
	at := bytes.Index(b, []byte(text))
	if at < 0 {
		d.t.Fatalf("%s is not in the log", text)
	}
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		d.t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{b[at] ^ 4}, int64(at)); err != nil {
		d.t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		d.t.Fatal(err)
	}
}

// logState is what the daemon says of its log.
func (d *daemonUnderTest) logState() remoting.Fields {
	d.t.Helper()
	r := d.call(d.broker, &remoting.Command{Code: remoting.ReqGetLogChecksums, Fields: remoting.Fields{{Key: "start", Value: "0"}, {Key: "end", Value: "0"}}})
	if r.Code != remoting.RespSuccess {
		d.t.Fatalf("31005 answers %d %q", r.Code, r.Remark)
	}
	return r.Fields
}

// sendAll sends the messages from to to, whose bodies say which they are.
func (d *daemonUnderTest) sendAll(topic string, from, to int) {
	d.t.Helper()
	for i := from; i < to; i++ {
		if r := d.send(topic, "message number "+strconv.Itoa(i)+"."); r.Code != remoting.RespSuccess {
			d.t.Fatalf("message %d: %d %q", i, r.Code, r.Remark)
		}
	}
}

// pairWithNames is a name server with a master and a slave that run.
func pairWithNames(t *testing.T) (names, master, slave *daemonUnderTest) {
	t.Helper()
	names = newDaemon(t)
	names.settings = append(names.settings, "enableBroker=false")
	names.start()
	master = names.newSlave().as("ASYNC_MASTER", "0")
	slave = names.newSlave()
	master.start()
	slave.start()
	return names, master, slave
}

// sameLogs fails unless both have the same segments.
func sameLogs(t *testing.T, a, b *daemonUnderTest) {
	t.Helper()
	ours, theirs := a.logFiles(), b.logFiles()
	for name := range theirs {
		if !bytes.Equal(ours[name], theirs[name]) {
			t.Errorf("segment %s differs", name)
		}
	}
	if len(theirs) == 0 {
		t.Error("there is no segment")
	}
}

// TestARunningPairIsMended flips bits in both halves of a pair while it runs: each
// is mended from the other, and a restart finds nothing wrong.
func TestARunningPairIsMended(t *testing.T) {
	names, master, slave := pairWithNames(t)
	ctl := newCommandLine(t, names.namesrv)
	master.sendAll("Rot", 0, 40)
	caughtUp(master, slave)
	eventually(t, "the topic comes to the slave", func() bool { return slave.pull("Rot", 0).Code == remoting.RespSuccess })
	verify := func(a, b *daemonUnderTest, more ...string) []string {
		return append([]string{"log", "verify", "--broker", a.broker, "--peer", b.broker}, more...)
	}
	ctl.expect(0, "the logs are the same", verify(slave, master)...)
	slave.spoil("message number 11.")
	slave.spoil("message number 30.")
	master.spoil("message number 20.")
	ctl.expect(1, "differences 3", verify(slave, master, "--dry-run")...)
	ctl.expect(1, "differences 1, repaired 2", verify(slave, master)...)
	ctl.expect(1, "pairmq log verify --broker "+master.broker+" --peer "+slave.broker, verify(slave, master)...)
	ctl.expect(0, "the logs are the same, repaired 1", "log", "verify", "--broker", master.broker) // the name server knows the slave
	ctl.expect(0, "the logs are the same", verify(slave, master)...)
	sameLogs(t, slave, master)
	kept, err := filepath.Glob(filepath.Join(slave.root(), "quarantine", "commitlog-*"))
	if err != nil || len(kept) != 2 {
		t.Errorf("%d files have what was replaced, want 2: %v", len(kept), err)
	}
	master.sendAll("Rot", 40, 50)
	caughtUp(master, slave)
	for _, d := range []*daemonUnderTest{slave, master} {
		if err := d.stop(); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(d.root(), "meta.db")); err != nil { // so that all is read
			t.Fatal(err)
		}
		d.start()
		if got := d.logState().Get("readOnly"); got != "false" {
			t.Errorf("after a restart read-only is %s", got)
		}
		if r := d.pull("Rot", 11); r.Code != remoting.RespSuccess || !bytes.Contains(r.Body, []byte("message number 11.")) {
			t.Errorf("the mended message: %d %q", r.Code, r.Remark)
		}
	}
	for _, d := range []*daemonUnderTest{slave, master, names} {
		if err := d.stop(); err != nil {
			t.Error(err)
		}
	}
}

// TestADamagedBrokerMendsItself flips bits while the broker is down, in two places: it
// comes up read-only, has the bytes back from its peer, once for each, and goes on; a
// slave and a master.
func TestADamagedBrokerMendsItself(t *testing.T) {
	names, master, slave := pairWithNames(t)
	ctl := newCommandLine(t, names.namesrv)
	master.sendAll("Rot", 0, 40)
	caughtUp(master, slave)
	eventually(t, "the topic comes to the slave", func() bool { return slave.pull("Rot", 0).Code == remoting.RespSuccess })
	for _, bad := range []*daemonUnderTest{slave, master} {
		if err := bad.stop(); err != nil {
			t.Fatal(err)
		}
		bad.spoil("message number 17.")
		bad.spoil("message number 33.")
		bad.start()
		eventually(t, "it has mended its log", func() bool { return bad.logState().Get("readOnly") == "false" })
		if bad == slave {
			master.sendAll("Rot", 40, 50)
		}
		eventually(t, "the pair is one again", func() bool { return master.info()["haSlaves"] == "1" })
		caughtUp(master, slave)
	}
	master.sendAll("Rot", 50, 60)
	caughtUp(master, slave)
	ctl.expect(0, "the logs are the same", "log", "verify", "--broker", master.broker)
	sameLogs(t, slave, master)
	for i := range 60 {
		if r := slave.pull("Rot", int64(i)); r.Code != remoting.RespSuccess || !bytes.Contains(r.Body, []byte("message number "+strconv.Itoa(i)+".")) {
			t.Errorf("message %d: %d %q", i, r.Code, r.Remark)
		}
	}
	for _, d := range []*daemonUnderTest{slave, master, names} {
		if err := d.stop(); err != nil {
			t.Error(err)
		}
	}
}

// TestADamagedMasterKeepsItsSlavesWhole: what a master cannot read of its log, its
// slave must not cut off, for it is the copy from which the master is mended.
func TestADamagedMasterKeepsItsSlavesWhole(t *testing.T) {
	names, master, slave := pairWithNames(t)
	ctl := newCommandLine(t, names.namesrv)
	master.sendAll("Rot", 0, 40)
	caughtUp(master, slave)
	end := slave.info()["confirmedPhyOffset"]
	if err := errors.Join(slave.stop(), master.stop()); err != nil {
		t.Fatal(err)
	}
	master.spoil("message number 17.")
	master.start()
	if got := master.logState(); got.Get("readOnly") != "true" {
		t.Fatalf("a damaged master says %v", got)
	}
	if got := master.info()["replication"]; !strings.Contains(got, "damaged") {
		t.Errorf("a damaged master says of its slaves: %q", got)
	}
	slave.start() // and looks for its master at once
	var info map[string]string
	eventually(t, "the slave tries to copy", func() bool {
		info = slave.info()
		return info["haSetAside"] != "" || strings.Contains(info["haError"], "refused")
	})
	if info["haSetAside"] != "" || info["confirmedPhyOffset"] != end {
		t.Fatalf("the slave's log ended at %s and ends at %s; set aside is %q", end, info["confirmedPhyOffset"], info["haSetAside"])
	}
	ctl.expect(0, "repaired 1", "log", "verify", "--broker", master.broker)
	if err := master.stop(); err != nil {
		t.Fatal(err)
	}
	master.start()
	eventually(t, "the pair is one again", func() bool { return master.info()["haSlaves"] == "1" })
	if got := slave.info(); got["haSetAside"] != "" {
		t.Errorf("set aside is %q", got["haSetAside"])
	}
	sameLogs(t, slave, master)
	for _, d := range []*daemonUnderTest{slave, master, names} {
		if err := d.stop(); err != nil {
			t.Error(err)
		}
	}
}

// TestOnlyAPeerMends asks a broker to compare its log with those that are not the
// other half of its pair.
func TestOnlyAPeerMends(t *testing.T) {
	names, master, slave := pairWithNames(t)
	stranger := names.newSlave().as("ASYNC_MASTER", "0")
	stranger.settings = append(stranger.settings, "brokerName=another")
	stranger.start()
	master.sendAll("Rot", 0, 10)
	stranger.sendAll("Rot", 0, 10)
	caughtUp(master, slave)
	end := slave.logState().Get("endPhyOffset")
	slave.spoil("message number 5.")
	before := slave.logFiles()
	for peer, words := range map[string]string{
		names.namesrv: "it is a broker of Apache, or an older pairmqd", stranger.broker: `is "another", not the other half of "under-test"`,
		slave.broker: "is this broker itself", "127.0.0.1:1": "connect", "nonsense": "nonsense",
	} {
		r := slave.call(slave.broker, &remoting.Command{Code: remoting.ReqVerifyLog, Fields: remoting.Fields{
			{Key: "peer", Value: peer}, {Key: "start", Value: "0"}, {Key: "end", Value: end}, {Key: "repair", Value: "true"}}})
		if r.Code != remoting.RespSystemError || !strings.Contains(r.Remark, "the other broker: ") || !strings.Contains(r.Remark, words) {
			t.Errorf("peer %s: %d %q, want %q", peer, r.Code, r.Remark, words)
		}
	}
	for name, b := range slave.logFiles() {
		if !bytes.Equal(b, before[name]) {
			t.Errorf("segment %s was changed", name)
		}
	}
	for _, d := range []*daemonUnderTest{stranger, slave, master, names} {
		if err := d.stop(); err != nil {
			t.Error(err)
		}
	}
}

// TestWhatWasSetAsideIsSent lets an old master come back as the slave of a new one,
// and sends what only it had to the pair once more.
func TestWhatWasSetAsideIsSent(t *testing.T) {
	names, a, b := pairWithNames(t)
	ctl := newCommandLine(t, names.namesrv)
	a.sendAll("Swap", 0, 10)
	caughtUp(a, b)
	eventually(t, "the topic comes to the slave", func() bool { return b.pull("Swap", 9).Code == remoting.RespSuccess })
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	a.sendAll("Swap", 100, 103)
	if err := a.stop(); err != nil {
		t.Fatal(err)
	}
	b = b.as("ASYNC_MASTER", "0")
	b.start()
	b.sendAll("Swap", 10, 15)
	a = a.as("SLAVE", "1")
	a.start()
	eventually(t, "the old master follows", func() bool { return a.info()["haConnected"] == "true" })
	caughtUp(b, a)
	file := filepath.Join(a.root(), a.info()["haSetAside"])
	ctl.expect(0, file, "log", "quarantine", "list", a.root())
	for i := range 3 {
		ctl.expect(0, "Swap/0  offset "+strconv.Itoa(10+i), "log", "quarantine", "show", file)
		ctl.expect(0, `"body":"message number `+strconv.Itoa(100+i)+`."`, "log", "quarantine", "show", "--json", "--bodies", file)
	}
	ctl.expect(0, "would be sent 3\n", "log", "quarantine", "send", "--dry-run", file)
	ctl.expect(0, "sent 3\n", "log", "quarantine", "send", file)
	ctl.expect(0, "sent 0, skipped 3 of another topic\n", "log", "quarantine", "send", "--topic", "Other", file)
	for i := range 3 {
		if r := b.pull("Swap", int64(15+i)); r.Code != remoting.RespSuccess || !bytes.Contains(r.Body, []byte("message number "+strconv.Itoa(100+i)+".")) {
			t.Errorf("message %d, sent once more: %d %q", 100+i, r.Code, r.Remark)
		}
	}
	caughtUp(b, a)
	ctl.expect(0, "the logs are the same", "log", "verify", "--broker", a.broker)
	for _, d := range []*daemonUnderTest{a, b, names} {
		if err := d.stop(); err != nil {
			t.Error(err)
		}
	}
}
