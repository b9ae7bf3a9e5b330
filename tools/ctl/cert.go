package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pairmq/internal/certs"
)

const certHelp = `Makes a small authority of your own, and the certificates that it signs for brokers,
name servers and clients, as files in PEM with keys of ECDSA on P-256. They are valid from
1970 on, so that a board that starts without a clock can use them, and for 20 years.

  pairmq cert ca --dir tls
  pairmq cert sign --dir tls --server gw-a=192.168.1.10 --server gw-b=192.168.1.11 --client app

Whoever has ca.key can let anybody in: keep it off the brokers. Each of those has
ca.crt, and its own two files. For two servers or more it makes ha.secret as well, if that
is not there: by it the two brokers of a pair know each other, and have TLS on the
replication port. Asks no server.`

// earliest is a time before which no clock is right that somebody has set.
func earliest() time.Time { return time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC) }

// certArgs is what `pairmq cert` was asked for.
type certArgs struct {
	dir              string
	name             string
	years            int
	servers, clients []string
	replace          bool
}

// A certMade is one certificate that was made.
type certMade struct {
	Cert  string    `json:"cert"`
	Key   string    `json:"key"`
	Hosts []string  `json:"hosts,omitempty"`
	Until time.Time `json:"notAfter"`
}

func newCert(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "cert", Short: "Make certificates for TLS", Long: certHelp, Args: cobra.ArbitraryArgs, RunE: onlyCommands}
	cmd.AddCommand(newCertCA(e), newCertSign(e), newCertSecret(e))
	return cmd
}

func (a *certArgs) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.dir, "dir", ".", "folder for the files; it is made")
	cmd.Flags().IntVar(&a.years, "years", 20, "that it is valid from now on")
}

func newCertCA(e *env) *cobra.Command {
	var a certArgs
	cmd := &cobra.Command{Use: "ca", Short: "Make an authority: ca.crt and ca.key", Args: cobra.NoArgs}
	a.flags(cmd)
	cmd.Flags().StringVar(&a.name, "name", "pairmq authority", "its name")
	cmd.RunE = doesHere(func(context.Context, []string) error {
		made, err := makeAuthority(&a, time.Now())
		if err != nil {
			return err
		}
		return e.printCerts([]certMade{made})
	})
	return cmd
}

func newCertSign(e *env) *cobra.Command {
	var a certArgs
	cmd := &cobra.Command{
		Use: "sign", Short: "Make certificates that ca.key of the folder signs: NAME.crt and NAME.key", Args: cobra.NoArgs,
		Example: "  pairmq cert sign --dir tls --server gw-a=192.168.1.10,gw-a.lan --server gw-b=192.168.1.11 --client app",
	}
	a.flags(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&a.servers, "server", nil, "NAME=HOST,HOST: a broker or name server, and the names and addresses that it is called by; NAME, localhost, 127.0.0.1 and ::1 are added")
	f.StringArrayVar(&a.clients, "client", nil, "NAME of a client")
	f.BoolVar(&a.replace, "replace", false, "replace files that are there")
	cmd.RunE = doesHere(func(context.Context, []string) error {
		made, err := signAll(&a, time.Now())
		if err != nil && len(made) > 0 {
			err = fmt.Errorf("%w: %w", errPartly, err)
		}
		err = errors.Join(e.printCerts(made), err)
		if err != nil || len(a.servers) < 2 {
			return err
		}
		return e.secretBeside(a.dir)
	})
	return cmd
}

// until is how long what is made now is valid.
func (a *certArgs) until(now time.Time) (time.Time, error) {
	if a.years < 1 || a.years > 50 {
		return now, usage("--years is %d; want 1 to 50", a.years)
	}
	if now.Before(earliest()) {
		return now, fmt.Errorf("this machine's clock says %s: what is made now would be over before its time; set the clock first", now.UTC().Format(time.DateOnly))
	}
	return now.AddDate(a.years, 0, 0), nil
}

func makeAuthority(a *certArgs, now time.Time) (certMade, error) {
	until, err := a.until(now)
	if err != nil {
		return certMade{}, err
	}
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return certMade{}, err
	}
	ca, p, err := certs.NewAuthority(a.name, until)
	if err != nil {
		return certMade{}, err
	}
	return a.keep("ca", nil, p, ca.Until())
}

