package discovery

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pairmq/internal/remoting"
)

func TestParseMaster(t *testing.T) {
	tests := []struct {
		master, ha string
		want       masterInfo
		err        error
	}{
		{"", "", masterInfo{}, nil},
		{"", "192.0.2.1:10912", masterInfo{}, nil},
		{"192.0.2.1:10911", "192.0.2.1:10912", masterInfo{"192.0.2.1:10911", "192.0.2.1:10912"}, nil},
		{"192.0.2.1:10911", "", masterInfo{"192.0.2.1:10911", ""}, nil},
		{"192.0.2.2:10911", "192.0.2.1:10912", masterInfo{}, ErrAddr}, // its own
		{"nowhere", "192.0.2.1:10912", masterInfo{}, ErrAddr},
		{"192.0.2.1:10911", "nowhere", masterInfo{}, ErrAddr},
		{"0.0.0.0:10911", "192.0.2.1:10912", masterInfo{}, ErrAddr},
		{"192.0.2.1:10911", "127.0.0.1:22", masterInfo{}, ErrAddr}, // to another service of this host
		{"[::1]:10911", "192.0.2.1:10912", masterInfo{}, ErrAddr},
		{"192.0.2.1:10911", "224.0.0.1:10912", masterInfo{}, ErrAddr},
		{"192.0.2.1:10911", "255.255.255.255:10912", masterInfo{}, ErrAddr},
		{"192.0.2.1:10911", "10.0.0.1:10912", masterInfo{"192.0.2.1:10911", "10.0.0.1:10912"}, nil}, // brokerIP2
		{"master.example:10911", "master.example:10912", masterInfo{"master.example:10911", "master.example:10912"}, nil},
	}
	for _, tt := range tests {
		f := remoting.Fields{{Key: "masterAddr", Value: tt.master}, {Key: "haServerAddr", Value: tt.ha}}
		if got, err := parseMaster(f, "192.0.2.2:10911"); got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("parseMaster(%v) = %v, %v, want %v, %v", f, got, err, tt.want, tt.err)
		}
	}
}

func TestMasterChoice(t *testing.T) {
	var reports []string
	c := masterChoice{report: func(addr, ha string) { reports = append(reports, addr+"/"+ha) }}
	none, x, y := masterInfo{}, masterInfo{"x", "hx"}, masterInfo{"y", "hy"}
	steps := []struct {
		do   func()
		want string // the report, "" for none
	}{
		{func() { c.heard("a", none) }, ""},
		{func() { c.heard("a", x) }, "x/hx"},
		{func() { c.heard("b", x) }, ""},
		{func() { c.heard("b", y) }, ""}, // a still says x
		{func() { c.heard("a", x) }, ""},
		{func() { c.heard("a", none) }, "y/hy"},
		{func() { c.heard("b", none) }, "/"},
		{func() { c.heard("b", none) }, ""},
		{func() { c.heard("b", x) }, "x/hx"},
		{func() { c.lost("b") }, ""}, // nobody answers: it stays
		{func() { c.heard("a", y) }, "y/hy"},
		{func() { c.heard("a", masterInfo{"y", "moved"}) }, "y/moved"},
		{func() { c.lost("a") }, ""},
		{func() { c.heard("a", masterInfo{"y", "moved"}) }, ""},
	}
	for i, st := range steps {
		reports = nil
		st.do()
		if got := strings.Join(reports, " "); got != st.want {
			t.Errorf("step %d reports %q, want %q", i, got, st.want)
		}
	}
}

// A slave learns its master from the answers; a master is told nothing, and
// does not listen.
func TestRegistrarReportsMaster(t *testing.T) {
	for _, id := range []int64{MasterID, 1} {
		registrarTest(t, func(t *testing.T, l *lan, opts RegistrarOptions, _ *testTable) {
			ns := newScribe()
			master := func(addr string) {
				ns.answers(func(req *remoting.Request) bool {
					if req.Code == remoting.ReqRegisterBroker {
						req.Reply(&remoting.Response{Fields: remoting.Fields{{Key: "masterAddr", Value: addr}, {Key: "haServerAddr", Value: "192.0.2.7:10912"}}})
					}
					return req.Code == remoting.ReqRegisterBroker
				})
			}
			master("192.0.2.7:10911")
			l.serve("a:1", ns)
			var got []string
			opts.BrokerID, opts.OnMaster = id, func(addr, ha string) { got = append(got, addr+"/"+ha) }
			r, stop := start(t, opts)
			time.Sleep(31 * time.Second)
			if id != MasterID {
				ns.check(t, "103@0 103@30")
				master(opts.BrokerAddr)
				time.Sleep(30 * time.Second)
				if s := r.Status()[0]; s.State != Failing || !errors.Is(s.Err, ErrAddr) {
					t.Errorf("a slave that is told to follow itself has status %+v, want ErrAddr", s)
				}
			}
			stop()
			want := map[int64][]string{1: {"192.0.2.7:10911/192.0.2.7:10912"}}[id]
			if !slices.Equal(got, want) {
				t.Errorf("brokerId %d: reports are %q, want %q", id, got, want)
			}
		})
	}
}

// A slave that registered before its master need not wait a whole period.
func TestSlaveSoonFindsAMasterThatCameLater(t *testing.T) {
	registrarTest(t, func(t *testing.T, l *lan, opts RegistrarOptions, _ *testTable) {
		ns := newScribe()
		l.serve("a:1", ns)
		found := make(chan string, 1)
		opts.BrokerID, opts.OnMaster = 1, func(addr, _ string) { found <- addr }
		_, stop := start(t, opts)
		time.Sleep(10 * time.Second)
		ns.answers(func(req *remoting.Request) bool {
			if req.Code == remoting.ReqRegisterBroker {
				req.Reply(&remoting.Response{Fields: remoting.Fields{{Key: "masterAddr", Value: "192.0.2.7:10911"}, {Key: "haServerAddr", Value: "192.0.2.7:10912"}}})
			}
			return req.Code == remoting.ReqRegisterBroker
		})
		came := time.Now()
		if got := <-found; got != "192.0.2.7:10911" || time.Since(came) > masterTime {
			t.Errorf("found %s after %v, want the master within %v", got, time.Since(came), masterTime)
		}
		stop()
	})
}
