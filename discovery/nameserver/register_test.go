package nameserver

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pairmq/discovery"
	"pairmq/internal/remoting"
	"pairmq/store/table"
)

func TestSlaveLearnsItsMaster(t *testing.T) {
	s := newServer(t, Options{})
	slave := newBroker(s, "b", "h2:10911")
	slave.id, slave.topics = 1, []table.Topic{topic("OnlyOnSlave", 6), topic("T", 2)}
	if resp := slave.mustRegister(t); len(resp.Fields) != 0 {
		t.Errorf("a slave without master is told %v, want nothing", resp.Fields)
	}
	newBroker(s, "b", "h1:10911").mustRegister(t)
	resp := slave.mustRegister(t)
	if got := resp.Fields.Get("masterAddr"); got != "h1:10911" {
		t.Errorf("masterAddr is %q, want h1:10911", got)
	}
	if got := resp.Fields.Get("haServerAddr"); got != "ha.test:10912" {
		t.Errorf("haServerAddr is %q, want ha.test:10912", got)
	}
	if routeOf(t, s, "OnlyOnSlave") != nil {
		t.Error("a topic that only the slave has got a route")
	}
	route := mustRoute(t, s, "T")
	want := map[int64]string{0: "h1:10911", 1: "h2:10911"}
	if got := route.BrokerDatas[0].BrokerAddrs; !maps.Equal(got, want) || route.QueueDatas[0].Perm != 6 {
		t.Errorf("route has %v, perm %d, want %v and the master's perm 6", got, route.QueueDatas[0].Perm, want)
	}
	checkCounts(t, s)
}

func TestAddressChangesItsID(t *testing.T) {
	s := newServer(t, Options{})
	b := newBroker(s, "b", "h1:10911")
	b.id = 1
	b.mustRegister(t)
	b.id = 0
	b.mustRegister(t)
	want := map[int64]string{0: "h1:10911"}
	if got := mustRoute(t, s, "T").BrokerDatas[0].BrokerAddrs; !maps.Equal(got, want) {
		t.Errorf("a slave that became master is at %v, want %v", got, want)
	}
	checkCounts(t, s)
}

func TestMasterMoves(t *testing.T) {
	s := newServer(t, Options{})
	old := newBroker(s, "b", "h1:10911")
	old.mustRegister(t)
	mustRoute(t, s, "T") // kept encoded, and must not be handed out again
	next := newBroker(s, "b", "h2:10911")
	next.topics[1].Perm = 4 // the version is the same as the old one's, the table is not
	next.mustRegister(t)
	route := mustRoute(t, s, "T")
	if got := route.BrokerDatas[0].BrokerAddrs[0]; got != "h2:10911" || route.QueueDatas[0].Perm != 4 {
		t.Errorf("master is at %s with perm %d, want h2:10911 with 4", got, route.QueueDatas[0].Perm)
	}
	s.Closed(old.conn)
	mustRoute(t, s, "T") // the connection of the one replaced no longer counts
	checkCounts(t, s)
}

func TestStateVersionDecides(t *testing.T) {
	s := newServer(t, Options{})
	live := newBroker(s, "b", "h1:10911")
	live.version.StateVersion = 5
	live.mustRegister(t)
	stale := newBroker(s, "b", "h2:10911")
	stale.version.StateVersion = 4
	if resp := stale.register(t); resp.Code != remoting.RespSystemError || !strings.Contains(resp.Remark, errStale.Error()) {
		t.Errorf("a master with an older state is answered %d, %q, want 1 and %q", resp.Code, resp.Remark, errStale)
	}
	if got := mustRoute(t, s, "T").BrokerDatas[0].BrokerAddrs[0]; got != "h1:10911" {
		t.Errorf("master is at %s, want h1:10911", got)
	}
	stale.version.StateVersion = 5
	stale.mustRegister(t)
}

