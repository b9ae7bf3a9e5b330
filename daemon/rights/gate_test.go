package rights

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/acl"
	"pairmq/internal/remoting"
)

// in says whether an address is of these networks.
func in(networks ...string) func(netip.Addr) bool {
	return func(a netip.Addr) bool {
		return slices.ContainsFunc(networks, func(n string) bool { return netip.MustParsePrefix(n).Contains(a.Unmap()) })
	}
}

func TestWhoHasWhichRight(t *testing.T) {
	guarded := New(Options{Admins: in("192.0.2.7/32", "10.1.0.0/16", "2001:db8::/32")})
	for _, tt := range []struct {
		who, from, to string
		has           string
	}{
		{"loopback", "127.0.0.1", "127.0.0.1", "client register pair read admin"},
		{"another loopback address", "127.8.9.1", "127.0.0.1", "client register pair read admin"},
		{"loopback of IPv6", "::1", "::1", "client register pair read admin"},
		{"loopback in IPv6", "::ffff:127.0.0.1", "::ffff:127.0.0.1", "client register pair read admin"},
		{"this host by its own address", "203.0.113.5", "203.0.113.5", "client register pair read admin"},
		{"this host in IPv6", "::ffff:203.0.113.5", "203.0.113.5", "client register pair read admin"},
		{"this host by a link", "fe80::9%eth0", "fe80::9%eth0", "client register pair read admin"},
		{"a stranger", "203.0.113.6", "203.0.113.5", "client register"},
		{"a stranger in IPv6", "2001:db9::1", "2001:db9::2", "client register"},
		{"a neighbour in the last bit", "192.0.2.6", "203.0.113.5", "client register"},
		{"an administrator", "192.0.2.7", "203.0.113.5", "client register pair read admin"},
		{"an administrator in IPv6", "::ffff:192.0.2.7", "::ffff:203.0.113.5", "client register pair read admin"},
		{"one of a network", "10.1.255.255", "203.0.113.5", "client register pair read admin"},
		{"one beyond it", "10.2.0.0", "203.0.113.5", "client register"},
		{"one of a network of IPv6", "2001:db8:1::1", "2001:db9::2", "client register pair read admin"},
		{"one without an address", "", "203.0.113.5", "client register"},
		{"one without any", "", "", "client register"},
	} {
		from, _ := netip.ParseAddr(tt.from)
		to, _ := netip.ParseAddr(tt.to)
		var has []string
		for r := Nobody; r <= Admin; r++ {
			if guarded.Allows(r, from, to) && r != Nobody {
				has = append(has, r.String())
			}
		}
		if got := strings.Join(has, " "); got != tt.has {
			t.Errorf("%s: %s at %s has %q, want %q", tt.who, tt.from, tt.to, got, tt.has)
		}
	}
	here := netip.MustParseAddr("203.0.113.5")
	open := New(Options{Admins: in("0.0.0.0/0", "::/0")})
	for _, a := range []string{"203.0.113.6", "2001:db9::1", "::ffff:203.0.113.6"} {
		if !open.Allows(Admin, netip.MustParseAddr(a), here) {
			t.Errorf("opened to all, %s is no administrator", a)
		}
	}
}

// TestWhatIsForTheOtherHalfAlone: neither an address of adminAddresses nor an admin's account makes
// one a half, and the first answer says what would. This host has to be known as one, too.
func TestWhatIsForTheOtherHalfAlone(t *testing.T) {
	file, tools := filepath.Join(t.TempDir(), "plain_acl.yml"), filepath.Join(t.TempDir(), "tools.yml")
	const account = "accessKey: the-admin\n  secretKey: admins-secret\n"
	err := errors.Join(os.WriteFile(file, []byte("accounts:\n- "+account+"  admin: true\n"), 0o600), os.WriteFile(tools, []byte(strings.ReplaceAll(account, "  ", "")), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	accounts, err := acl.Open(file, filepath.Join(filepath.Dir(file), "users.json"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	admin := accounts.Rules()
	signer, err := acl.ReadCredentials(tools)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		from   string
		o      Options
		known  bool
		signed bool
		want   int32
	}{
		{"an address that may do everything", "203.0.113.6:4711", Options{Admins: in("203.0.113.0/24")}, false, false, remoting.RespNoPermission},
		{"this host, which has not proven anything", "127.0.0.1:4711", Options{}, false, false, remoting.RespNoPermission},
		{"an admin's account", "203.0.113.6:4711", Options{Accounts: func() *acl.Rules { return admin }}, false, true, remoting.RespNoPermission},
		{"the other half without an account", "203.0.113.6:4711", Options{Accounts: func() *acl.Rules { return admin }}, true, false, remoting.RespSystemError},
		{"the other half with one", "203.0.113.6:4711", Options{Accounts: func() *acl.Rules { return admin }}, true, true, remoting.RespSuccess},
		{"the other half", "203.0.113.6:4711", Options{}, true, false, remoting.RespSuccess},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := New(tt.o)
			srv := remoting.NewServer(remoting.ServerOptions{Handler: g.Broker(remoting.HandlerFunc(func(req *remoting.Request) {
				req.ReplyError(remoting.RespSuccess, "")
			}), Halves{Known: func(*remoting.Conn) bool { return tt.known }})})
			ln := listenOnce{make(chan net.Conn)}
			go srv.Serve(t.Context(), ln)
			near, far := net.Pipe()
			ln.conns <- from{far, tt.from, "203.0.113.5:10911"}
			co := remoting.ClientOptions{Dial: func(context.Context, string, string) (net.Conn, error) { return near, nil }}
			if tt.signed {
				co.Sign = signer.Sign
			}
			cl := remoting.NewClient(co)
			defer func() { cl.Close(); close(ln.conns); srv.Shutdown(t.Context()) }()
			for _, code := range []int32{remoting.ReqExchangePairState, remoting.ReqWatchMetadata, remoting.ReqReadLog} {
				r, err := cl.Call(t.Context(), "x:1", &remoting.Command{Code: code})
				if err != nil {
					t.Fatal(err)
				}
				truly := r.Code != remoting.RespNoPermission || strings.Contains(r.Remark, "haPeers") && !strings.Contains(r.Remark, "adminAddresses")
				if r.Code != tt.want || !truly {
					t.Errorf("%s: %s is answered %d %q, want %d", tt.name, remoting.RequestName(code), r.Code, r.Remark, tt.want)
				}
			}
		})
	}
}

// A from is a connection of which the addresses are made up.
type from struct {
	net.Conn
	remote, local string
}

func (f from) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(f.remote))
}
func (f from) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(f.local)) }

