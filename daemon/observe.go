package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"

	"pairmq/daemon/config"
	"pairmq/daemon/machine"
	"pairmq/daemon/metrics"
	"pairmq/daemon/rights"
	"pairmq/hal/board"
	"pairmq/hal/link"
	"pairmq/internal/lifecycle"
)

// An observatory shows the daemon's numbers, from before the first part is built
// until after the last one has stopped. That it cannot is never the end of the
// daemon.
type observatory struct {
	cfg   *config.Config
	log   *slog.Logger
	files setAsideFiles
	watch *machine.Machine // what the board tells
	gate  *rights.Gate
	tls   *security

	metered meteredLinks

	recovery recovery
	mu       sync.Mutex // guards parts
	parts    []part
	all      bool // no more come
}

// A recovery is how far a start has come with the log, in bytes; zero when there is
// none under way.
type recovery struct{ done, size atomic.Int64 }

// note is told of progress.
func (r *recovery) note(done, size int64) {
	if r != nil {
		r.done.Store(done)
		r.size.Store(size)
	}
}

func newObservatory(cfg *config.Config, watch *machine.Machine, gate *rights.Gate, secure *security, log *slog.Logger) *observatory {
	metered, _ := newMeteredLinks(cfg.MeteredLinks) // the configuration was checked
	return &observatory{metered: metered, cfg: cfg, log: log.With("part", "metrics"), files: setAsideFiles{dir: filepath.Join(cfg.StoreRoot, "quarantine")}, watch: watch, gate: gate, tls: secure}
}

// add has a part's numbers shown.
func (o *observatory) add(p part) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.parts = append(o.parts, p)
}

// complete says that no more parts come.
func (o *observatory) complete() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = true
}

// shown returns the parts there are, and whether these are all.
func (o *observatory) shown() ([]part, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.parts, o.all
}

// page gathers everything there is now.
func (o *observatory) page() *metrics.Page {
	p := metrics.NewPage()
	measureProcess(p)
	if size := o.recovery.size.Load(); size > 0 {
		p.SetInt(metrics.RecoveryDone, o.recovery.done.Load())
		p.SetInt(metrics.RecoverySize, size)
	}
	for _, r := range []rights.Right{rights.Pair, rights.Read, rights.Admin} {
		p.SetInt(metrics.Denied, o.gate.Refused(r), r.String())
	}
	o.tls.measure(p)
	parts, _ := o.shown()
	for _, part := range parts {
		part.measure(p)
	}
	if o.cfg.EnableBroker {
		o.files.measure(p)
	}
	s := o.watch.Snapshot()
	measureMachine(p, &s)
	if list, err := link.States(sysfs); err == nil { // an error is a kernel that does not tell
		measureLinks(p, list, o.metered)
	}
	return p
}

// text is page as it is shown.
func (o *observatory) text() []byte { return o.page().Text() }

// healthy says why the daemon does not serve; nil if it does.
func (o *observatory) healthy() error {
	parts, all := o.shown()
	if !all {
		return errors.New("it is starting")
	}
	for _, p := range parts {
		if !p.serving() {
			return fmt.Errorf("the %s does not serve", p.name())
		}
	}
	return nil
}

// run shows until ctx ends.
func (o *observatory) run(ctx context.Context) error {
	g := lifecycle.NewGroup(ctx)
	if o.cfg.MetricsListen != "" {
		g.Go("http", o.listen)
	}
	if path := o.cfg.MetricsTextfile; path != "" {
		o.judgeFolder(filepath.Dir(path))
		g.Go("textfile", func(ctx context.Context) error {
			metrics.KeepTextfile(ctx, path, o.text, func(err error) {
				if err == nil {
					o.log.Info("the textfile is written again", "metricsTextfile", path)
					return
				}
				o.log.Warn("the textfile cannot be written: make its folder, and let this user write there; it is tried again every 15 s", "metricsTextfile", path, "err", err)
			})
			return nil
		})
	}
	return g.Wait()
}

// listen serves over HTTP, if it can.
func (o *observatory) listen(ctx context.Context) error {
	ln, err := net.Listen("tcp", o.cfg.MetricsListen)
	if err != nil {
		o.log.Warn("no metrics over HTTP: set metricsListen to an address and a free port, or to nothing", "metricsListen", o.cfg.MetricsListen, "err", err)
		return nil
	}
	if a, ok := ln.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		o.log.Info("metrics are for everybody who reaches this address: they name topics, groups and addresses", "listen", a.String())
	}
	if err := metrics.NewServer(o.text, o.healthy).Serve(ctx, ln); err != nil {
		o.log.Warn("no more metrics over HTTP until the daemon is restarted", "err", err)
	}
	return nil
}

// judgeFolder warns of a folder that lies on flash: the file would wear it for
// nothing.
func (o *observatory) judgeFolder(dir string) {
	place, err := board.New(board.Options{}).Place(dir)
	if err != nil {
		return // it may not be there yet; that it cannot be written is said elsewhere
	}
	if fs := place.FileSystem(); fs != "tmpfs" && fs != "ramfs" {
		o.log.Warn("the textfile is written every 15 s to a file system that is not in memory: choose a folder below /run", "folder", dir, "fileSystem", fs)
	}
}