func TestTablesMerge(t *testing.T) {
	s := newServer(t, Options{})
	b := newBroker(s, "b", "h1:10911")
	one := []table.Topic{topic("New", 6)}

	all := b.topics
	b.topics = one
	if resp := b.register(t); resp.Code != remoting.RespSystemError || !strings.Contains(resp.Remark, "exactly one topic") {
		t.Errorf("a first registration of one topic is answered %d, %q, want 1", resp.Code, resp.Remark)
	}
	checkCounts(t, s)
	b.topics = all
	b.mustRegister(t)

	b.topics, b.version = one, b.version.Next(2) // an increment
	b.mustRegister(t)
	for _, name := range []string{"T", "TBW102", "New"} {
		mustRoute(t, s, name)
	}

	changed := topic("T", 4) // a change whose own increment was lost
	b.topics = []table.Topic{topic("TBW102", 7), changed, one[0]}
	b.mustRegister(t)
	if got := mustRoute(t, s, "T").QueueDatas[0].Perm; got != 4 {
		t.Errorf("the whole table after an increment leaves perm %d, want 4", got)
	}

	b.topics = []table.Topic{topic("T", 2), topic("Missing", 6)} // unchanged version: only what is missing
	b.mustRegister(t)
	if got := mustRoute(t, s, "T").QueueDatas[0].Perm; got != 4 {
		t.Errorf("a table of the same version changes perm to %d, want 4", got)
	}
	mustRoute(t, s, "Missing")
	mustRoute(t, s, "New") // not in the table, and kept
	checkCounts(t, s)
}

func TestDeleteMissing(t *testing.T) {
	s := newServer(t, Options{DeleteMissing: true})
	b := newBroker(s, "b", "h1:10911")
	b.mustRegister(t)
	b.topics, b.version = []table.Topic{topic("T", 6), topic("U", 6)}, b.version.Next(2)
	b.mustRegister(t)
	got := s.routes.topicsWith(func(int32) bool { return true })
	if want := []string{"T", "U"}; !slices.Equal(got, want) {
		t.Errorf("topics are %q, want %q", got, want)
	}
	checkCounts(t, s)
}

func TestTwoBrokersShareATopic(t *testing.T) {
	s := newServer(t, Options{})
	a, b := newBroker(s, "a", "h1:10911"), newBroker(s, "b", "h2:10911")
	a.mustRegister(t)
	mustRoute(t, s, "T")
	b.mustRegister(t)
	if got := mustRoute(t, s, "T"); len(got.BrokerDatas) != 2 || len(got.QueueDatas) != 2 {
		t.Errorf("route is %+v, want two brokers", got)
	}
	s.Closed(a.conn)
	if got := mustRoute(t, s, "T"); len(got.BrokerDatas) != 1 || got.BrokerDatas[0].BrokerName != "b" {
		t.Errorf("route is %+v, want broker b alone", got)
	}
	if resp := b.call(remoting.ReqUnregisterBroker, nil); resp.Code != remoting.RespSuccess {
		t.Errorf("unregister gives %d, %q", resp.Code, resp.Remark)
	}
	if routeOf(t, s, "T") != nil {
		t.Error("T has a route without any broker")
	}
	checkCounts(t, s)
}

