package nameserver

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// shares is the body of a request 217.
func shares(brokerName string) string {
	return `{"queueDatas":[{"brokerName":"` + brokerName + `","perm":0,"readQueueNums":8,"writeQueueNums":8}]}`
}

// TestNobodySpeaksForABrokerElsewhere: what comes from elsewhere neither takes a broker out of
// the routes nor changes its topics, whichever connection it then closes.
func TestNobodySpeaksForABrokerElsewhere(t *testing.T) {
	var lines bytes.Buffer
	s := newServer(t, Options{Log: slog.New(slog.NewTextHandler(&lines, nil))})
	owner := from(t, s, "10.0.0.2")
	b := newBroker(s, "gw", "10.0.0.2:10911")
	call := func(conn *remoting.Conn, req *remoting.Command) int32 {
		t.Helper()
		resp, err := conn.Call(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		return resp.Code
	}
	if got := call(owner, b.request(t)); got != remoting.RespSuccess {
		t.Fatalf("the broker is answered %d", got)
	}
	strange := newBroker(s, "gw", "10.0.0.2:10911")
	strange.id = 7
	tests := []struct {
		what string
		req  *remoting.Command
		want int32
	}{
		{"its sign of life", &remoting.Command{Code: remoting.ReqBrokerHeartbeat, Fields: b.fields()}, remoting.RespSuccess},
		{"a question for its version", &remoting.Command{Code: remoting.ReqQueryDataVersion, Fields: b.fields(), Body: []byte(`{"counter":1,"timestamp":1}`)}, remoting.RespSuccess},
		{"its leave", &remoting.Command{Code: remoting.ReqUnregisterBroker, Fields: b.fields()}, remoting.RespNoPermission},
		{"a topic of it", &remoting.Command{Code: remoting.ReqRegisterTopicInNamesrv, Fields: remoting.Fields{{Key: "topic", Value: "T"}}, Body: []byte(shares("gw"))}, remoting.RespNoPermission},
		{"its address under another brokerId", strange.request(t), remoting.RespSystemError},
	}
	for _, tt := range tests {
		stranger := from(t, s, "10.0.0.66")
		if got := call(stranger, tt.req); got != tt.want {
			t.Errorf("%s from elsewhere is answered %d, want %d", tt.what, got, tt.want)
		}
		_ = stranger.Close()
		s.disconnectAll(t, "10.0.0.66")
		if route := routeOf(t, s, "T"); route == nil || route.BrokerDatas[0].BrokerAddrs[0] != "10.0.0.2:10911" || route.QueueDatas[0].Perm != 6 {
			t.Fatalf("%s from elsewhere leaves the route %+v", tt.what, route)
		}
	}
	if text := lines.String(); strings.Count(text, "level=WARN") != 1 || !strings.Contains(text, "remote=10.0.0.66:4711") {
		t.Errorf("logged\n%s", text)
	}
	if got := call(owner, &remoting.Command{Code: remoting.ReqRegisterTopicInNamesrv, Fields: remoting.Fields{{Key: "topic", Value: "More"}}, Body: []byte(shares("gw"))}); got != remoting.RespSuccess {
		t.Errorf("a topic of it from itself is answered %d", got)
	}
	if got := call(owner, &remoting.Command{Code: remoting.ReqUnregisterBroker, Fields: b.fields()}); got != remoting.RespSuccess || routeOf(t, s, "T") != nil {
		t.Errorf("its own leave is answered %d", got)
	}
	checkCounts(t, s)
}

// disconnectAll does what the end of every connection from an address does, for those that
// a member is said to be on.
func (s *Server) disconnectAll(t *testing.T, addr string) {
	t.Helper()
	for _, g := range s.routes.groups {
		for _, m := range g.members {
			if m.conn != nil && m.conn.RemoteAddr().Addr().String() == addr {
				s.Closed(m.conn)
			}
		}
	}
}

// TestAfterARestartTheAddressSpeaks: who has not come back yet is known by what it registered.
func TestAfterARestartTheAddressSpeaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Options{Load: func() (*State, error) {
			return &State{
				Brokers: []BrokerState{{Cluster: "C", BrokerName: "gw", Addr: "10.0.0.2:10911", TimeoutMillis: 120_000}},
				Topics:  []TopicState{{Topic: "T", BrokerName: "gw", Perm: 6, ReadQueueNums: 4, WriteQueueNums: 4}},
			}, nil
		}})
		b := newBroker(s, "gw", "10.0.0.2:10911")
		leave := &remoting.Command{Code: remoting.ReqUnregisterBroker, Fields: b.fields()}
		for _, tt := range []struct {
			addr string
			want int32
		}{{"10.0.0.66", remoting.RespNoPermission}, {"10.0.0.2", remoting.RespSuccess}} {
			if resp, err := from(t, s, tt.addr).Call(t.Context(), leave); err != nil || resp.Code != tt.want {
				t.Errorf("from %s: %v %v, want %d", tt.addr, resp, err, tt.want)
			}
		}
		if routeOf(t, s, "T") != nil {
			t.Error("the broker has left, and has a route")
		}
		time.Sleep(time.Second) // what waits in pipes ends with the connections
	})
}

