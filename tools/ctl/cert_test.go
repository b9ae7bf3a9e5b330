package main

import (
	"crypto/tls"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pairmq/internal/certs"
)

// madeCerts makes an authority and what it signs, as a person does.
func madeCerts(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tls")
	for _, args := range [][]string{
		{"cert", "ca", "--dir", dir},
		{"cert", "sign", "--dir", dir, "--server", "gw-a=127.0.0.1,gw-a.lan", "--server", "gw-b", "--client", "app"},
	} {
		if r := runIn(t.Context(), "", "", args...); r.code != exitOK {
			t.Fatalf("%q: exit code %d: %s", args, r.code, r.err)
		}
	}
	return dir
}

func TestCertificatesInTwoCommands(t *testing.T) {
	dir := madeCerts(t)
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 9 {
		t.Errorf("it made %d files, %v, want 9", len(files), err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s has mode %v, %v, want 0600", f.Name(), info.Mode(), err)
		}
	}
	own, err := tls.LoadX509KeyPair(filepath.Join(dir, "gw-a.crt"), filepath.Join(dir, "gw-a.key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"gw-a", "gw-a.lan", "localhost", "127.0.0.1", "::1"} {
		if err := own.Leaf.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
	if from, until := own.Leaf.NotBefore, own.Leaf.NotAfter; from.Year() != 1970 || until.Before(time.Now().AddDate(19, 11, 0)) {
		t.Errorf("it is valid from %v to %v, want 1970 and 20 years from now", from, until)
	}
	secret, err := os.ReadFile(filepath.Join(dir, "ha.secret"))
	if err != nil || len(secret) < secretBytes {
		t.Errorf("the secret of the pair has %d bytes: %v", len(secret), err)
	}
	if r := runIn(t.Context(), "", "", "cert", "sign", "--dir", dir, "--server", "gw-a", "--server", "gw-b", "--replace"); r.code != exitOK {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	if again, err := os.ReadFile(filepath.Join(dir, "ha.secret")); err != nil || string(again) != string(secret) {
		t.Errorf("--replace makes another secret: %v", err)
	}
	// What was made is not made again, unless that is wanted.
	before, err := os.ReadFile(filepath.Join(dir, "app.key"))
	if err != nil {
		t.Fatal(err)
	}
	same := func() bool {
		now, err := os.ReadFile(filepath.Join(dir, "app.key"))
		return err == nil && string(now) == string(before)
	}
	for _, args := range [][]string{{"cert", "ca", "--dir", dir}, {"cert", "sign", "--dir", dir, "--client", "app"}} {
		if r := runIn(t.Context(), "", "", args...); r.code != exitFailed || !strings.Contains(r.err, "is there already") || !same() {
			t.Errorf("%q once more: exit code %d: %s", args, r.code, r.err)
		}
	}
	r := runIn(t.Context(), "", "", "cert", "sign", "--json", "--dir", dir, "--client", "app", "--replace", "--years", "40")
	var made []certMade
	if err := json.Unmarshal([]byte(r.out), &made); err != nil || r.code != exitOK || same() || len(made) != 1 {
		t.Fatalf("--replace: exit code %d, %v: %s%s", r.code, err, r.out, r.err)
	}
	if made[0].Until.After(time.Now().AddDate(20, 0, 1)) {
		t.Errorf("it says that it is valid until %v, longer than its authority", made[0].Until)
	}
}

func TestCertificatesThatAreNotMade(t *testing.T) {
	dir := madeCerts(t)
	tests := []struct {
		name, want string
		code       int
		args       []string
	}{
		{"no command", "needs one of its commands", exitUsage, []string{"cert"}},
		{"for nobody", "nobody to make", exitUsage, []string{"sign", "--dir", dir}},
		{"over the authority", "no name for a certificate", exitUsage, []string{"sign", "--dir", dir, "--client", "ca", "--replace"}},
		{"out of the folder", "no name for a certificate", exitUsage, []string{"sign", "--dir", dir, "--client", "../x"}},
		{"twice", "named twice", exitUsage, []string{"sign", "--dir", dir, "--server", "x", "--client", "x", "--replace"}},
		{"for a port", "without a port", exitUsage, []string{"sign", "--dir", dir, "--server", "x=192.0.2.1:10911"}},
		{"in brackets", "without a port", exitUsage, []string{"sign", "--dir", dir, "--server", "x=[2001:db8::1]"}},
		{"with a zone", "without a port", exitUsage, []string{"sign", "--dir", dir, "--server", "x=fe80::1%eth0"}},
		{"between semicolons", "without a port", exitUsage, []string{"sign", "--dir", dir, "--server", "x=a;b"}},
		{"for no time", "want 1 to 50", exitUsage, []string{"sign", "--dir", dir, "--client", "x", "--years", "0"}},
		{"without an authority", "pairmq cert ca makes one", exitFailed, []string{"sign", "--dir", t.TempDir(), "--client", "x"}},
	}
	for _, tt := range tests {
		if tt.args[0] != "cert" {
			tt.args = append([]string{"cert"}, tt.args...)
		}
		if r := runIn(t.Context(), "", "", tt.args...); r.code != tt.code || !strings.Contains(r.err, tt.want) {
			t.Errorf("%s: exit code %d: %s, want %d and %q", tt.name, r.code, r.err, tt.code, tt.want)
		}
	}
	if r := runIn(t.Context(), "", "", "cert", "sign", "--dir", dir, "--server", "y=2001:db8::1, *.lan ,y_z.example"); r.code != exitOK {
		t.Errorf("good hosts: exit code %d: %s", r.code, r.err)
	}
	if _, err := makeAuthority(&certArgs{dir: t.TempDir(), years: 20}, time.Unix(100, 0)); err == nil || !strings.Contains(err.Error(), "set the clock first") {
		t.Errorf("by a clock of 1970: %v", err)
	}
}

// What the command line makes is what it speaks TLS with.
func TestTheCommandLineOverTLS(t *testing.T) {
	dir := madeCerts(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	s, err := certs.NewServer(certs.ServerOptions{Files: certs.Files{Cert: in("gw-a.crt"), Key: in("gw-a.key"), CA: in("ca.crt")}, ClientAuth: certs.ClientAuthRequire})
	if err != nil {
		t.Fatal(err)
	}
	f := startSecureFake(t, s.Config)
	other := madeCerts(t)
	all := []string{"--tls-ca", in("ca.crt"), "--tls-cert", in("app.crt"), "--tls-key", in("app.key")}
	tests := []struct {
		name string
		code int
		args []string
		want string // of what it says
	}{
		{"with a certificate", exitOK, all, "TBW102"},
		{"without one", exitUnreachable, all[:2], "certificate required"},
		{"in plain text", exitUnreachable, nil, ""},
		{"of another authority", exitUnreachable, []string{"--tls-ca", filepath.Join(other, "ca.crt")}, "unknown authority"},
		{"with anybody", exitOK, []string{"--tls-verify", "none", "--tls-cert", in("app.crt"), "--tls-key", in("app.key")}, "TBW102"},
		{"half of a certificate", exitUsage, all[:4], "needed together"},
		{"no authority", exitUsage, all[2:], "--tls-ca is missing"},
		{"an authority that is none", exitUsage, []string{"--tls-ca", in("ca.key")}, "no certificate in PEM"},
		{"made sure of somehow", exitUsage, []string{"--tls-verify", "maybe"}, "want name, ca or none"},
	}
	for _, tt := range tests {
		r := f.run(t, "", append([]string{"topic", "list", "--all", "--timeout", "2s"}, tt.args...)...)
		if r.code != tt.code || !strings.Contains(r.out+r.err, tt.want) {
			t.Errorf("%s: exit code %d, want %d and %q; it said %s%s", tt.name, r.code, tt.code, tt.want, r.out, r.err)
		}
	}
}

// The doctor asks as the daemon does, and says so if it cannot.
func TestTheDoctorOverTLS(t *testing.T) {
	dir := madeCerts(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	s, err := certs.NewServer(certs.ServerOptions{Files: certs.Files{Cert: in("gw-a.crt"), Key: in("gw-a.key"), CA: in("ca.crt")}, ClientAuth: certs.ClientAuthRequire})
	if err != nil {
		t.Fatal(err)
	}
	f := startSecureFake(t, s.Config)
	args := func(ca string) []string {
		return []string{"doctor", "-c", "", "--set", "namesrvAddr=" + f.addr, "--set", "tlsEnable=true", "--set", "tlsClientTrustCertPath=" + ca,
			"--set", "tlsClientCertPath=" + in("app.crt"), "--set", "tlsClientKeyPath=" + in("app.key"), "--timeout", "2s"}
	}
	answered := func(out string) bool {
		for line := range strings.Lines(out) {
			if strings.HasPrefix(line, "ok") && strings.Contains(line, f.addr) {
				return true
			}
		}
		return false
	}
	if r := runIn(t.Context(), "", "", args(in("ca.crt"))...); !answered(r.out) || strings.Contains(r.out, "plain text") {
		t.Errorf("the doctor says\n%s%s", r.out, r.err)
	}
	if r := runIn(t.Context(), "", "", args(in("none.crt"))...); answered(r.out) || !strings.Contains(r.out, "asked in plain text") {
		t.Errorf("without an authority the doctor says\n%s%s", r.out, r.err)
	}
}

// Its own ports the doctor asks as the daemon asks them, whatever that speaks to others.
func TestTheDoctorAtItsOwnPorts(t *testing.T) {
	dir := madeCerts(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	s, err := certs.NewServer(certs.ServerOptions{Files: certs.Files{Cert: in("gw-b.crt"), Key: in("gw-b.key"), CA: in("ca.crt")}, ClientAuth: certs.ClientAuthRequire})
	if err != nil {
		t.Fatal(err)
	}
	secure, plain := startSecureFake(t, s.Config), startFake(t)
	mode := func(m string) []string {
		return []string{"tlsServerMode=" + m, "tlsServerCertPath=" + in("gw-b.crt"), "tlsServerKeyPath=" + in("gw-b.key")}
	}
	tests := []struct {
		name string
		f    *fake
		set  []string
	}{
		{"enforcing, to others in plain text", secure, mode("enforcing")},
		{"enforcing, to others over TLS", secure, append(mode("enforcing"), "tlsEnable=true", "tlsClientTrustCertPath="+in("ca.crt"))},
		{"permissive", plain, mode("permissive")},
		{"no TLS, to others over it", plain, []string{"tlsEnable=true", "tlsClientTrustCertPath=" + in("ca.crt")}},
	}
	for _, tt := range tests {
		_, port, err := net.SplitHostPort(tt.f.addr)
		if err != nil {
			t.Fatal(err)
		}
		// No daemon holds the folder, so that somebody who answers is found to be wrong there.
		args := []string{"doctor", "-c", "", "--timeout", "2s"}
		for _, s := range append(tt.set, "enableBroker=false", "enableNamesrv=true", "namesrvListenPort="+port, "storePathRootDir="+t.TempDir()) {
			args = append(args, "--set", s)
		}
		if r := runIn(t.Context(), "", "", args...); !strings.Contains(r.out, "somebody listens at "+tt.f.addr) {
			t.Errorf("%s: nobody was found at the port:\n%s%s", tt.name, r.out, r.err)
		}
	}
}