func TestBadRegistrationsAreRefused(t *testing.T) {
	tests := []struct {
		name  string
		edit  func(*testBroker)
		extra remoting.Fields
		says  string
	}{
		{"cluster", func(b *testBroker) { b.cluster = "../x" }, nil, "clusterName"},
		{"no cluster", func(b *testBroker) { b.cluster = "" }, nil, "clusterName"},
		{"name", func(b *testBroker) { b.name = ".." }, nil, "brokerName"},
		{"long name", func(b *testBroker) { b.name = strings.Repeat("b", 256) }, nil, "brokerName"},
		{"address", func(b *testBroker) { b.addr = "h1" }, nil, "brokerAddr"},
		{"HA address", func(*testBroker) {}, remoting.Fields{{Key: "haServerAddr", Value: "x"}}, "haServerAddr"},
		{"an address of nobody", func(b *testBroker) { b.addr = "0.0.0.0:10911" }, nil, "brokerAddr"},
		{"an address of many", func(b *testBroker) { b.addr = "[ff02::1]:10911" }, nil, "brokerAddr"},
		{"an HA address of nobody", func(*testBroker) {}, remoting.Fields{{Key: "haServerAddr", Value: "[::]:10912"}}, "haServerAddr"},
		{"id", func(b *testBroker) { b.id = -1 }, nil, "brokerId"},
		{"crc", func(*testBroker) {}, remoting.Fields{{Key: "bodyCrc32", Value: "1"}}, "crc32"},
		{"crc no number", func(*testBroker) {}, remoting.Fields{{Key: "bodyCrc32", Value: "x"}}, "bodyCrc32"},
		{"not compressed", func(*testBroker) {}, remoting.Fields{{Key: "compressed", Value: "true"}}, "compressed"},
	}
	for _, tt := range tests {
		s := newServer(t, Options{})
		b := newBroker(s, "b", "h1:10911")
		tt.edit(b)
		b.extra = tt.extra
		resp := b.register(t)
		if resp.Code != remoting.RespSystemError || !strings.Contains(resp.Remark, tt.says) {
			t.Errorf("%s: answered %d, %q, want 1 saying %q", tt.name, resp.Code, resp.Remark, tt.says)
		}
		if s.routes.members != 0 {
			t.Errorf("%s: the broker is registered nevertheless", tt.name)
		}
	}
}

func TestBadTopicsAreLeftOut(t *testing.T) {
	s := newServer(t, Options{})
	b := newBroker(s, "b", "h1:10911")
	huge := topic("Huge", 6)
	huge.ReadQueueNums = 1 << 17
	b.topics = append(b.topics, topic("../x", 6), topic("Perm", 16), huge)
	resp := b.register(t)
	if resp.Code != remoting.RespSystemError || !strings.Contains(resp.Remark, `3 of 5, the first "../x"`) {
		t.Errorf("answered %d, %q, want 1 naming ../x", resp.Code, resp.Remark)
	}
	mustRoute(t, s, "T")
	if got := len(s.routes.topics); got != 2 {
		t.Errorf("%d topics are known, want 2", got)
	}
	checkCounts(t, s)
}

func TestBounds(t *testing.T) {
	s := newServer(t, Options{MaxBrokers: 2, MaxTopics: 5})
	newBroker(s, "a", "h1:10911").mustRegister(t)
	b := newBroker(s, "b", "h2:10911")
	b.topics = append(b.topics, topic("U", 6), topic("V", 6))
	if resp := b.register(t); resp.Code != remoting.RespSystemError || !strings.Contains(resp.Remark, "1 of 4") {
		t.Errorf("the sixth topic is answered %d, %q, want 1 and 1 of 4", resp.Code, resp.Remark)
	}
	if resp := newBroker(s, "c", "h3:10911").register(t); resp.Code != remoting.RespSystemError || !strings.Contains(resp.Remark, errFull.Error()) {
		t.Errorf("the third broker is answered %d, %q, want 1 and %q", resp.Code, resp.Remark, errFull)
	}
	checkCounts(t, s)
	b.call(remoting.ReqUnregisterBroker, nil)
	checkCounts(t, s)
	newBroker(s, "c", "h3:10911").mustRegister(t)
}

// A 5.4.0 broker says compressed=false even when it compresses.
func TestCompressedRegistration(t *testing.T) {
	for file, says := range map[string]string{"v4-register-body-compressed.hex": "true", "v5-register-body-compressed.hex": "false"} {
		s := newServer(t, Options{})
		body := goldenBytes(t, file)
		b := newBroker(s, "b", "h1:10911")
		b.extra.Add("compressed", says)
		b.extra.AddInt("bodyCrc32", int64(discovery.BodyCRC32(body)))
		if resp := b.call(remoting.ReqRegisterBroker, body); resp.Code != remoting.RespSuccess {
			t.Errorf("%s is answered %d, %q", file, resp.Code, resp.Remark)
			continue
		}
		mustRoute(t, s, "TBW102")
	}
}

