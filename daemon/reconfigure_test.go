package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pairmq/daemon/config"
	"pairmq/internal/remoting"
)

// TestHAPeersAreReadAgain: who has no secret may be the other half from then on, and no longer once he
// is not listed any more, on the connection that he has.
func TestHAPeersAreReadAgain(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "ha.secret")
	if err := os.WriteFile(secret, []byte("0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := newDaemon(t)
	d.settings = append(d.settings, "haSecretFile="+secret)
	d.start()
	may := func() bool {
		return d.call(d.broker, &remoting.Command{Code: remoting.ReqReadLog}).Code != remoting.RespNoPermission
	}
	if may() {
		t.Error("this host may read the log without the secret")
	}
	cfg, err := d.config(), error(nil)
	for _, list := range []string{"127.0.0.1", "192.0.2.1"} {
		if cfg.HAPeers, err = config.ParseHosts(list); err != nil {
			t.Fatal(err)
		}
		d.again <- cfg
		eventually(t, "haPeers="+list+" counts", func() bool { return may() == (list == "127.0.0.1") && d.shown("haPeers") == list })
	}
	if err := d.stop(); err != nil {
		t.Error(err)
	}
}

// TestListsOfAddressesAreReadAgain: for who may look at everything, and who may register.
func TestListsOfAddressesAreReadAgain(t *testing.T) {
	d := newDaemon(t)
	cfg := d.config()
	var lines lockedBuffer
	log := slog.New(slog.NewTextHandler(&lines, nil))
	b := d.brokerAlone()
	gate := b.platform.gate
	ns, err := newNameServer(&cfg, platform{open: d.disk, gate: gate}, log)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.close()
	peers, err := newPeers(&cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	r := reconfigurer{now: cfg.Live, gate: gate, peers: peers, names: ns, broker: b, log: log}
	broker, names := far(t, b.now.srv, "203.0.113.9"), far(t, ns.srv, "203.0.113.9")
	looks := func() bool {
		return d.call(broker, &remoting.Command{Code: remoting.ReqGetBrokerConfig}).Code == remoting.RespSuccess
	}
	registers := func() bool {
		f := remoting.Fields{{Key: "clusterName", Value: "c"}, {Key: "brokerName", Value: "gw-a"}, {Key: "brokerAddr", Value: "203.0.113.9:10911"}, {Key: "brokerId", Value: "0"}}
		return d.call(names, &remoting.Command{Code: remoting.ReqRegisterBroker, Fields: f}).Code == remoting.RespSuccess
	}
	check := func(when string, mayLook, mayRegister bool) {
		t.Helper()
		if l, r := looks(), registers(); l != mayLook || r != mayRegister {
			t.Errorf("%s: it may look at the configuration: %t, and register: %t; want %t and %t", when, l, r, mayLook, mayRegister)
		}
	}
	check("as it began", false, true)
	next := cfg
	next.Admins, _ = config.ParseHosts("203.0.113.0/24")
	next.NamesrvAllowed = "gw-a@10.0.1.5"
	apply := func(c *config.Config) {
		t.Helper()
		if err := r.apply(c.Live); err != nil {
			t.Error(err)
		}
	}
	apply(&next)
	check("with other lists", true, false)
	if text := lines.String(); !strings.Contains(text, "key=adminAddresses is=203.0.113.0/24 was=\"\"") || !strings.Contains(text, "key=namesrvAllowedBrokers is=gw-a@10.0.1.5") || strings.Contains(text, "key=haPeers") {
		t.Errorf("logged\n%s", text)
	}
	bad := cfg
	bad.NamesrvAddr = "nonsense"
	if err := r.apply(bad.Live); err == nil || !strings.Contains(err.Error(), "namesrvAddr") {
		t.Errorf("a list of name servers that is none: %v", err)
	}
	check("with a list of name servers that is none", true, false)
	apply(&cfg)
	check("with the first lists", false, true)
}

// TestAReloadSendsListsOn, and of a file with mistakes nothing: what was in force stays.
func TestAReloadSendsListsOn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pairmqd.conf")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte("enableNamesrv=true\nadminAddresses=192.0.2.1\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	cfg, _, err := config.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	var lines lockedBuffer
	hup, again := make(chan os.Signal), make(chan config.Config)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var level slog.LevelVar
		reload(ctx, hup, flags{file: file}, &cfg, &level, again, slog.New(slog.NewTextHandler(&lines, nil)))
	}()
	write("haPeers=192.0.2.300\nadminAddresses=192.0.2.2\n")
	hup <- syscall.SIGHUP
	eventually(t, "it says what is wrong", func() bool {
		return strings.Contains(lines.String(), "the old one stays") && strings.Contains(lines.String(), "192.0.2.300")
	})
	write("haPeers=192.0.2.3\nadminAddresses=192.0.2.2\nnamesrvAllowedBrokers=192.0.2.4\n")
	hup <- syscall.SIGHUP
	if next := <-again; next.HAPeers.String() != "192.0.2.3" || next.Admins.String() != "192.0.2.2" || next.NamesrvAllowed != "192.0.2.4" {
		t.Errorf("sent on is %q, %q and %q", next.HAPeers, next.Admins, next.NamesrvAllowed)
	}
	cancel()
	<-ended
}
