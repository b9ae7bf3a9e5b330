package nameserver

import (
	"bytes"
	"encoding/hex"
	"os"
	"strconv"
	"testing"

	"pairmq/discovery"
	"pairmq/internal/remoting"
	"pairmq/store/table"
)

func newServer(t testing.TB, opts Options) *Server {
	t.Helper()
	s, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// goldenBytes returns the captured bytes in a file.
func goldenBytes(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("../testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); !bytes.HasPrefix(line, []byte("#")) {
			b, err := hex.DecodeString(string(line))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			out = append(out, b...)
		}
	}
	return out
}

// golden returns the command in a captured frame.
func golden(t testing.TB, name string) *remoting.Command {
	t.Helper()
	c, err := remoting.DecodeCommand(goldenBytes(t, name), remoting.Limits{})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return &c
}

// A testBroker registers as a broker does.
type testBroker struct {
	s             *Server
	conn          *remoting.Conn
	cluster, name string
	id            int64
	addr          string
	version       table.DataVersion
	topics        []table.Topic
	extra         remoting.Fields
}

// newBroker returns a master of two topics that has not registered yet.
func newBroker(s *Server, name, addr string) *testBroker {
	return &testBroker{
		s: s, conn: new(remoting.Conn), cluster: "C", name: name, addr: addr,
		version: table.DataVersion{Timestamp: 1}, topics: []table.Topic{topic("TBW102", 7), topic("T", 6)},
	}
}

func topic(name string, perm int32) table.Topic {
	return table.Topic{Name: name, ReadQueueNums: 4, WriteQueueNums: 4, Perm: perm, FilterType: "SINGLE_TAG"}
}

func (b *testBroker) fields() remoting.Fields {
	return append(remoting.Fields{
		{Key: "clusterName", Value: b.cluster}, {Key: "brokerName", Value: b.name},
		{Key: "brokerAddr", Value: b.addr}, {Key: "haServerAddr", Value: "ha.test:10912"},
		{Key: "brokerId", Value: strconv.FormatInt(b.id, 10)},
	}, b.extra...)
}

func (b *testBroker) call(code int32, body []byte) remoting.Response {
	return b.s.handle(b.conn, &remoting.Command{Code: code, Fields: b.fields(), Body: body})
}

func (b *testBroker) register(t testing.TB) remoting.Response {
	t.Helper()
	body := discovery.RegisterBody{Topics: b.topics, Version: b.version}
	enc, err := body.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b.call(remoting.ReqRegisterBroker, enc)
}

func (b *testBroker) mustRegister(t testing.TB) remoting.Response {
	t.Helper()
	resp := b.register(t)
	if resp.Code != remoting.RespSuccess {
		t.Fatalf("registration of %s at %s gives code %d, %q", b.name, b.addr, resp.Code, resp.Remark)
	}
	return resp
}

// ask sends a request whose fields are pairs of key and value.
func ask(s *Server, code int32, pairs ...string) remoting.Response {
	c := remoting.Command{Code: code}
	for i := 0; i < len(pairs); i += 2 {
		c.Fields.Add(pairs[i], pairs[i+1])
	}
	return s.handle(new(remoting.Conn), &c)
}

// routeOf returns the route of a topic, nil if it has none.
func routeOf(t testing.TB, s *Server, topic string) *discovery.TopicRouteData {
	t.Helper()
	resp := ask(s, remoting.ReqGetRouteinfoByTopic, "topic", topic)
	if resp.Code == remoting.RespTopicNotExist {
		return nil
	}
	route, err := discovery.DecodeRoute(resp.Body)
	if resp.Code != remoting.RespSuccess || err != nil {
		t.Fatalf("route of %s: code %d, %q, %v", topic, resp.Code, resp.Remark, err)
	}
	return route
}

// mustRoute is routeOf for topics that must have one.
func mustRoute(t testing.TB, s *Server, topic string) *discovery.TopicRouteData {
	t.Helper()
	route := routeOf(t, s, topic)
	if route == nil {
		t.Fatalf("%s has no route", topic)
	}
	return route
}

// checkCounts fails if the bookkeeping of a server's routes is wrong.
func checkCounts(t testing.TB, s *Server) {
	t.Helper()
	r := s.routes
	members, entries := 0, 0
	topics := map[string]int{}
	for name, g := range r.groups {
		members += len(g.members)
		if len(g.members) == 0 {
			t.Errorf("group %s has no member", name)
		}
	}
	for name, shares := range r.topics {
		entries += len(shares)
		if len(shares) == 0 {
			t.Errorf("topic %s has no share", name)
		}
		for broker := range shares {
			topics[broker]++
			if r.groups[broker] == nil {
				t.Errorf("topic %s is said to be on %s, which is not known", name, broker)
			}
		}
	}
	for name, g := range r.groups {
		if g.topics != topics[name] {
			t.Errorf("group %s has %d topics, and is said to have %d", name, topics[name], g.topics)
		}
	}
	if members != r.members || entries != r.entries {
		t.Errorf("counted %d members and %d entries, there are %d and %d", r.members, r.entries, members, entries)
	}
}
