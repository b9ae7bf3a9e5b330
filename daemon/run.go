package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"pairmq/daemon/config"
	"pairmq/daemon/machine"
	"pairmq/daemon/metrics"
	"pairmq/hal/board"
	"pairmq/internal/lifecycle"
	"pairmq/internal/remoting"

	sd "github.com/coreos/go-systemd/v22/daemon"
)

// drainTime bounds how long a stop waits for answers on their way; movedTime, how
// long where the address that clients have connected to is not this host's any more. Where the
// broker goes on in another role it waits handedTime for a client to read its answers, once they
// are there: nobody is served until then.
const (
	drainTime  = 10 * time.Second
	movedTime  = 50 * time.Millisecond
	handedTime = time.Second
)

// run is runOn the board that there is.
func run(ctx context.Context, cfg config.Config, open opener, again <-chan config.Config, log *slog.Logger) error {
	return runOn(ctx, cfg, board.New(board.Options{}), "", open, again, log)
}

// runOn builds the daemon, serves until ctx ends, and drains it: the name servers
// are told, the clients get their answers, the store is flushed. What comes from
// again is applied as far as it can be meanwhile. open opens the store's folder; holds is what
// the daemon's sandbox is said to be.
func runOn(ctx context.Context, cfg config.Config, hw *board.Board, holds string, open opener, again <-chan config.Config, log *slog.Logger) error {
	warnAhead(cfg.BindAddress, log)
	dog, release := newHardwareDog(cfg.WatchdogDevice, log).begin(ctx)
	err := runParts(ctx, cfg, hw, holds, open, again, dog, log)
	release(err == nil)
	return err
}

func runParts(ctx context.Context, cfg config.Config, hw *board.Board, holds string, open opener, again <-chan config.Config, dog *hardwareDog, log *slog.Logger) error {
	var parts []part
	mo, err := machineOptions(&cfg, hw, log)
	if err != nil {
		return err
	}
	watch, err := machine.New(mo)
	if err != nil {
		return err
	}
	accounts, signer, err := newAccounts(&cfg, log)
	if err != nil {
		return startError{err}
	}
	gate := newGate(&cfg, accounts, log)
	secure, err := newSecurity(&cfg, hw, log)
	if err != nil {
		return startError{err}
	}
	shows := newObservatory(&cfg, watch, gate, secure, log)
	halves, err := newPeers(&cfg, log.With("part", "replica"))
	if err != nil {
		return startError{err}
	}
	admin, err := newAdminSocket(&cfg, os.Getenv("RUNTIME_DIRECTORY"), log)
	if err != nil {
		return startError{err}
	}
	defer admin.close() // run has closed it where it ran
	m := platform{peers: halves, open: open, sockets: passedSockets(log), recovery: &shows.recovery, metrics: shows.text, machine: watch, security: secure, sandbox: holds, accounts: accounts, signer: signer, gate: gate, admin: admin}
	if admin != nil {
		admin.own = insight{m.metrics, log}.requests()
	}
	showing, hide := context.WithCancel(ctx)
	shown := lifecycle.NewGroup(showing)
	shown.Go("metrics", shows.run)
	defer func() { hide(); _ = shown.Wait() }() // it fails never
	if left := m.unused(ports(&cfg)...); len(left) > 0 {
		log.Warn("systemd holds ports open that this configuration does not use: whoever connects there waits for ever", "ports", left)
	}
	re := reconfigurer{now: cfg.Live, gate: gate, peers: halves, log: log}
	if cfg.EnableNamesrv {
		p, err := newNameServer(&cfg, m, log)
		if err != nil {
			return startError{err}
		}
		parts = append(parts, p)
		shows.add(p)
		re.names = p
	}
	if admin != nil {
		asked, stop := context.WithCancel(context.WithoutCancel(ctx)) // from the start to the end: operators want to know why it takes so long
		answering := lifecycle.NewGroup(asked)
		answering.Go("admin socket", admin.run)
		defer func() { stop(); _ = answering.Wait() }() // it fails never
	}
	if cfg.EnableBroker {
		p, err := newBroker(&cfg, m, log)
		if err != nil {
			return errors.Join(startError{err}, closeAll(parts))
		}
		parts = append(parts, p)
		shows.add(p)
		re.broker = p
	}
	// Not only ctx ends it: a part that fails ends the daemon as well.
	following, stopFollowing := context.WithCancel(ctx)
	applied := lifecycle.NewGroup(following)
	applied.Go("configuration", func(ctx context.Context) error { return re.follow(ctx, again) })
	defer func() { stopFollowing(); _ = applied.Wait() }() // it fails never
	shows.complete()
	watching, stopWatching := context.WithCancel(context.WithoutCancel(ctx)) // to the end: the power may fail while the daemon stops
	watched := lifecycle.NewGroup(watching)
	watched.Go("machine", watch.Run)
	defer func() { stopWatching(); _ = watched.Wait() }() // it fails never
	reporting, stop := context.WithCancel(ctx)
	reports := lifecycle.NewGroup(reporting)
	reports.Go("systemd", func(ctx context.Context) error { return report(ctx, parts, dog, log) })
	defer func() { stop(); _ = reports.Wait() }() // nor does this
	err = serveUntil(ctx, parts, func() { notify(log, sd.SdNotifyStopping); dog.stopping() })
	return errors.Join(err, closeAll(parts))
}

