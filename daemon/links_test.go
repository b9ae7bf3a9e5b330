package main

import (
	"strings"
	"testing"

	"pairmq/hal/link"
	"pairmq/internal/remoting"
)

// TestADescriptionHasTheLinks: those that the kernel tells of, and no key where there is none.
func TestADescriptionHasTheLinks(t *testing.T) {
	list, err := link.States(sysfs)
	if err != nil {
		t.Fatal(err)
	}
	info := map[string]string{}
	describeLinks(info, nil)
	text, ok := info["links"]
	if ok != (len(list) > 0) {
		t.Errorf("%d links, described as %q", len(list), text)
	}
	if _, ok := info["addressMissing"]; ok {
		t.Errorf("an address is missing: %v", info)
	}
	if describeLinks(info, link.ErrNoAddress); info["addressMissing"] != link.ErrNoAddress.Error() {
		t.Errorf("no address is missing: %v", info)
	}
	for _, s := range list {
		if !strings.Contains(text, s.Name+" ") {
			t.Errorf("%q does not name %s", text, s.Name)
		}
	}
}

// TestASlaveBehindAMeteredLinkWaits: a pair on loopback, which costs money here. The slave that comes
// late is held and status says why; one that follows goes on.
func TestASlaveBehindAMeteredLinkWaits(t *testing.T) {
	master := newDaemon(t)
	slave := master.newSlave()
	master.settings = append(master.settings, "meteredLinks=wwan*;lo", "haMeteredLag=100k")
	master.start()
	slave.start()
	slave.follows(master)
	if r := master.send("Cheap", "follows"); r.Code != remoting.RespSuccess {
		t.Fatalf("%d %q", r.Code, r.Remark)
	}
	caughtUp(master, slave)
	if info := master.info(); info["haLink1"] != "lo" || info["haHeld1"] != "" || !strings.HasPrefix(info["haBytesOut"], "lo ") {
		t.Errorf("a slave that follows: link %q, held %q, bytes %q", info["haLink1"], info["haHeld1"], info["haBytesOut"])
	}
	if in := slave.info()["haBytesIn"]; !strings.HasPrefix(in, "lo ") {
		t.Errorf("the slave's bytes: %q", in)
	}
	if err := slave.stop(); err != nil {
		t.Fatal(err)
	}
	for range 40 {
		if r := master.send("Cheap", strings.Repeat("m", 50_000)); r.Code != remoting.RespSuccess {
			t.Fatalf("%d %q", r.Code, r.Remark)
		}
	}
	slave.start()
	const held = "waits: lo is metered, for 24h0m0s at most"
	eventually(t, "the slave is held", func() bool { return master.info()["haHeld1"] == held })
	if text := master.info()["replication"]; !strings.Contains(text, "("+held+")") {
		t.Errorf("status says %q", text)
	}
	const because = ": lo is metered, for 24h0m0s at most" // before that it may say that it is about to wait
	eventually(t, "the slave says so too", func() bool { return strings.HasSuffix(slave.info()["haHeld"], because) })
	if text := slave.info()["replication"]; !strings.Contains(text, "(its master says: ") || !strings.HasSuffix(text, because+")") {
		t.Errorf("the slave's status says %q", text)
	}
	if s := parsePage(t, slave.call(slave.broker, &remoting.Command{Code: remoting.ReqGetMetrics}).Body); s.values["pairmq_replication_held"] != 1 {
		t.Errorf("pairmq_replication_held is %v", s.values["pairmq_replication_held"])
	}
	if s := parsePage(t, master.call(master.broker, &remoting.Command{Code: remoting.ReqGetMetrics}).Body); s.values[`pairmq_slave_held{slave="127.0.0.1"}`] != 1 {
		t.Error("pairmq_slave_held is not 1")
	}
	if got, want := slave.info()["confirmedPhyOffset"], master.info()["confirmedPhyOffset"]; got == want {
		t.Errorf("the slave that is held has all %s bytes", want)
	}
}

func TestTrafficForPeople(t *testing.T) {
	if got := describeTraffic(map[string]int64{"wwan0": 1_500_000, "eth0": 12}); got != "eth0 12 B; wwan0 1.5 MB" {
		t.Errorf("%q", got)
	}
	if got := describeTraffic(nil); got != "" {
		t.Errorf("nothing is %q", got)
	}
	if m, err := newMeteredLinks("ppp["); err == nil {
		t.Errorf("taken: %q", m)
	}
}
