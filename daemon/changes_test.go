package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pairmq/daemon/config"
	"pairmq/discovery"
	"pairmq/hal/disk/diskfault"
	"pairmq/internal/remoting"
	"pairmq/store"
	"pairmq/store/table"
)

// update sends request 25.
func (d *daemonUnderTest) update(text string) *remoting.Command {
	d.t.Helper()
	return d.call(d.broker, &remoting.Command{Code: remoting.ReqUpdateBrokerConfig, Body: []byte(text)})
}

// shown is what request 26 says of a key.
func (d *daemonUnderTest) shown(key string) string {
	d.t.Helper()
	r := d.call(d.broker, &remoting.Command{Code: remoting.ReqGetBrokerConfig})
	for l := range strings.Lines(string(r.Body)) {
		if v, ok := strings.CutPrefix(l, key+"="); ok {
			return strings.TrimSpace(v)
		}
	}
	d.t.Fatalf("request 26 shows no %s: %s", key, r.Body)
	return ""
}

// routePerm is with what permission the name server lets clients use a topic here.
func (d *daemonUnderTest) routePerm(topic string) string {
	d.t.Helper()
	r := d.call(d.namesrv, &remoting.Command{Code: remoting.ReqGetRouteinfoByTopic, Fields: remoting.Fields{{Key: "topic", Value: topic}}})
	var route struct{ QueueDatas []discovery.QueueData }
	if r.Code != remoting.RespSuccess || json.Unmarshal(r.Body, &route) != nil || len(route.QueueDatas) != 1 {
		return fmt.Sprintf("%d %s", r.Code, r.Body)
	}
	return fmt.Sprint(route.QueueDatas[0].Perm)
}

// TestTheConfigurationChangesWhileItRuns: the broker goes by it at once, and again
// after a restart, until the owner's own configuration says something else.
func TestTheConfigurationChangesWhileItRuns(t *testing.T) {
	d := newDaemon(t)
	d.start()
	if r := d.send("There", "x"); r.Code != remoting.RespSuccess {
		t.Fatalf("send: %d %q", r.Code, r.Remark)
	}
	if r := d.update("autoCreateTopicEnable=false\nlistenPort=1\n"); r.Code != remoting.RespInvalidParameter || !strings.Contains(r.Remark, "listenPort cannot change while the broker runs") {
		t.Fatalf("a change of listenPort: %d %q", r.Code, r.Remark)
	}
	if r := d.send("Made", "x"); r.Code != remoting.RespSuccess { // all or none
		t.Fatalf("send to a topic to be made: %d %q", r.Code, r.Remark)
	}
	if r := d.update("autoCreateTopicEnable=false\nmaxMessageSize=1024\n"); r.Code != remoting.RespSuccess {
		t.Fatalf("change: %d %q", r.Code, r.Remark)
	}
	changed := func(when string) {
		t.Helper()
		if r := d.send("Another", "x"); r.Code != remoting.RespTopicNotExist {
			t.Errorf("%s: a send to a topic that is not there: %d %q", when, r.Code, r.Remark)
		}
		if r := d.send("There", strings.Repeat("x", 1025)); r.Code != remoting.RespMessageIllegal {
			t.Errorf("%s: 1025 bytes are answered %d %q", when, r.Code, r.Remark)
		}
		if a, m := d.shown("autoCreateTopicEnable"), d.shown("maxMessageSize"); a != "false" || m != "1024" {
			t.Errorf("%s: request 26 shows autoCreateTopicEnable=%s, maxMessageSize=%s", when, a, m)
		}
	}
	changed("at once")
	if got := d.info()["configChanges"]; got != "autoCreateTopicEnable=false maxMessageSize=1024" {
		t.Errorf("status shows the changes as %q", got)
	}
	stopAll(t, d)
	d.start()
	changed("after a restart")
	stopAll(t, d)
	d.settings = append(d.settings, "maxMessageSize=2048")
	d.start()
	if m := d.shown("maxMessageSize"); m != "2048" {
		t.Errorf("the owner has maxMessageSize=2048 now, and %s counts", m)
	}
	stopAll(t, d)
	d.settings = slices.DeleteFunc(d.settings, func(s string) bool { return s == "maxMessageSize=2048" })
	d.start()
	if a, m := d.shown("autoCreateTopicEnable"), d.shown("maxMessageSize"); a != "false" || m != "4194304" {
		t.Errorf("without that again, autoCreateTopicEnable=%s and maxMessageSize=%s count, want false and 4194304", a, m)
	}
	if r := d.update("autoCreateTopicEnable=true"); r.Code != remoting.RespSuccess {
		t.Fatalf("change: %d %q", r.Code, r.Remark)
	}
	if r := d.send("Another", "x"); r.Code != remoting.RespSuccess {
		t.Errorf("topics are made again, and a send is answered %d %q", r.Code, r.Remark)
	}
	stopAll(t, d)
}

// TestClientsGoElsewhereFromABrokerThatMayNotBeWrittenTo: they hear of it from the
// name servers.
func TestClientsGoElsewhereFromABrokerThatMayNotBeWrittenTo(t *testing.T) {
	d := newDaemon(t)
	d.start()
	if r := d.send("There", "x"); r.Code != remoting.RespSuccess {
		t.Fatalf("send: %d %q", r.Code, r.Remark)
	}
	for _, step := range []struct{ set, want string }{{"4", "4"}, {"6", "6"}, {"2", "2"}} {
		if r := d.update("brokerPermission=" + step.set); r.Code != remoting.RespSuccess {
			t.Fatalf("change: %d %q", r.Code, r.Remark)
		}
		eventually(t, "the route has permission "+step.want, func() bool { return d.routePerm("There") == step.want })
	}
	stopAll(t, d)
	d.start()
	eventually(t, "the route has permission 2 after a restart", func() bool { return d.routePerm("There") == "2" })
	stopAll(t, d)
}

// TestNameServersHearOfEachStart: a name server takes topics only with another version
// than it has, and the last start may have ended before it was told.
func TestNameServersHearOfEachStart(t *testing.T) {
	s, err := store.Open(store.Options{FS: diskfault.New(diskfault.Plan{Real: t.TempDir()}), SegmentSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var last table.DataVersion
	for _, perm := range []int{6, 4, 4} {
		tn := &tenure{store: s, cfg: config.Default(), log: slog.New(slog.DiscardHandler)}
		tn.cfg.BrokerPermission = perm
		if tn.changes, err = tn.loadChanges(); err != nil {
			t.Fatal(err)
		}
		_, version := tn.registered()
		if version == last {
			t.Errorf("started with brokerPermission=%d, the topics have the version %+v that they had", perm, version)
		}
		last = version
		for now := time.Now().UnixMilli(); time.Now().UnixMilli() == now; {
			runtime.Gosched()
		}
	}
}