// TestABrokerThatComesFromElsewhereNow: one whose address is a name or behind a translation is
// not known by it after a restart, nor is any whose way to the name server is another now. It is
// asked to register anew, and may leave then; and it may take another brokerId at its address
// though its own signs of life come.
func TestABrokerThatComesFromElsewhereNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Options{Load: func() (*State, error) {
			st := &State{Topics: []TopicState{{Topic: "T", BrokerName: "gw", Perm: 6, ReadQueueNums: 4, WriteQueueNums: 4}}}
			for id, addr := range []string{"gw-a.test:10911", "gw-b.test:10911"} {
				st.Brokers = append(st.Brokers, BrokerState{Cluster: "C", BrokerName: "gw", BrokerID: int64(id), Addr: addr, TimeoutMillis: 120_000, Version: table.DataVersion{Timestamp: 1}})
			}
			return st, nil
		}})
		master, slave := newBroker(s, "gw", "gw-a.test:10911"), newBroker(s, "gw", "gw-b.test:10911")
		ask := func(conn *remoting.Conn, code int32, b *testBroker) *remoting.Command {
			t.Helper()
			resp, err := conn.Call(t.Context(), &remoting.Command{Code: code, Fields: b.fields(), Body: []byte(`{"timestamp":1}`)})
			if err != nil {
				t.Fatal(err)
			}
			return resp
		}
		for _, addr := range []string{"10.0.0.2", "10.0.0.3"} { // after the restart, and by another way
			conn := from(t, s, addr)
			if got := ask(conn, remoting.ReqQueryDataVersion, master).Fields.Get("changed"); got != "true" {
				t.Errorf("from %s, where it has not registered, changed is %s", addr, got)
			}
			if resp, err := conn.Call(t.Context(), master.request(t)); err != nil || resp.Code != remoting.RespSuccess {
				t.Fatal(resp, err)
			}
			if got := ask(conn, remoting.ReqQueryDataVersion, master).Fields.Get("changed"); got != "false" {
				t.Errorf("from %s, where it has registered, changed is %s", addr, got)
			}
		}
		s.disconnectAll(t, "10.0.0.2")
		last := from(t, s, "10.0.0.3")
		if resp := ask(last, remoting.ReqUnregisterBroker, master); resp.Code != remoting.RespSuccess || routeOf(t, s, "T") == nil {
			t.Errorf("its leave is answered %d", resp.Code)
		}
		swapped := from(t, s, "10.0.0.4")
		slave.topics[1].Perm = 4
		for range 8 {
			time.Sleep(10 * time.Second)
			ask(swapped, remoting.ReqBrokerHeartbeat, slave)
		}
		if resp, err := swapped.Call(t.Context(), slave.request(t)); err != nil || resp.Code != remoting.RespSuccess {
			t.Errorf("80 s after the restart the slave does not become master: %v %v", resp, err)
		}
		time.Sleep(time.Second) // what waits in pipes ends with the connections
	})
}

// TestAStrangerLeavesRoom: nobody from elsewhere has more than half, all of them leave an
// eighth to this machine, and where brokers are allowed by name there are no shares.
func TestAStrangerLeavesRoom(t *testing.T) {
	s := newServer(t, Options{MaxBrokers: 8, MaxTopics: 32})
	register := func(addr, name string, topics int) (code int32, remark string) {
		t.Helper()
		b := newBroker(s, name, addr+":10911")
		b.topics = nil
		for i := range topics {
			b.topics = append(b.topics, topic(fmt.Sprint(name, i), 6))
		}
		resp, err := from(t, s, addr).Call(t.Context(), b.request(t))
		if err != nil {
			t.Fatal(err)
		}
		return resp.Code, resp.Remark
	}
	for i, tt := range []struct {
		addr   string
		topics int
		says   string // "" is success
	}{
		{"10.0.0.66", 17, "1 of 17"}, // half of 32
		{"10.0.0.66", 2, "2 of 2"},
		{"10.0.0.66", 0, ""}, {"10.0.0.66", 0, ""}, {"10.0.0.66", 0, "from one address"},
		{"10.0.0.67", 13, "1 of 13"}, // 28 are for all others
		{"10.0.0.67", 0, ""}, {"10.0.0.68", 0, ""}, {"10.0.0.69", 0, "at most 7"},
		{"10.0.0.1", 4, ""}, // this machine
		{"10.0.0.1", 0, "at most 8"},
	} {
		code, remark := register(tt.addr, fmt.Sprint("b", i), tt.topics)
		if tt.says == "" && code != remoting.RespSuccess || !strings.Contains(remark, tt.says) {
			t.Errorf("%d: %+v is answered %d %q", i, tt, code, remark)
		}
	}
	checkCounts(t, s)
}
