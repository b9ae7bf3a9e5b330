package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/daemon/config"
	"pairmq/hal/disk"
	"pairmq/internal/remoting"
	"pairmq/replica/epoch"
	"pairmq/replica/pair"
	"pairmq/replica/proof"
)

func peersOf(t *testing.T, settings ...string) (*peers, string) {
	t.Helper()
	cfg, _, err := config.Load("", append([]string{"enableNamesrv=true", "brokerName=box"}, settings...))
	if err != nil {
		t.Fatal(err)
	}
	var lines bytes.Buffer
	p, err := newPeers(&cfg, slog.New(slog.NewTextHandler(&lines, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return p, lines.String()
}

func TestWhoMayBeTheOtherHalf(t *testing.T) {
	here := netip.MustParseAddr("10.0.0.1")
	secret := filepath.Join(t.TempDir(), "ha.secret")
	if err := os.WriteFile(secret, []byte("0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		set  string
		may  []string
		none []string
	}{
		{"haPeers=", []string{"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "10.0.0.1"}, []string{"10.0.0.2", "2001:db8::1", "0.0.0.0", "::"}},
		{"haPeers=10.0.0.2; 2001:db8:0:1::/64;10.9.0.0/16;fe80::7%eth0;", []string{"10.0.0.2", "::ffff:10.0.0.2", "2001:db8:0:1::7", "10.9.255.1", "fe80::7%eth0", "127.0.0.1"}, []string{"10.0.0.3", "2001:db8:0:2::7", "10.8.0.1", "fe80::7%wlan0", "fe80::7"}},
		{"haPeers=0.0.0.0/0", []string{"192.0.2.1"}, []string{"2001:db8::1"}},
		{"haMasterAddress=10.0.0.3:10912", []string{"10.0.0.3"}, []string{"10.0.0.2"}},
		{"haSlaveAddress=[2001:db8::5]:10912", []string{"2001:db8::5"}, []string{"10.0.0.2"}},
		{"haMasterAddress=10.0.0.3:10912\nhaSlaveAddress=10.0.0.4:10912\nhaPeers=10.0.0.5\nhaSecretFile=" + secret, []string{"10.0.0.5"}, []string{"10.0.0.3", "10.0.0.4", "127.0.0.1", "::1", "10.0.0.1"}},
		{"haSlaveAddress=[fe80::5%eth0]:10912", []string{"fe80::5%eth0"}, []string{"fe80::5%wlan0", "fe80::5", "fe80::6%eth0"}},
		{"haPeers=127.0.0.1;10.0.0.1\nhaSecretFile=" + secret, []string{"127.0.0.1", "10.0.0.1"}, []string{"::1", "10.0.0.2"}},
	} {
		p, _ := peersOf(t, strings.Split(tt.set, "\n")...)
		for _, addr := range tt.may {
			if !p.plain(here, netip.MustParseAddr(addr)) {
				t.Errorf("%s: %s may not", tt.set, addr)
			}
		}
		for _, addr := range tt.none {
			if p.plain(here, netip.MustParseAddr(addr)) {
				t.Errorf("%s: %s may", tt.set, addr)
			}
		}
		if p.plain(here, netip.Addr{}) || p.plain(netip.Addr{}, netip.Addr{}) {
			t.Errorf("%s: who has no address may", tt.set)
		}
	}
	var nobody *peers
	if !nobody.plain(here, here) || nobody.plain(here, netip.MustParseAddr("10.0.0.2")) || nobody.secret() != nil {
		t.Error("where nothing is configured others than this host may")
	}
}

// TestALonelyPairIsSaid: what an update without the new keys comes to.
func TestALonelyPairIsSaid(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "ha.secret")
	if err := os.WriteFile(secret, []byte("0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for set, said := range map[string]bool{"brokerRole=SYNC_MASTER": true, "brokerRole=SLAVE brokerId=1": true, "brokerRole=ASYNC_MASTER": false,
		"brokerRole=SYNC_MASTER haPeers=10.0.0.2": false, "brokerRole=SYNC_MASTER haSecretFile=" + secret: false} {
		if _, lines := peersOf(t, strings.Fields(set)...); strings.Contains(lines, "haSecretFile (pairmq cert secret") != said || strings.Contains(lines, "0123456789") {
			t.Errorf("%s: logged %q", set, lines)
		}
	}
	for set, said := range map[string]bool{"haPeers=10.0.0.2 tlsEnable=true tlsClientAuthServer=none": true, "brokerRole=SLAVE brokerId=1 tlsEnable=true tlsClientAuthServer=none": true, "tlsEnable=true tlsClientAuthServer=none": false,
		"haPeers=10.0.0.2": false, "haPeers=10.0.0.2 tlsEnable=true tlsClientAuthServer=none haSecretFile=" + secret: false} {
		if _, lines := peersOf(t, strings.Fields(set)...); strings.Contains(lines, "in plain text") != said {
			t.Errorf("%s: logged %q", set, lines)
		}
	}
}

func TestSecretsComeFromFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const good = "0123456789abcdef"
	for _, tt := range []struct{ name, path, err, log string }{
		{"good", write("good", good+"\n", 0o600), "", ""}, {"for everybody", write("open", good, 0o644), "", "chmod 0600"}, {"for a group", write("group", good, 0o640), "", ""},
		{"of an editor", write("bom", "\ufeff"+good+"\r\n", 0o600), "", ""}, {"a mark alone", write("short bom", "\ufeff"+good[:15], 0o600), "15 bytes", ""},
		{"zeros", write("zeros", string(make([]byte, 32)), 0o600), "byte 0 of 32 is zero", ""}, {"one letter", write("letter", strings.Repeat("a", 40), 0o600), "are the same", ""},
		{"short", write("short", good[:15]+"\n\n\n", 0o600), "15 bytes; want 16", ""}, {"empty", write("empty", "", 0o600), "0 bytes", ""},
		{"large", write("large", strings.Repeat("x", 5000), 0o600), "at most 4096", ""}, {"none", filepath.Join(dir, "none"), "no such file", ""}, {"a folder", dir, "want a file", ""},
	} {
		var lines bytes.Buffer
		cfg := config.Config{HASecretFile: tt.path}
		p, err := newPeers(&cfg, slog.New(slog.NewTextHandler(&lines, nil)))
		if tt.err != "" {
			if !errors.Is(err, errSecretFile) || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: %v, want %q", tt.name, err, tt.err)
			}
			if code, do := judge(startError{err}, &cfg); code != exitFailed || !strings.Contains(do, "the same on both") {
				t.Errorf("%s: exit code %d, %q", tt.name, code, do)
			}
			continue
		}
		same, _ := proof.NewKey([]byte(good))
		if err != nil || !reflect.DeepEqual(p.secret(), same) || !strings.Contains(lines.String(), tt.log) || tt.log == "" && lines.Len() > 0 {
			t.Errorf("%s: %v; logged %q", tt.name, err, lines.String())
		}
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	if p, _ := peersOf(t); p.secret() != nil {
		t.Error("a secret although systemd passes none")
	}
	write("haSecret", good, 0o400)
	if p, _ := peersOf(t); p.secret() == nil {
		t.Error("what systemd passes is not taken")
	}
}

// TestNamesOfHosts: what a name means is looked up beside who asks, and not believed without end.
func TestNamesOfHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked int
		answer := func() ([]netip.Addr, error) { return nil, errors.New("no such host") }
		n := newHostNames(func(ctx context.Context, network, host string) ([]netip.Addr, error) {
			if asked++; network != "ip" || host != "gw-b.lan" {
				t.Errorf("asked for %s of %s", network, host)
			}
			if _, ends := ctx.Deadline(); !ends {
				t.Error("it may take for ever")
			}
			return answer()
		})
		n.add("gw-b.lan")
		a, b := netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.3")
		have := func(addr netip.Addr, want bool) {
			t.Helper()
			n.have(addr)
			synctest.Wait() // for what it has begun
			if got := n.have(addr); got != want {
				t.Errorf("have(%v) = %t", addr, got)
			}
		}
		have(a, false)
		answer = func() ([]netip.Addr, error) { return []netip.Addr{netip.MustParseAddr("::ffff:10.0.0.2")}, nil }
		have(a, false) // it was asked just now
		if asked != 1 {
			t.Errorf("asked %d times, want 1", asked)
		}
		time.Sleep(nameSoon)
		have(a, true)
		have(b, false)
		answer = func() ([]netip.Addr, error) { return nil, errors.New("no name server") }
		time.Sleep(nameAgain)
		have(a, true) // as it was
		answer = func() ([]netip.Addr, error) { return append(make([]netip.Addr, nameMaxAddr-1), b, a), nil }
		time.Sleep(nameAgain)
		have(b, true)
		have(a, false)
		answer = func() ([]netip.Addr, error) { return []netip.Addr{netip.MustParseAddr("fe80::7%eth0")}, nil }
		time.Sleep(nameAgain)
		have(netip.MustParseAddr("fe80::7%eth0"), true)
		have(netip.MustParseAddr("fe80::7%eth1"), false)
		answer = func() ([]netip.Addr, error) { return []netip.Addr{netip.MustParseAddr("fe80::7")}, nil }
		time.Sleep(nameAgain)
		have(netip.MustParseAddr("fe80::7%eth1"), false) // nobody has said that it is this link's
		if asked != 6 {
			t.Errorf("asked %d times, want 6", asked)
		}
		if newHostNames(nil).have(a) {
			t.Error("nobody is configured")
		}
	})
}

// TestOneNameDoesNotKeepAnother: where nobody answers for one, the next is looked up all the same.
func TestOneNameDoesNotKeepAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := netip.MustParseAddr("10.0.0.2")
		n := newHostNames(func(ctx context.Context, _, host string) ([]netip.Addr, error) {
			if host == "gw-a.example" {
				<-ctx.Done()
			}
			return []netip.Addr{b}, ctx.Err()
		})
		n.add("gw-a.example")
		n.add("gw-b")
		n.have(b)
		time.Sleep(nameTime + time.Second)
		if !n.have(b) {
			t.Errorf("gw-b is not known after %v, because nobody answers for gw-a", nameTime+time.Second)
		}
		time.Sleep(2 * nameTime) // what it has begun
	})
}

