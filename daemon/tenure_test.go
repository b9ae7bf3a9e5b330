package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"pairmq/daemon/config"
	"pairmq/daemon/metrics"
	"pairmq/hal/disk"
	"pairmq/internal/remoting"
	"pairmq/replica/pair"
)

// TestOneThatIsAboutToBeMasterSaysNothing: between its promotion and its next
// tenure a slave still says that it is one, and who hands over to it could
// take that for a refusal, and go on storing.
func TestOneThatIsAboutToBeMasterSaysNothing(t *testing.T) {
	d := newDaemon(t).newSlave()
	cfg, _, err := config.Load("", d.settings)
	if err != nil {
		t.Fatal(err)
	}
	client := remoting.NewClient(remoting.ClientOptions{})
	defer client.Close()
	slave, err := newTenure(&cfg, platform{open: disk.OS}, before{}, client, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := remoting.NewServer(remoting.ServerOptions{Handler: remoting.HandlerFunc(func(req *remoting.Request) {
		if err := slave.exchange(req); err != nil {
			req.ReplyError(remoting.RespSystemBusy, err.Error())
		}
	})})
	served := make(chan error, 1)
	go func() { served <- srv.Serve(context.Background(), ln) }()
	own := slave.state()
	own.Addr = "127.0.0.1:1"
	if s, err := pair.Ask(t.Context(), client, ln.Addr().String(), &own); err != nil || s.Role != pair.Slave {
		t.Errorf("a slave says %+v, %v", s, err)
	}
	if err := slave.memory.Promote(""); err != nil {
		t.Fatal(err)
	}
	if s, err := pair.Ask(t.Context(), client, ln.Addr().String(), &own); err == nil || !strings.Contains(err.Error(), "about to be master") {
		t.Errorf("one that was promoted says %+v, %v", s, err)
	}
	if err := errors.Join(srv.Shutdown(t.Context()), <-served, slave.close()); err != nil {
		t.Error(err)
	}
}

// TestADeafClientDoesNotHoldUpAChangeOfRoles: nobody is served until the connections of the
// tenure before have ended, and who asks for much and reads nothing could make that 10 s.
func TestADeafClientDoesNotHoldUpAChangeOfRoles(t *testing.T) {
	d := newDaemon(t)
	at := d.observed()
	d.start()
	body := strings.Repeat("x", 1<<20)
	for range 4 {
		if r := d.send("Deaf", body); r.Code != remoting.RespSuccess {
			t.Fatalf("a send is answered %d %q", r.Code, r.Remark)
		}
	}
	nc, err := net.Dial("tcp", d.broker)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if err := nc.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	for i := range 32 {
		pull := remoting.Command{Code: remoting.ReqPullMessage, Opaque: int32(i), Fields: remoting.Fields{{Key: "consumerGroup", Value: "cg"}, {Key: "topic", Value: "Deaf"}, {Key: "queueId", Value: "0"},
			{Key: "queueOffset", Value: "0"}, {Key: "maxMsgNums", Value: "32"}, {Key: "sysFlag", Value: "4"}, {Key: "commitOffset", Value: "0"},
			{Key: "suspendTimeoutMillis", Value: "0"}, {Key: "subscription", Value: "*"}, {Key: "subVersion", Value: "0"}}}
		if _, err := nc.Write(remoting.AppendCommand(nil, &pull)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "answers wait for the deaf client", func() bool { return scrape(t, at).values[`pairmq_in_flight_bytes{server="broker"}`] > 1<<20 })
	begin := time.Now()
	if r := d.change(remoting.ReqDemoteBroker, "force", "true"); r.Code != remoting.RespSuccess {
		t.Fatalf("demote answers %d %q", r.Code, r.Remark)
	}
	d.is("SLAVE", "1")
	if took := time.Since(begin); took > drainTime/2 {
		t.Errorf("it took %v with a client that does not read", took)
	}
	stopAll(t, d)
}

// TestARoleIsSaidAsItIs: until its tenure has ended a broker whose role was changed is what it was, and says so
// everywhere.
func TestARoleIsSaidAsItIs(t *testing.T) {
	for _, tt := range []struct {
		is, file, role string
		change         func(*pair.Memory) error
	}{
		{"a slave that was promoted", pair.Slave, pair.Slave, func(m *pair.Memory) error { return m.Promote("") }},
		{"a master that was demoted", pair.AsyncMaster, pair.AsyncMaster, func(m *pair.Memory) error { return m.Yield(1) }},
	} {
		d := newDaemon(t).newSlave()
		if tt.file != pair.Slave {
			d = d.as(tt.file, "0")
		}
		cfg := d.config()
		client := remoting.NewClient(remoting.ClientOptions{})
		ten, err := newTenure(&cfg, platform{open: disk.OS}, before{}, client, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if err := tt.change(ten.memory); err != nil {
			t.Fatal(err)
		}
		info, page := ten.describe(), metrics.NewPage()
		ten.measurePair(page)
		config, isMaster := ten.changes.text(), map[bool]string{true: "1", false: "0"}[tt.role != pair.Slave]
		if info["brokerRole"] != tt.role || info["configuredRole"] != "" || strings.Contains(info["replication"], "its role was changed") {
			t.Errorf("%s says that it is %q, configured as %q: %s", tt.is, info["brokerRole"], info["configuredRole"], info["replication"])
		}
		if !strings.Contains(config, "brokerRole="+tt.role+"\n") {
			t.Errorf("%s shows another role in its configuration", tt.is)
		}
		if text := string(page.Text()); !strings.Contains(text, "pairmq_master "+isMaster+"\n") || !strings.Contains(text, "pairmq_role_differs 0\n") {
			t.Errorf("%s measures\n%s", tt.is, text)
		}
		if err := errors.Join(ten.close(), client.Close()); err != nil {
			t.Error(err)
		}
	}
}
