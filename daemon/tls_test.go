package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"pairmq/daemon/config"
	"pairmq/daemon/metrics"
	"pairmq/hal/board"
	"pairmq/hal/disk"
	"pairmq/internal/certs"
	"pairmq/internal/remoting"
	"pairmq/store/record"
)

// makeCertificates writes what an authority signs for a pair and a client, and returns the
// folder. Servers are found at 127.0.0.1. Each ends at another time, the authority last, in an hour.
func makeCertificates(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a, ca, err := certs.NewAuthority("tests", time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	server, err := a.Server("broker", []string{"127.0.0.1"}, a.Until().Add(-time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	client, err := a.Client("client", a.Until().Add(-2*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	write("ca.crt", ca.Cert)
	write("server.crt", server.Cert)
	write("server.key", server.Key)
	write("client.crt", client.Cert)
	write("client.key", client.Key)
	return dir
}

// enforcing is the settings of a broker that takes nobody without a certificate.
func enforcing(dir string) []string {
	in := func(name string) string { return filepath.Join(dir, name) }
	return []string{
		"tlsServerMode=enforcing", "tlsServerCertPath=" + in("server.crt"), "tlsServerKeyPath=" + in("server.key"),
		"tlsServerNeedClientAuth=require", "tlsServerTrustCertPath=" + in("ca.crt"),
		"tlsEnable=true", "tlsClientTrustCertPath=" + in("ca.crt"), "tlsClientCertPath=" + in("server.crt"), "tlsClientKeyPath=" + in("server.key"),
	}
}

// tlsClient is a client with its certificate.
func tlsClient(t *testing.T, dir string) *remoting.Client {
	t.Helper()
	in := func(name string) string { return filepath.Join(dir, name) }
	c, err := certs.NewClient(certs.ClientOptions{Files: certs.Files{Cert: in("client.crt"), Key: in("client.key"), CA: in("ca.crt")}})
	if err != nil {
		t.Fatal(err)
	}
	client := remoting.NewClient(remoting.ClientOptions{TLS: c.Config})
	t.Cleanup(func() { client.Close() })
	return client
}

// Nobody gets in without a certificate, and a pair works: brokers register, a slave copies
// the tables and the log, clients send and get.
func TestAPairThatEnforcesTLS(t *testing.T) {
	dir := makeCertificates(t)
	master := newDaemon(t)
	master.settings = append(master.settings, enforcing(dir)...)
	master.settings = append(master.settings, "brokerRole=SYNC_MASTER")
	plain := master.client
	master.client = tlsClient(t, dir)
	slave := master.newSlave()
	slave.settings = append(slave.settings, enforcing(dir)...)
	master.start()
	slave.start()
	eventually(t, "the slave follows", func() bool { return master.send("Secret", "first").Code == remoting.RespSuccess })
	large := strings.Repeat("a large message ", 100_000)
	if r := master.send("Secret", large); r.Code != remoting.RespSuccess {
		t.Fatalf("send answers %d %q", r.Code, r.Remark)
	}
	master.routed("Secret")
	caughtUp(master, slave)
	eventually(t, "the slave has the topic", func() bool { return slave.pull("Secret", 0).Code == remoting.RespSuccess })
	for _, d := range []*daemonUnderTest{master, slave} {
		var got string
		for offset := int64(0); !strings.Contains(got, large); offset++ {
			r := d.pull("Secret", offset)
			if r.Code != remoting.RespSuccess {
				t.Fatalf("pull at %d answers %d %q", offset, r.Code, r.Remark)
			}
			v, err := record.Parse(r.Body, record.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if got = string(v.Body()); len(got) < len(large) && got != "first" {
				t.Fatalf("a body has %d bytes", len(got))
			}
		}
	}
	noCertificate := remoting.NewClient(remoting.ClientOptions{TLS: func(string) *tls.Config { return &tls.Config{InsecureSkipVerify: true} }})
	defer noCertificate.Close()
	for _, addr := range []string{master.broker, master.namesrv, slave.broker} {
		for what, c := range map[string]*remoting.Client{"in plain text": plain, "without a certificate": noCertificate} {
			if r, err := c.Call(t.Context(), addr, &remoting.Command{Code: remoting.ReqGetBrokerRuntimeInfo}); err == nil {
				t.Errorf("%s answers %d to one %s", addr, r.Code, what)
			}
		}
	}
	if err := slave.stop(); err != nil {
		t.Error(err)
	}
	if err := master.stop(); err != nil {
		t.Error(err)
	}
}

// A pair changes over one broker at a time: each step works beside the one before, whichever
// of the two has taken it first.
func TestAPairThatChangesOver(t *testing.T) {
	dir := makeCertificates(t)
	all := enforcing(dir)
	steps := [][]string{
		nil,
		append(slices.Clone(all), "tlsServerMode=permissive", "tlsServerNeedClientAuth=none", "tlsEnable=false"),
		append(slices.Clone(all), "tlsServerMode=permissive", "tlsServerNeedClientAuth=none"),
		all,
	}
	for i := range steps[1:] {
		for name, of := range map[string][2]int{"the slave first": {i, i + 1}, "the master first": {i + 1, i}} {
			t.Run(fmt.Sprintf("step %d, %s", i+1, name), func(t *testing.T) {
				master := newDaemon(t)
				plain := master.client
				defer plain.Close()
				if of[0] == 3 {
					master.client = tlsClient(t, dir)
				}
				slave := master.newSlave()
				slave.client = plain
				if of[1] == 3 {
					slave.client = tlsClient(t, dir)
				}
				master.settings = append(append(master.settings, steps[of[0]]...), "brokerRole=SYNC_MASTER")
				slave.settings = append(slave.settings, steps[of[1]]...)
				master.start()
				slave.start()
				eventually(t, "the slave follows", func() bool { return master.send("Secret", "first").Code == remoting.RespSuccess })
				caughtUp(master, slave)
				eventually(t, "the slave has the topic", func() bool { return slave.pull("Secret", 0).Code == remoting.RespSuccess })
				if err := errors.Join(slave.stop(), master.stop()); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// Who looks whether the ports answer is let in, with no word in the log, though the
// server's certificate is none of a client.
func TestTheWatchdogIsLetIn(t *testing.T) {
	dir := makeCertificates(t)
	_, p, err := certs.NewAuthority("of clients", time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other.crt")
	if err := os.WriteFile(other, p.Cert, 0o600); err != nil {
		t.Fatal(err)
	}
	d := newDaemon(t)
	d.settings = append(d.settings, enforcing(dir)...)
	d.settings = append(d.settings, "tlsServerTrustCertPath="+other)
	cfg, log := d.config(), new(lockedBuffer)
	logger := slog.New(slog.NewTextHandler(log, nil))
	secure, err := newSecurity(&cfg, board.New(board.Options{}), logger)
	if err != nil {
		t.Fatal(err)
	}
	ns, err := newNameServer(&cfg, platform{open: disk.OS, security: secure}, logger)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- ns.run(ctx) }()
	<-ns.serves()
	for range 3 {
		if err := ns.works(t.Context()); err != nil {
			t.Error(err)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if strings.Contains(log.String(), "connection dropped") {
		t.Errorf("the log says\n%s", log)
	}
}

// A certificate without its key, or one that may not be read, ends a start as what passes by
// itself: the rest of a copy, or of a chown, comes without anybody who starts the daemon again.
func TestCertificatesThatAreNotThereYet(t *testing.T) {
	dir := makeCertificates(t)
	if err := os.Rename(filepath.Join(dir, "client.key"), filepath.Join(dir, "server.key")); err != nil {
		t.Fatal(err)
	}
	args := []string{"--enableBroker=false", "--enableNamesrv=true", "--storePathRootDir=" + t.TempDir()}
	for _, s := range enforcing(dir) {
		args = append(args, "--"+s)
	}
	var out, log lockedBuffer
	if code := start(args, unconfined, &out, &log); code != exitFailed || !strings.Contains(log.String(), "private key does not match") || !strings.Contains(log.String(), "tried again") {
		t.Errorf("exit code %d, want %d; the log is\n%s", code, exitFailed, &log)
	}
	if code := start(append(args, "--check-config"), unconfined, &out, &log); code != exitUsage {
		t.Errorf("--check-config: exit code %d, want %d", code, exitUsage)
	}
	cfg := config.Default()
	denied := startError{fmt.Errorf("%w: %w", errCertificates, &os.PathError{Op: "open", Path: "/nonexistent", Err: syscall.EACCES})}
	if code, do := judge(denied, &cfg); code != exitFailed || !strings.Contains(do, "may read") {
		t.Errorf("forbidden: exit code %d, %q", code, do)
	}
}

// While plain text is served certificates keep nobody out, and the log says so.
func TestCertificatesBesidePlainText(t *testing.T) {
	dir := makeCertificates(t)
	for mode, warned := range map[string]bool{config.TLSPermissive: true, config.TLSEnforcing: false} {
		cfg, _, err := config.Load("", append(enforcing(dir), "enableNamesrv=true", "tlsServerMode="+mode))
		if err != nil {
			t.Fatal(err)
		}
		log := new(lockedBuffer)
		if _, err := newSecurity(&cfg, nil, slog.New(slog.NewTextHandler(log, nil))); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(log.String(), "needs no certificate and is let in"); got != warned {
			t.Errorf("%s: the log says so: %v, want %v:\n%s", mode, got, warned, log)
		}
	}
}

// When certificates end is shown of those that the configuration has in use, and of new ones once
// they are in the place of the old.
func TestWhenCertificatesEndIsShown(t *testing.T) {
	dir := makeCertificates(t)
	files := map[string]string{"server": "server.crt", "serverTrust": "ca.crt", "client": "client.crt", "clientTrust": "ca.crt"}
	settings := append(enforcing(dir), "tlsClientCertPath="+filepath.Join(dir, "client.crt"), "tlsClientKeyPath="+filepath.Join(dir, "client.key"))
	until := func(name string) float64 {
		all, err := certs.Read(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return float64(all[0].NotAfter.Unix())
	}
	shown := func(what string, s scraped, want ...string) {
		t.Helper()
		values := map[string]float64{}
		for _, name := range want {
			values[`pairmq_certificate_expires_timestamp_seconds{certificate="`+name+`"}`] = until(files[name])
		}
		maps.DeleteFunc(s.values, func(name string, _ float64) bool { return !strings.HasPrefix(name, "pairmq_certificate_") })
		if !maps.Equal(s.values, values) {
			t.Errorf("%s: it shows %v, want %v", what, s.values, values)
		}
	}
	for _, tt := range []struct {
		setting string
		want    []string
	}{
		{"tlsServerMode=enforcing", []string{"server", "serverTrust", "client", "clientTrust"}},
		{"tlsServerMode=permissive", []string{"server", "serverTrust", "client", "clientTrust"}},
		{"tlsServerMode=disabled", []string{"client", "clientTrust"}},
		{"tlsServerNeedClientAuth=none", []string{"server", "client", "clientTrust"}},
		{"tlsEnable=false", []string{"server", "serverTrust"}},
		{"tlsClientAuthServer=none", []string{"server", "serverTrust", "client"}},
	} {
		cfg, _, err := config.Load("", append(slices.Clone(settings), "enableBroker=false", "enableNamesrv=true", tt.setting))
		if err != nil {
			t.Fatal(err)
		}
		secure, err := newSecurity(&cfg, board.New(board.Options{}), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		p := metrics.NewPage()
		secure.measure(p)
		for _, err := range p.Wrong() {
			t.Errorf("%s: %v", tt.setting, err)
		}
		shown(tt.setting, parsePage(t, p.Text()), tt.want...)
	}

	d := newDaemon(t)
	at := d.observed()
	d.settings = append(d.settings, settings...)
	d.client = tlsClient(t, dir)
	d.start()
	all := []string{"server", "serverTrust", "client", "clientTrust"}
	shown("over HTTP", scrape(t, at), all...)
	answer := d.call(d.broker, &remoting.Command{Code: remoting.ReqGetMetrics})
	shown("by request", parsePage(t, answer.Body), all...)
	was := until("server.crt")
	a, _, err := certs.NewAuthority("another", time.Now().Add(2*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	renewed, err := a.Server("broker", []string{"127.0.0.1"}, a.Until())
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"server.crt": renewed.Cert, "server.key": renewed.Key} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if until("server.crt") <= was {
		t.Fatal("the new certificate ends no later: the test shows nothing")
	}
	const server = `pairmq_certificate_expires_timestamp_seconds{certificate="server"}`
	eventually(t, "the new end is shown", func() bool { return scrape(t, at).values[server] == until("server.crt") })
	if err := d.stop(); err != nil {
		t.Error(err)
	}
}

// Nothing of TLS is there where nothing is configured.
func TestNoTLSByDefault(t *testing.T) {
	cfg, _, err := config.Load("", []string{"enableNamesrv=true"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSecurity(&cfg, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if mode, _ := s.door(); mode != remoting.TLSDisabled || s.others() != nil || s.self() != nil {
		t.Errorf("it has mode %d, others %t, self %t", mode, s.others() != nil, s.self() != nil)
	}
	p := metrics.NewPage()
	s.measure(p)
	(*security)(nil).measure(p)
	if text := p.Text(); len(text) > 0 {
		t.Errorf("it shows\n%s", text)
	}
}