// ports are those that the daemon listens on.
func ports(cfg *config.Config) (all []int) {
	if cfg.EnableNamesrv {
		all = append(all, cfg.NamesrvListenPort)
	}
	if cfg.EnableBroker {
		all = append(all, cfg.ListenPort, cfg.ListenPort-2, cfg.HAListenPort)
	}
	return all
}

// report tells systemd once clients are served, and from then on it and dog that they are.
func report(ctx context.Context, parts []part, dog *hardwareDog, log *slog.Logger) error {
	for _, p := range parts {
		select {
		case <-ctx.Done():
			return nil
		case <-p.serves():
		}
	}
	notify(log, sd.SdNotifyReady)
	dog.serving()
	if w := newWatchdog(parts, dog, log); w != nil {
		return w.run(ctx)
	}
	return nil
}

// serveUntil runs the parts until ctx ends or one of them fails, then stops
// them in reverse order: the broker leaves a name server that still answers.
func serveUntil(ctx context.Context, parts []part, stopping func()) error {
	ended := make(chan struct{}, len(parts))
	stops := make([]func() error, len(parts))
	for i, p := range parts {
		pctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		result := make(chan error, 1)
		go func() {
			err := p.run(pctx)
			if err != nil {
				err = fmt.Errorf("%s: %w", p.name(), err)
			}
			ended <- struct{}{}
			result <- err
		}()
		stops[i] = func() error { cancel(); return <-result }
	}
	select {
	case <-ctx.Done():
	case <-ended:
	}
	stopping()
	var errs []error
	for i := len(stops) - 1; i >= 0; i-- {
		errs = append(errs, stops[i]())
	}
	return errors.Join(errs...)
}

// A part is a name server or a broker: run serves until its context ends and
// then drains; close releases what the constructor took. serves is closed when run
// answers clients for the first time. From then on works fails if a request gets no
// answer before its context ends; one goroutine calls it. serving says whether
// clients are answered now, and measure adds the part's numbers to a page; both may be
// called from any goroutine, at any time.
type part interface {
	name() string
	run(context.Context) error
	serves() <-chan struct{}
	works(context.Context) error
	serving() bool
	measure(*metrics.Page)
	close() error
}

func closeAll(parts []part) error {
	var errs []error
	for _, p := range parts {
		errs = append(errs, p.close())
	}
	return errors.Join(errs...)
}

// serveAll answers on every listener until ctx ends.
func serveAll(ctx context.Context, srv *remoting.Server, lns []net.Listener) error {
	g := lifecycle.NewGroup(ctx)
	for _, ln := range lns {
		g.Go("listener "+ln.Addr().String(), func(ctx context.Context) error { return srv.Serve(ctx, ln) })
	}
	return g.Wait()
}

// drain gives answers on their way time to leave.
func drain(srv *remoting.Server, limit time.Duration, log *slog.Logger) {
	drainSoon(srv, limit, 0, log)
}

// drainSoon is drain with no more than patience for those to leave that are made; 0: limit.
func drainSoon(srv *remoting.Server, limit, patience time.Duration, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := srv.ShutdownSoon(ctx, patience); err != nil {
		log.Warn("connections were cut before their answers had left", "err", err)
	}
}