func FuzzRegister(f *testing.F) {
	f.Add(golden(f, "v4-register-broker-request.hex").Body, false, int64(0))
	f.Add(goldenBytes(f, "v5-register-body-compressed.hex"), true, int64(0))
	f.Add([]byte(`{"topicConfigSerializeWrapper":{"topicConfigTable":{"T":{"perm":6},"U":{}}}}`), false, int64(1))
	f.Fuzz(func(t *testing.T, body []byte, compressed bool, id int64) {
		s := newServer(t, Options{MaxTopics: 20, MaxBrokers: 2})
		b := newBroker(s, "b", "h1:10911")
		b.mustRegister(t)
		b.id = id
		b.extra.Add("compressed", strconv.FormatBool(compressed))
		b.call(remoting.ReqRegisterBroker, body)
		checkCounts(t, s)
		if s.routes.entries > 20 || s.routes.members > 2 {
			t.Errorf("%d topics and %d brokers are beyond the bounds", s.routes.entries, s.routes.members)
		}
	})
}

// What a name server of a gateway does all day: clients ask for routes.
func BenchmarkRoute(b *testing.B) {
	s := newServer(b, Options{})
	m := newBroker(s, "b", "h1:10911")
	for i := range 100 {
		m.topics = append(m.topics, topic(fmt.Sprintf("T%d", i), 6))
	}
	m.mustRegister(b)
	conn := new(remoting.Conn)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		c := remoting.Command{Code: remoting.ReqGetRouteinfoByTopic, Fields: remoting.Fields{{Key: "topic", Value: "T50"}}}
		for pb.Next() {
			if resp := s.handle(conn, &c); resp.Code != remoting.RespSuccess {
				b.Fatalf("code %d", resp.Code)
			}
		}
	})
}

// What each broker costs every 30 s, where it does not ask for the version first.
func BenchmarkRegister(b *testing.B) {
	s := newServer(b, Options{})
	m := newBroker(s, "b", "h1:10911")
	for i := range 100 {
		m.topics = append(m.topics, topic(fmt.Sprintf("T%d", i), 6))
	}
	body := discovery.RegisterBody{Topics: m.topics, Version: m.version}
	enc, err := body.Encode()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		m.call(remoting.ReqRegisterBroker, enc)
	}
}

// TestKeptAnswersAreBounded: routes of many topics are encoded anew rather than
// all kept.
func TestKeptAnswersAreBounded(t *testing.T) {
	s := newServer(t, Options{})
	s.routes.maxEncoded = 2000
	b := newBroker(s, "b", "h1:10911")
	for i := range 100 {
		b.topics = append(b.topics, topic(fmt.Sprintf("Topic%d", i), 6))
	}
	b.mustRegister(t)
	for range 2 {
		for i := range 100 {
			if got := mustRoute(t, s, fmt.Sprintf("Topic%d", i)); len(got.QueueDatas) != 1 {
				t.Errorf("Topic%d has the route %+v", i, got)
			}
			kept := 0
			for _, enc := range s.routes.encoded {
				kept += len(enc)
			}
			if kept > 2000 || kept == 0 {
				t.Fatalf("%d bytes of answers are kept", kept)
			}
		}
	}
}

// Brokers that come and go all the time do not fill the log.
func TestAFloodOfRegistrationsIsNotOneOfLines(t *testing.T) {
	var log bytes.Buffer
	s := newServer(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	b, moved := newBroker(s, "b", "h1:10911"), newBroker(s, "b", "h2:10911")
	for range 500 {
		b.mustRegister(t)
		moved.mustRegister(t)
		moved.call(remoting.ReqUnregisterBroker, nil)
	}
	if n := strings.Count(log.String(), "\n"); n < 200 || n > 250 {
		t.Errorf("1500 requests caused %d lines", n)
	}
}
