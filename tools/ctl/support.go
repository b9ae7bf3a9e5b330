package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pairmq/daemon/config"
	"pairmq/internal/remoting"
	"pairmq/tools/ctl/bundle"
	"pairmq/tools/ctl/doctor"
)

const supportHelp = `Writes one file for whoever helps from afar: the configuration, what doctor, status
and recent say, the last lines of the journal, what the daemon's goroutines do, names
and sizes of the files in the store's folder, mounts, memory and versions. What looks
like a secret is taken out; messages are not in it. Addresses, names of topics and the
machine's name are: look into it before you give it away.

It works whether the daemon runs or not; missing.txt in it says what could not be had.
As root it has most.`

// supportOptions is a bundle as the command line describes it.
type supportOptions struct {
	config string
	unit   string
	out    string
}

// Bounds of a bundle.
const (
	journalLines = 2000
	maxFiles     = 20_000 // of the store's folder that are listed
)

func newSupport(e *env) *cobra.Command {
	o := supportOptions{}
	cmd := &cobra.Command{Use: "support-bundle", Short: "Collect what is needed to help from afar", Long: supportHelp, Args: cobra.NoArgs}
	f := cmd.Flags()
	f.StringVarP(&o.config, "config", "c", defaultConfig, "the daemon's configuration")
	f.StringVar(&o.unit, "unit", "pairmqd", "the daemon's unit, for the journal")
	f.StringVarP(&o.out, "output", "o", "", "the file, - for the output; default pairmq-support-TIME.tar.gz")
	cmd.RunE = doesHere(func(ctx context.Context, _ []string) error { return e.support(ctx, o) })
	return cmd
}

// support writes the bundle.
func (e *env) support(ctx context.Context, o supportOptions) (err error) {
	now := time.Now()
	name := "pairmq-support-" + now.UTC().Format("20060102-150405")
	if o.out == "" {
		o.out = name + ".tar.gz"
	}
	to := e.out
	if o.out != "-" {
		f, err := os.OpenFile(o.out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			return usage("%s is there already: name another file with -o", o.out)
		}
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		to = f
	}
	b := bundle.New(to, name, now)
	if err := errors.Join(e.gather(ctx, o, b), b.Close()); err != nil {
		return err
	}
	if o.out != "-" {
		_, err = fmt.Fprintf(e.out, "%s is written; look into it before you give it away\n", safe(o.out))
	}
	return err
}

// gather adds everything that can be had. It fails only where the bundle cannot be written.
func (e *env) gather(ctx context.Context, o supportOptions, b *bundle.Writer) error {
	var errs []error
	add := func(name string, text []byte, err error) {
		if err != nil {
			b.Miss(name, err)
			return
		}
		errs = append(errs, b.Add(name, text))
	}
	asJSON := func(name string, v any, err error) {
		text, err2 := json.MarshalIndent(v, "", " ")
		add(name, text, errors.Join(err, err2))
	}
	add("version.txt", fmt.Appendf(nil, "pairmq %s\n%s\n", version, time.Now().UTC().Format(time.RFC3339)), nil)
	drops, _ := filepath.Glob(filepath.Join(filepath.Dir(o.config), "conf.d", "*.conf")) // the pattern is constant: no error
	for _, path := range append([]string{o.config}, drops...) {
		text, err := os.ReadFile(path)
		add("config/"+filepath.Base(path), []byte(bundle.RedactConfig(string(text))), err)
	}
	checks := e.examine(ctx, doctor.Options{Config: o.config})
	for i := range checks {
		checks[i].Found = bundle.Redact(checks[i].Found)
	}
	asJSON("doctor.json", checks, nil)
	cfg, _, err := config.Load(o.config, nil)
	if err != nil {
		b.Miss("the configuration's values, those of an empty file are taken", err)
		cfg = config.Default()
	}
	e.askDaemon(ctx, &cfg, add, asJSON)
	listing, err := listFolder(cfg.StoreRoot)
	add("folder.txt", listing, err)
	journal, err := exec.CommandContext(ctx, "journalctl", "-u", o.unit, "-n", strconv.Itoa(journalLines), "--no-pager", "-o", "short-iso").Output()
	add("journal.txt", []byte(bundle.Redact(string(journal))), err)
	for _, path := range []string{"/proc/self/mounts", "/proc/meminfo", "/proc/version", "/proc/uptime", "/proc/loadavg", "/proc/pressure/io", "/proc/pressure/memory", "/proc/net/dev", "/etc/os-release"} {
		text, err := os.ReadFile(path)
		add("machine/"+strings.ReplaceAll(strings.TrimPrefix(path, "/"), "/", "-"), []byte(bundle.Redact(string(text))), err)
	}
	return errors.Join(errs...)
}

// askDaemon adds what the broker of this machine says of itself, and the name servers of
// its configuration of all.
func (e *env) askDaemon(ctx context.Context, cfg *config.Config, add func(string, []byte, error), asJSON func(string, any, error)) {
	host := "127.0.0.1"
	if a, err := netip.ParseAddr(cfg.BindAddress); err == nil && !a.IsUnspecified() {
		host = a.String()
	}
	addr := net.JoinHostPort(host, strconv.Itoa(cfg.ListenPort))
	if cfg.NamesrvAddr != "" {
		all := &env{in: e.in, out: io.Discard, err: io.Discard, getenv: e.getenv, namesrv: cfg.NamesrvAddr, timeout: e.timeout, tls: e.asConfigured(cfg).tls, account: e.asAccount(cfg).account}
		if s, err := all.connect(); err != nil {
			add("status.json", nil, err)
		} else {
			st, err := s.status(ctx)
			s.close()
			asJSON("status.json", st, nil)
			if err != nil {
				add("all of status.json", nil, err)
			}
		}
	}
	one := &env{in: e.in, out: io.Discard, err: io.Discard, getenv: e.getenv, broker: addr, timeout: e.timeout, tls: e.asItself(cfg).tls, account: e.asAccount(cfg).account}
	s, err := one.connect()
	if err != nil {
		add("what the daemon says", nil, err)
		return
	}
	defer s.close()
	recent, err := s.recent(ctx, addr)
	for i := range recent.Entries {
		recent.Entries[i].Text = bundle.Redact(recent.Entries[i].Text)
	}
	asJSON("recent.json", recent, err)
	for name, code := range map[string]int32{"goroutines.txt": remoting.ReqGetGoroutines, "running-config.txt": remoting.ReqGetBrokerConfig} {
		resp, err := s.call(ctx, addr, &remoting.Command{Code: code})
		if err != nil {
			add(name, nil, err)
			continue
		}
		add(name, []byte(bundle.RedactConfig(string(resp.Body))), nil)
	}
}

// listFolder lists the files of a store by name and size.
func listFolder(root string) ([]byte, error) {
	var out []byte
	n := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			out = fmt.Appendf(out, "%s: %v\n", path, err)
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return nil // gone since
		}
		if n++; n > maxFiles {
			out = append(out, "and more\n"...)
			return filepath.SkipAll
		}
		out = fmt.Appendf(out, "%v %12d %s %s\n", info.Mode(), info.Size(), info.ModTime().UTC().Format(time.RFC3339), path)
		return nil
	})
	return out, err
}