// signAll makes what was asked for, or what it could.
func signAll(a *certArgs, now time.Time) (made []certMade, err error) {
	until, err := a.until(now)
	if err != nil {
		return nil, err
	}
	if len(a.servers)+len(a.clients) == 0 {
		return nil, usage("nobody to make a certificate for: give --server or --client")
	}
	type wanted struct {
		name  string
		hosts []string // nil: a client
	}
	var all []wanted
	for _, s := range a.servers {
		name, hosts, _ := strings.Cut(s, "=")
		w := wanted{name: name, hosts: []string{name, "localhost", "127.0.0.1", "::1"}}
		for h := range strings.SplitSeq(hosts, ",") {
			if h = strings.TrimSpace(h); h != "" && h != name {
				w.hosts = append(w.hosts, h)
			}
		}
		all = append(all, w)
	}
	for _, name := range a.clients {
		all = append(all, wanted{name: name})
	}
	seen := map[string]bool{}
	for _, w := range all {
		if err := goodCertName(w.name); err != nil {
			return nil, err
		}
		if seen[w.name] {
			return nil, usage("%s is named twice: both would be %s.crt", w.name, w.name)
		}
		seen[w.name] = true
		for _, h := range w.hosts {
			if err := goodHost(h); err != nil {
				return nil, err
			}
		}
	}
	ca, err := a.authority()
	if err != nil {
		return nil, err
	}
	for _, w := range all {
		sign := func() (certs.Pair, error) { return ca.Client(w.name, until) }
		if w.hosts != nil {
			sign = func() (certs.Pair, error) { return ca.Server(w.name, w.hosts, until) }
		}
		p, err := sign()
		if err != nil {
			return made, err
		}
		end := until
		if ca.Until().Before(end) {
			end = ca.Until()
		}
		m, err := a.keep(w.name, w.hosts, p, end)
		if err != nil {
			return made, err
		}
		made = append(made, m)
	}
	return made, nil
}

// goodCertName says whether files can be called so.
func goodCertName(name string) error {
	odd := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r))
	}
	if name == "" || len(name) > 64 || name[0] == '.' || name == "ca" || strings.ContainsFunc(name, odd) {
		return usage("%q is no name for a certificate: want letters, digits, -, _ and dots, and not ca", name)
	}
	return nil
}

// goodHost says whether a server can be called so: its certificate would be good for
// nothing else.
func goodHost(h string) error {
	odd := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r))
	}
	if net.ParseIP(h) != nil || !strings.ContainsFunc(strings.TrimPrefix(h, "*."), odd) {
		return nil
	}
	return usage("%q is no host that a certificate can name: want a name or an address, without a port, brackets or a zone", h)
}

// authority is the one that was made in the folder.
func (a *certArgs) authority() (*certs.Authority, error) {
	cert, err := os.ReadFile(filepath.Join(a.dir, "ca.crt"))
	if err != nil {
		return nil, fmt.Errorf("no authority, pairmq cert ca makes one: %w", err)
	}
	key, err := os.ReadFile(filepath.Join(a.dir, "ca.key"))
	if err != nil {
		return nil, fmt.Errorf("the authority's key is missing: %w", err)
	}
	return certs.LoadAuthority(certs.Pair{Cert: cert, Key: key})
}

// keep writes NAME.key and NAME.crt, for their owner alone.
func (a *certArgs) keep(name string, hosts []string, p certs.Pair, until time.Time) (certMade, error) {
	m := certMade{Cert: filepath.Join(a.dir, name+".crt"), Key: filepath.Join(a.dir, name+".key"), Hosts: hosts, Until: until.UTC()}
	if !a.replace {
		for _, path := range []string{m.Cert, m.Key} { // neither is written if one is there
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				return m, cmp.Or(err, fmt.Errorf("%s is there already", path))
			}
		}
	}
	return m, errors.Join(writeSecret(m.Key, p.Key), writeSecret(m.Cert, p.Cert))
}

// writeSecret puts b at path at once, so that who reads it meanwhile has the old or the new.
func writeSecret(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".pairmq-*") // with mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // it is of no use
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func (e *env) printCerts(made []certMade) error {
	if e.json {
		return e.printJSON(made)
	}
	for _, m := range made {
		names := ""
		if len(m.Hosts) > 0 {
			names = ", for " + strings.Join(m.Hosts, " ")
		}
		if _, err := fmt.Fprintf(e.out, "%s and %s: valid until %s%s\n", safe(m.Cert), safe(m.Key), m.Until.Format(time.DateOnly), safe(names)); err != nil {
			return err
		}
	}
	return nil
}