// strangers is a port to which everybody comes from one address.
type strangers struct {
	net.Listener
	from netip.Addr
}

func (l strangers) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return strangersConn{nc, l.from}, nil
}

type strangersConn struct {
	net.Conn
	from netip.Addr
}

func (c strangersConn) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.from, 4711))
}

// TestHalvesAloneAreAnswered: what one half asks the other is refused to everybody else.
func TestHalvesAloneAreAnswered(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "ha.secret")
	if err := os.WriteFile(secret, []byte("0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	from := netip.MustParseAddr("192.0.2.66")
	for _, tt := range []struct {
		name, set string
		proves    string // the secret of who asks; "": it has none
		may       bool
	}{
		{"a stranger", "haPeers=192.0.2.67", "", false}, {"a configured host", "haPeers=192.0.2.0/24", "", true}, {"a stranger where there is a secret", "haSecretFile=" + secret, "", false},
		{"one with another secret", "haSecretFile=" + secret, "fedcba9876543210", false}, {"one with the secret", "haSecretFile=" + secret, "0123456789abcdef", true},
		{"one with a secret where there is none", "haPeers=", "0123456789abcdef", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDaemon(t)
			d.settings = append(d.settings, tt.set)
			cfg := d.config()
			var lines lockedBuffer
			log := slog.New(slog.NewTextHandler(&lines, nil))
			ps, err := newPeers(&cfg, log)
			if err != nil {
				t.Fatal(err)
			}
			box, err := newTenure(&cfg, platform{open: disk.OS, peers: ps}, before{}, d.client, log)
			if err != nil {
				t.Fatal(err)
			}
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan error, 1)
			ctx, cancel := context.WithCancel(t.Context())
			go func() { served <- box.srv.Serve(ctx, strangers{ln, from}) }()
			conns := pair.Conns(d.client)
			var key *proof.Key
			if tt.proves != "" {
				if key, err = proof.NewKey([]byte(tt.proves)); err != nil {
					t.Fatal(err)
				}
				conns = pair.NewCircle(pair.CircleOptions{Conns: d.client, Plain: func(netip.Addr, netip.Addr) bool { return false }, Key: key, Claim: box.claim})
				if _, err := conns.Conn(t.Context(), ln.Addr().String()); (err == nil) != tt.may {
					t.Errorf("its proof: %v", err)
				}
				conns = d.client
			}
			own := box.state()
			own.Addr, own.Role = "192.0.2.66:10911", pair.Slave
			_, err = pair.Ask(t.Context(), conns, ln.Addr().String(), &own)
			if (err == nil) != tt.may || !tt.may && !strings.Contains(err.Error(), "NO_PERMISSION") {
				t.Errorf("its question for the state of the pair: %v", err)
			}
			if n := len(box.memory.Peers()); (n > 0) != tt.may {
				t.Errorf("it remembers %q", box.memory.Peers())
			}
			for _, code := range []int32{remoting.ReqWatchMetadata, remoting.ReqReadLog} {
				r := d.call(ln.Addr().String(), &remoting.Command{Code: code})
				if refused := r.Code == remoting.RespNoPermission; refused == tt.may {
					t.Errorf("%s: %d %q", remoting.RequestName(code), r.Code, r.Remark)
				}
			}
			if said := strings.Contains(lines.String(), "haPeers") || strings.Contains(lines.String(), "has not proven"); said == tt.may {
				t.Errorf("logged\n%s", lines.String())
			}
			cancel()
			if err := errors.Join(<-served, box.srv.Shutdown(context.Background()), box.close()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestAPairOfASecret: two that have the same one, with TLS on the ports for clients and without.
func TestAPairOfASecret(t *testing.T) {
	dir := makeCertificates(t)
	secret := filepath.Join(dir, "ha.secret")
	if err := os.WriteFile(secret, []byte("0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, settings := range map[string][]string{"plain": nil, "TLS": enforcing(dir)} {
		t.Run(name, func(t *testing.T) {
			master := newDaemon(t)
			if settings != nil {
				master.client = tlsClient(t, dir)
			}
			master.settings = append(append(master.settings, settings...), "brokerRole=SYNC_MASTER", "haSecretFile="+secret)
			slave := master.newSlave()
			slave.settings = append(append(slave.settings, settings...), "haSecretFile="+secret)
			master.start()
			slave.start()
			eventually(t, "the slave follows", func() bool { return master.send("Pair", "first").Code == remoting.RespSuccess })
			if got := master.info()["haProven1"]; got != "secret, TLS" {
				t.Errorf("the slave has proven %q", got)
			}
			caughtUp(master, slave)
			if r := master.call(master.broker, &remoting.Command{Code: remoting.ReqDemoteBroker}); r.Code != remoting.RespSuccess { // all that halves ask each other
				t.Fatalf("demote answers %d %q", r.Code, r.Remark)
			}
			eventually(t, "they have changed roles", func() bool { return slave.send("Pair", "second").Code == remoting.RespSuccess })
			if err := errors.Join(slave.stop(), master.stop()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestTheSecretIsAskedForHereToo: any user of the machine comes from loopback. One that a name server names as
// master under a higher epoch is not believed without the secret, and the log is not for him.
func TestTheSecretIsAskedForHereToo(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "ha.secret")
	if err := os.WriteFile(secret, []byte("0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	asked := make(chan struct{}, 100)
	srv := remoting.NewServer(remoting.ServerOptions{Handler: remoting.HandlerFunc(func(r *remoting.Request) {
		select {
		case asked <- struct{}{}:
		default:
		}
		if r.Code == remoting.ReqProveHalf {
			r.ReplyError(remoting.RespRequestCodeNotSupported, "no")
			return
		}
		s := pair.State{BrokerName: "under-test", Role: pair.SyncMaster, SlaveID: 1, Addr: addr, HAAddr: addr, SegmentSize: 8 << 20, Epochs: epoch.History{{Number: 900, ID: 5}}}
		b, err := s.Encode()
		if err != nil {
			t.Error(err)
		}
		r.Reply(&remoting.Response{Body: b})
	})})
	served := make(chan error, 1)
	go func() { served <- srv.Serve(context.Background(), ln) }()
	names := newNames(t)
	f := remoting.Fields{{Key: "clusterName", Value: "c"}, {Key: "brokerName", Value: "under-test"}, {Key: "brokerId", Value: "7"}, {Key: "brokerAddr", Value: addr}, {Key: "haServerAddr", Value: addr}}
	master := newDaemon(t)
	body := `{"topicConfigSerializeWrapper":{"topicConfigTable":{},"dataVersion":{"timestamp":1,"counter":1}}}`
	if r := master.call(names.namesrv, &remoting.Command{Code: remoting.ReqRegisterBroker, Fields: f, Body: []byte(body)}); r.Code != remoting.RespSuccess {
		t.Fatalf("it is not registered: %d %q", r.Code, r.Remark)
	}
	master.settings = append(master.settings, "enableNamesrv=false", "namesrvAddr="+names.namesrv, "haSecretFile="+secret)
	master.namesrv = names.namesrv
	master.start()
	<-asked
	eventually(t, "it says who is no half", func() bool { return strings.Contains(master.info()["haOutsider"], addr) })
	if i := master.info(); i["brokerRole"] != "ASYNC_MASTER" {
		t.Errorf("it gives way: %v", i)
	}
	if r := master.call(master.broker, &remoting.Command{Code: remoting.ReqReadLog}); r.Code != remoting.RespNoPermission {
		t.Errorf("the log is read: %d %q", r.Code, r.Remark)
	}
	if err := errors.Join(master.stop(), srv.Shutdown(context.Background()), <-served); err != nil {
		t.Error(err)
	}
}

// TestAFalseMasterIsNotFollowed: a name server is told of one while the halves, which have met, are off.
func TestAFalseMasterIsNotFollowed(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "ha.secret")
	if err := os.WriteFile(secret, []byte("0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	names := newNames(t)
	master := newDaemon(t)
	master.namesrv = names.namesrv
	master.settings = append(master.settings, "enableNamesrv=false", "brokerRole=SYNC_MASTER", "haSecretFile="+secret, "namesrvAddr="+names.namesrv)
	slave := master.newSlave()
	slave.settings = append(slave.settings, "haSecretFile="+secret)
	master.start()
	slave.start()
	eventually(t, "the slave follows", func() bool { return master.send("Pair", "first").Code == remoting.RespSuccess })
	caughtUp(master, slave)
	if err := errors.Join(slave.stop(), master.stop()); err != nil {
		t.Fatal(err)
	}
	f := remoting.Fields{{Key: "clusterName", Value: "DefaultCluster"}, {Key: "brokerName", Value: "under-test"}, {Key: "brokerId", Value: "0"}, {Key: "brokerAddr", Value: "127.0.0.1:9"}, {Key: "haServerAddr", Value: "127.0.0.1:10"}}
	body := `{"topicConfigSerializeWrapper":{"topicConfigTable":{},"dataVersion":{"timestamp":9000000000000,"counter":9000000000,"stateVersion":9000000000}}}`
	if r := master.call(names.namesrv, &remoting.Command{Code: remoting.ReqRegisterBroker, Fields: f, Body: []byte(body)}); r.Code != remoting.RespSuccess {
		t.Fatalf("the false one is not registered: %d %q", r.Code, r.Remark)
	}
	slave.start()
	eventually(t, "the slave is told of the false one", func() bool { return strings.Contains(slave.info()["haError"], "127.0.0.1:9") })
	master.start()
	eventually(t, "the slave follows its master again", func() bool { return master.send("Pair", "more").Code == remoting.RespSuccess })
	caughtUp(master, slave)
	if err := errors.Join(slave.stop(), master.stop()); err != nil {
		t.Error(err)
	}
}

// TestTwoSecretsAreSaid: on both sides, and nothing is copied.
func TestTwoSecretsAreSaid(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for path, text := range map[string]string{a: "0123456789abcdef", b: "fedcba9876543210"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	master := newDaemon(t)
	master.settings = append(master.settings, "brokerRole=SYNC_MASTER", "haSecretFile="+a)
	slave := master.newSlave()
	slave.settings = append(slave.settings, "haSecretFile="+b)
	master.start()
	slave.start()
	eventually(t, "the slave says why it stands still", func() bool { return strings.Contains(slave.info()["replication"], "another secret") })
	if r := slave.call(slave.broker, &remoting.Command{Code: remoting.ReqPromoteBroker}); r.Code != remoting.RespIllegalOperation || !strings.Contains(r.Remark, "somebody answers where the master was") {
		t.Errorf("promote answers %d %q", r.Code, r.Remark)
	}
	if r := master.send("Pair", "alone"); r.Code != remoting.RespSlaveNotAvailable {
		t.Errorf("a send answers %d %q", r.Code, r.Remark)
	}
	eventually(t, "the slave says who is no half", func() bool { return strings.Contains(slave.info()["haOutsider"], master.broker) })
	if r := slave.call(slave.broker, &remoting.Command{Code: remoting.ReqPromoteBroker, Fields: remoting.Fields{{Key: "force", Value: "true"}}}); r.Code != remoting.RespSuccess || !strings.Contains(r.Fields.Get("outsider"), master.broker) {
		t.Errorf("promote --force answers %d %q, %v", r.Code, r.Remark, r.Fields)
	}
	eventually(t, "it says as master that there is another", func() bool {
		i := slave.info()
		return i["brokerRole"] != "SLAVE" && strings.Contains(i["haOutsider"], master.broker) && strings.Contains(i["replication"], "may be master too")
	})
	if r := slave.call(slave.broker, &remoting.Command{Code: remoting.ReqDemoteBroker}); r.Code != remoting.RespIllegalOperation || !strings.Contains(r.Remark, "not taken for the other half") {
		t.Errorf("demote answers %d %q", r.Code, r.Remark)
	}
	if err := errors.Join(slave.stop(), master.stop()); err != nil {
		t.Error(err)
	}
}

func TestWhoMayRegister(t *testing.T) {
	allowed, err := config.ParseAllowedBrokers("10.0.0.0/24; gw-a@10.0.1.5;gw-a@2001:db8::5;")
	if err != nil {
		t.Fatal(err)
	}
	here := netip.MustParseAddr("10.0.9.1")
	for _, tt := range []struct {
		name, from string
		may        bool
	}{
		{"gw-b", "10.0.0.7", true}, {"gw-b", "::ffff:10.0.0.7", true}, {"gw-b", "10.0.1.5", false}, {"gw-b", "192.0.2.1", false},
		{"gw-a", "10.0.1.5", true}, {"gw-a", "2001:db8::5", true}, {"gw-a", "10.0.0.7", false}, {"gw-a", "10.0.1.6", false}, {"", "192.0.2.1", false},
		{"gw-a", "127.0.0.1", true}, {"gw-a", "10.0.9.1", true}, {"gw-b", "::1", true},
	} {
		if got := mayRegister(allowed, tt.name, here, netip.MustParseAddr(tt.from)); got != tt.may {
			t.Errorf("%s from %s: %t", tt.name, tt.from, got)
		}
	}
	if mayRegister(allowed, "gw-b", netip.Addr{}, netip.Addr{}) {
		t.Error("who has no address may")
	}
}

// TestANameServerKeepsToItsList: the daemon's name server, whose own broker registers all the same.
func TestANameServerKeepsToItsList(t *testing.T) {
	d := newDaemon(t)
	d.settings = append(d.settings, "namesrvAllowedBrokers=gw-a@10.0.1.5")
	cfg := d.config()
	ns, err := newNameServer(&cfg, platform{open: disk.OS}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = ns.srv.Serve(ctx, strangers{ln, netip.MustParseAddr("10.0.1.6")}) })
	fields := remoting.Fields{{Key: "clusterName", Value: "c"}, {Key: "brokerName", Value: "gw-a"}, {Key: "brokerAddr", Value: "10.0.1.6:10911"}, {Key: "brokerId", Value: "0"}}
	if r := d.call(ln.Addr().String(), &remoting.Command{Code: remoting.ReqRegisterBroker, Fields: fields}); r.Code != remoting.RespNoPermission {
		t.Errorf("another's name is registered: %d %q", r.Code, r.Remark)
	}
	cancel()
	if err := errors.Join(ns.srv.Shutdown(context.Background()), ns.close()); err != nil {
		t.Error(err)
	}
	running.Wait()
	d.start()
	d.send("Own", "message")
	d.routed("Own")
	if err := d.stop(); err != nil {
		t.Error(err)
	}
}