// A listenOnce accepts one connection.
type listenOnce struct{ conns chan net.Conn }

func (l listenOnce) Accept() (net.Conn, error) {
	nc, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return nc, nil
}
func (l listenOnce) Close() error   { return nil }
func (l listenOnce) Addr() net.Addr { return &net.TCPAddr{} }

func TestWhatAGateAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		g := New(Options{Log: slog.New(slog.NewTextHandler(&out, nil))})
		served, known := 0, false
		halves := Halves{Known: func(c *remoting.Conn) bool { return known && c.RemoteAddr().Port() == 4711 }}
		srv := remoting.NewServer(remoting.ServerOptions{Handler: g.Broker(remoting.HandlerFunc(func(req *remoting.Request) {
			served++
			req.ReplyError(remoting.RespSuccess, "")
		}), halves)})
		ln := listenOnce{make(chan net.Conn)}
		go srv.Serve(t.Context(), ln)
		near, far := net.Pipe()
		ln.conns <- from{far, "203.0.113.6:4711", "203.0.113.5:10911"}
		cl := remoting.NewClient(remoting.ClientOptions{Dial: func(context.Context, string, string) (net.Conn, error) { return near, nil }})
		defer func() { cl.Close(); close(ln.conns); srv.Shutdown(t.Context()) }()
		var fields remoting.Fields
		ask := func(code, want int32, remarks ...string) {
			t.Helper()
			r, err := cl.Call(t.Context(), "x:1", &remoting.Command{Code: code, Fields: fields})
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range remarks {
				if !strings.Contains(r.Remark, s) {
					t.Errorf("request %d: the remark is %q, want %q in it", code, r.Remark, s)
				}
			}
			if r.Code != want {
				t.Errorf("request %d is answered %d %q, want %d", code, r.Code, r.Remark, want)
			}
		}
		ask(remoting.ReqSendMessageV2, remoting.RespSuccess)
		ask(remoting.ReqRegisterBroker, remoting.RespSuccess)
		if served != 2 {
			t.Errorf("%d requests were served, want 2", served)
		}
		for range 5 {
			ask(remoting.ReqUpdateAndCreateTopic, remoting.RespNoPermission, "UPDATE_AND_CREATE_TOPIC", "adminAddresses", "203.0.113.6", `"admin"`)
		}
		ask(remoting.ReqGetBrokerConfig, remoting.RespNoPermission, `"read"`)
		ask(remoting.ReqPromoteBroker, remoting.RespNoPermission, `"pair"`, "haPeers", "haSecretFile", "203.0.113.6")
		known = true // as the other half
		ask(remoting.ReqPromoteBroker, remoting.RespSuccess)
		ask(remoting.ReqGetAllTopicConfig, remoting.RespSuccess)
		ask(remoting.ReqGetBrokerConfig, remoting.RespSuccess)
		ask(remoting.ReqUpdateAndCreateTopic, remoting.RespNoPermission, `"admin"`)
		fields = remoting.Fields{{Key: "force", Value: "true"}}
		ask(remoting.ReqPromoteBroker, remoting.RespNoPermission, `"admin"`)
		served, fields = 2, nil
		ask(4711, remoting.RespRequestCodeNotSupported)
		ask(-1, remoting.RespRequestCodeNotSupported)
		ask(remoting.ReqCheckTransactionState, remoting.RespRequestCodeNotSupported)
		if served != 2 {
			t.Errorf("%d requests were served: some that were refused", served)
		}
		if a, r, p, c := g.Refused(Admin), g.Refused(Read), g.Refused(Pair), g.Refused(Client); a != 7 || r != 1 || p != 1 || c != 0 {
			t.Errorf("%d, %d, %d and %d requests were counted as refused, want 7, 1, 1 and 0", a, r, p, c)
		}
		if n := strings.Count(out.String(), "\n"); n != 2 || !strings.Contains(out.String(), "request=UPDATE_AND_CREATE_TOPIC right=admin from=203.0.113.6") {
			t.Errorf("9 refusals at once are logged as\n%s", out.String())
		}
		time.Sleep(2 * time.Second)
		known = false
		ask(remoting.ReqGetBrokerConfig, remoting.RespNoPermission)
		if !strings.Contains(out.String(), "suppressed=7") {
			t.Errorf("the next line does not say how many were left out:\n%s", out.String())
		}
	})
}
