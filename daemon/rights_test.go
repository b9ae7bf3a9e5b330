package main

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pairmq/daemon/rights"
	"pairmq/discovery/nameserver"
	"pairmq/internal/remoting"
)

// answeredByNames returns which of the codes a name server answers that has nothing
// before it.
func answeredByNames(t *testing.T, d *daemonUnderTest, codes []int32) (all []int32) {
	ns, err := nameserver.New(nameserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := remoting.NewServer(remoting.ServerOptions{Handler: insight{func() []byte { return nil }, slog.New(slog.DiscardHandler)}.ahead(ns)})
	go srv.Serve(t.Context(), ln)
	t.Cleanup(func() { srv.Shutdown(context.Background()) })
	for _, code := range codes {
		if d.call(ln.Addr().String(), &remoting.Command{Code: code}).Code != remoting.RespRequestCodeNotSupported {
			all = append(all, code)
		}
	}
	return all
}

// TestEveryRequestHasItsRight holds the table of rights against what broker and name
// server serve, and against all that RocketMQ has.
func TestEveryRequestHasItsRight(t *testing.T) {
	d := newDaemon(t)
	d.settings = append(d.settings, "enableNamesrv=false", "namesrvAddr=127.0.0.1:1")
	broker := d.brokerAlone().now.broker.Codes()
	if len(broker) < 80 {
		t.Fatalf("the broker serves %d codes", len(broker))
	}
	var codes []int32
	for code := range int32(210_000) {
		if _, listed := rights.Of(code); listed || code < 6000 || code >= 31000 && code < 31100 || code >= 200_000 && code < 200_200 {
			codes = append(codes, code)
		}
	}
	names := answeredByNames(t, d, codes)
	if len(names) < 20 {
		t.Fatalf("the name server answers %d codes", len(names))
	}
	for _, code := range slices.Concat(broker, names) {
		if row, listed := rights.Of(code); !listed || row.Right == rights.Nobody {
			t.Errorf("request %d (%s) is served, and the table of rights says %s: nobody would be answered", code, remoting.RequestName(code), row.Right)
		}
	}
	for _, code := range codes {
		served := slices.Contains(broker, code) || slices.Contains(names, code)
		row, _ := rights.Of(code)
		if served && row.Names == slices.Contains(broker, code) {
			t.Errorf("request %d (%s): that name servers alone serve it is %t in the table", code, remoting.RequestName(code), row.Names)
		}
		if !served && row.Right >= rights.Client && row.Right <= rights.Admin {
			t.Errorf("request %d (%s) needs the right %s, and nobody serves it", code, remoting.RequestName(code), row.Right)
		}
	}
	for code, c := range requestCodes(t) {
		if _, listed := rights.Of(int32(code)); !listed {
			t.Errorf("request %d, RocketMQ's %s, has no row", code, c.name)
		}
	}
}

// A farListener has connections that seem to come from elsewhere.
type farListener struct {
	net.Listener
	from string
}

func (l farListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	return farConn{nc, l.from}, err
}

type farConn struct {
	net.Conn
	from string
}

func (c farConn) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(c.from), 4711))
}

// far has srv serve who seems to come from another host, and returns where.
func far(t *testing.T, srv *remoting.Server, from string) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go srv.Serve(t.Context(), farListener{ln, from})
	return ln.Addr().String()
}

// TestStrangersAreClients at both ports: what operators ask is refused them, unless
// adminAddresses has them; what clients ask is not.
func TestStrangersAreClients(t *testing.T) {
	d := newDaemon(t)
	d.settings = append(d.settings, "adminAddresses=198.51.100.0/24")
	cfg, log := d.config(), slog.New(slog.DiscardHandler)
	ns, err := newNameServer(&cfg, platform{open: d.disk, gate: newGate(&cfg, nil, log)}, log)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.close()
	names, broker := ns.srv, d.brokerAlone().now.srv
	for _, tt := range []struct {
		srv     *remoting.Server
		code    int32
		refused bool
	}{
		{broker, remoting.ReqSendMessageV2, false}, {broker, remoting.ReqHeartBeat, false}, {broker, remoting.ReqGetMaxOffset, false},
		{broker, remoting.ReqGetAllTopicConfig, true}, {broker, remoting.ReqPromoteBroker, true}, {broker, remoting.ReqGetLogChecksums, true},
		{broker, remoting.ReqGetBrokerConfig, true}, {broker, remoting.ReqUpdateAndCreateTopic, true}, {broker, remoting.ReqUpdateBrokerConfig, true},
		{broker, remoting.ReqDemoteBroker, true}, {broker, remoting.ReqGetRecent, true}, {broker, remoting.ReqGetGoroutines, true},
		{names, remoting.ReqGetRouteinfoByTopic, false}, {names, remoting.ReqGetBrokerClusterInfo, false}, {names, remoting.ReqRegisterBroker, false},
		{names, remoting.ReqPutKVConfig, true}, {names, remoting.ReqWipeWritePermOfBroker, true}, {names, remoting.ReqGetAllTopicListFromNameserver, true},
		{names, remoting.ReqGetMetrics, true},
	} {
		name := remoting.RequestName(tt.code)
		r := d.call(far(t, tt.srv, "203.0.113.9"), &remoting.Command{Code: tt.code})
		isRefused := r.Code == remoting.RespNoPermission && strings.Contains(r.Remark, "203.0.113.9") && strings.Contains(r.Remark, "adminAddresses")
		if isRefused != tt.refused {
			t.Errorf("%s from elsewhere is answered %d %q, want it refused: %t", name, r.Code, r.Remark, tt.refused)
		}
		if r := d.call(far(t, tt.srv, "198.51.100.9"), &remoting.Command{Code: tt.code}); strings.Contains(r.Remark, "adminAddresses") {
			t.Errorf("%s from one of adminAddresses is answered %d %q", name, r.Code, r.Remark)
		}
	}
}
