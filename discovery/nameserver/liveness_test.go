package nameserver

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// sleepUntil returns d after start.
func sleepUntil(start time.Time, d time.Duration) { time.Sleep(time.Until(start.Add(d))) }

func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Options{})
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() {
			if err := s.Run(ctx); err != nil {
				t.Errorf("Run gives %v", err)
			}
		})
		start := time.Now()
		usual, short, long := newBroker(s, "usual", "h1:10911"), newBroker(s, "short", "h2:10911"), newBroker(s, "long", "h3:10911")
		usual.topics = []table.Topic{topic("Usual", 6), topic("T", 6)}
		short.topics = []table.Topic{topic("Short", 6), topic("T", 6)}
		long.topics = []table.Topic{topic("Long", 6), topic("T", 6)}
		short.extra.Add("heartbeatTimeoutMillis", "10000")
		long.extra.Add("heartbeatTimeoutMillis", "9223372036854775807") // an hour is the most
		for _, b := range []*testBroker{usual, short, long} {
			b.mustRegister(t)
		}
		steps := []struct {
			at                 time.Duration
			usual, short, long bool
		}{
			{9 * time.Second, true, true, true},
			{16 * time.Second, true, false, true},
			{119 * time.Second, true, false, true},
			{126 * time.Second, false, false, true},
			{3599 * time.Second, false, false, true},
			{3606 * time.Second, false, false, false},
		}
		for _, st := range steps {
			sleepUntil(start, st.at)
			for name, want := range map[string]bool{"Usual": st.usual, "Short": st.short, "Long": st.long} {
				if got := routeOf(t, s, name) != nil; got != want {
					t.Errorf("after %v: %s has a route is %t, want %t", st.at, name, got, want)
				}
			}
		}
		checkCounts(t, s)
		cancel()
		run.Wait()
	})
}

// Each of the three requests keeps a broker for another 120 s.
func TestSignsOfLife(t *testing.T) {
	version := func(b *testBroker) []byte {
		enc, err := json.Marshal(b.version)
		if err != nil {
			t.Fatal(err)
		}
		return enc
	}
	signs := map[string]func(*testBroker) remoting.Response{
		"103": func(b *testBroker) remoting.Response { return b.register(t) },
		"322": func(b *testBroker) remoting.Response { return b.call(remoting.ReqQueryDataVersion, version(b)) },
		"904": func(b *testBroker) remoting.Response { return b.call(remoting.ReqBrokerHeartbeat, nil) },
	}
	for name, sign := range signs {
		synctest.Test(t, func(t *testing.T) {
			s := newServer(t, Options{})
			b := newBroker(s, "b", "h1:10911")
			b.mustRegister(t)
			time.Sleep(100 * time.Second)
			first := b.conn
			b.conn = new(remoting.Conn) // it has dialled anew; the old connection ends later
			if resp := sign(b); resp.Code != remoting.RespSuccess {
				t.Errorf("%s is answered %d, %q", name, resp.Code, resp.Remark)
			}
			s.Closed(first)
			time.Sleep(100 * time.Second)
			s.routes.expire(time.Now())
			if routeOf(t, s, "T") == nil {
				t.Errorf("%s did not keep the broker", name)
			}
			s.Closed(b.conn)
			if routeOf(t, s, "T") != nil {
				t.Errorf("%s: the broker is there although its connection closed", name)
			}
		})
	}
}

func TestQueryDataVersion(t *testing.T) {
	s := newServer(t, Options{})
	b := newBroker(s, "b", "h1:10911")
	b.version = table.DataVersion{StateVersion: 1, Timestamp: 2, Counter: 3}
	query := func(body string) remoting.Response { return b.call(remoting.ReqQueryDataVersion, []byte(body)) }
	if resp := query(`{"stateVersion":1,"timestamp":2,"counter":3}`); resp.Code != 0 || resp.Fields.Get("changed") != "true" || resp.Body != nil {
		t.Errorf("an unknown broker is answered %+v, want changed=true without body", resp)
	}
	b.mustRegister(t)
	tests := []struct{ body, changed string }{
		{`{"stateVersion":1,"timestamp":2,"counter":3}`, "false"},
		{`{"timestamp":2,"counter":3}`, "true"},
		{`{"stateVersion":1,"timestamp":1,"counter":3}`, "true"}, // a clock that was set back
		{`{"stateVersion":1,"timestamp":2,"counter":4}`, "true"},
	}
	for _, tt := range tests {
		resp := query(tt.body)
		if got := resp.Fields.Get("changed"); resp.Code != 0 || got != tt.changed {
			t.Errorf("%s is answered %d, changed=%s, want %s", tt.body, resp.Code, got, tt.changed)
		}
		if want := `{"stateVersion":1,"timestamp":2,"counter":3}`; string(resp.Body) != want {
			t.Errorf("%s is answered with version %s, want %s", tt.body, resp.Body, want)
		}
	}
	if resp := query(`x`); resp.Code != remoting.RespSystemError {
		t.Errorf("a version that is no JSON is answered %d, want 1", resp.Code)
	}
}

// Look-ups, registrations and departures at the same time, for the race detector.
func TestConcurrentUse(t *testing.T) {
	s := newServer(t, Options{})
	var wg sync.WaitGroup
	for _, name := range []string{"a", "b"} {
		wg.Go(func() {
			b := newBroker(s, name, name+":10911")
			for range 100 {
				b.mustRegister(t)
				b.version = b.version.Next(0)
				s.Closed(b.conn)
			}
		})
	}
	wg.Go(func() {
		for range 300 {
			routeOf(t, s, "T")
			ask(s, remoting.ReqGetBrokerClusterInfo)
			ask(s, remoting.ReqGetTopicsByCluster, "cluster", "C")
			ask(s, remoting.ReqPutKVConfig, "namespace", orderNamespace, "key", "T", "value", "a:1")
		}
	})
	wg.Wait()
	checkCounts(t, s)
}
