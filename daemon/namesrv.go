package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"

	"pairmq/daemon/config"
	"pairmq/discovery/nameserver"
	"pairmq/discovery/nameserver/statefile"
	"pairmq/hal/disk"
	"pairmq/internal/lifecycle"
	"pairmq/internal/meter"
	"pairmq/internal/remoting"
)

// A nameServerPart is the embedded name server with its port.
type nameServerPart struct {
	ns  *nameserver.Server
	srv *remoting.Server
	lns []net.Listener
	tls *security
	log *slog.Logger

	answers meter.Pairs
	allowed atomic.Pointer[[]config.AllowedBroker] // who is registered stays until it has left
	begun   chan struct{}                          // see serves
	ended   atomic.Bool
}

func newNameServer(cfg *config.Config, m platform, log *slog.Logger) (*nameServerPart, error) {
	log = log.With("part", "namesrv")
	o := nameserver.Options{OrderMessages: cfg.NamesrvOrderMessage, MaxTopics: cfg.NamesrvMaxTopics, Log: log}
	if fsys, err := m.open(cfg.StoreRoot); err == nil {
		sp, err := fsys.Space()
		if frozen := err == nil && sp.ReadOnly; frozen {
			log.Warn("the file system is read-only: what this name server learns is not kept over a restart", "storePathRootDir", cfg.StoreRoot)
			o.Load = statefile.New(disk.View(fsys), log).Load
		} else {
			f := statefile.New(fsys, log)
			o.Load, o.Save = f.Load, f.Save
		}
	} else if cfg.EnableBroker { // which needs the folder
		return nil, fmt.Errorf("storePathRootDir: %w", err)
	} else {
		log.Warn("nothing is kept over a restart of this name server: make the folder writable, or set storePathRootDir", "storePathRootDir", cfg.StoreRoot, "err", err)
	}
	p := &nameServerPart{tls: m.security, log: log, begun: make(chan struct{})}
	allowed, err := config.ParseAllowedBrokers(cfg.NamesrvAllowed)
	if err != nil {
		return nil, fmt.Errorf("namesrvAllowedBrokers: %w", err)
	}
	p.allowed.Store(&allowed)
	o.Allowed = func(name string, local, remote netip.Addr) bool {
		return mayRegister(*p.allowed.Load(), name, local, remote)
	}
	ns, err := nameserver.New(o)
	if err != nil {
		return nil, err
	}
	lns, err := m.listen(cfg.BindAddress, cfg.NamesrvListenPort)
	if err != nil {
		return nil, err
	}
	p.ns, p.lns = ns, lns
	mode, config := m.security.door()
	handler := insight{m.metrics, log}.ahead(ns)
	if m.admin != nil {
		m.admin.names, m.admin.left = handler, ns.Closed
	}
	p.srv = remoting.NewServer(remoting.ServerOptions{Handler: m.guarded(handler, log), OnClose: ns.Closed, Answers: &p.answers, TooLarge: ns.TooLarge, Limits: namesrvLimits(cfg), TLS: mode, TLSConfig: config, Log: log})
	return p, nil
}

func (p *nameServerPart) name() string { return "name server" }

func (p *nameServerPart) run(ctx context.Context) error {
	g := lifecycle.NewGroup(ctx)
	g.Go("expiry", p.ns.Run)
	g.Go("listeners", func(ctx context.Context) error { return serveAll(ctx, p.srv, p.lns) })
	close(p.begun)
	p.log.Info("name server ready", "listen", p.lns[0].Addr().String())
	err := g.Wait()
	p.ended.Store(true)
	drain(p.srv, drainTime, p.log)
	return err
}

func (p *nameServerPart) serves() <-chan struct{} { return p.begun }

func (p *nameServerPart) serving() bool {
	select {
	case <-p.begun:
		return !p.ended.Load()
	default:
		return false
	}
}

func (p *nameServerPart) works(ctx context.Context) error {
	return answers(ctx, p.lns[0].Addr(), remoting.ReqGetBrokerClusterInfo, p.tls.self())
}

func (p *nameServerPart) close() error {
	for _, ln := range p.lns {
		ln.Close() // closed by its server already where that ran
	}
	return nil
}

// mayRegister says whether a broker of the name may register from remote: where the list is empty, or from this host always; from where
// the name is bound to, if it is bound at all; else from where any broker may.
func mayRegister(allowed []config.AllowedBroker, name string, local, remote netip.Addr) bool {
	remote = remote.Unmap()
	if len(allowed) == 0 || remote.IsLoopback() || remote.IsValid() && remote == local.Unmap() {
		return true
	}
	bound, free := false, false
	for _, a := range allowed {
		switch in := a.Host.Has(remote); {
		case a.Name == name && in:
			return true
		case a.Name == name:
			bound = true
		case a.Name == "" && in:
			free = true
		}
	}
	return free && !bound
}
