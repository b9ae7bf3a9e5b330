package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"pairmq/internal/remoting"

	sd "github.com/coreos/go-systemd/v22/daemon"
)

// A watchdog tells systemd, and the machine's own watchdog, that the daemon works, for as long as it does: every
// part answers a request that comes as any client's does, over a new connection, and the store's
// work goes on. A disk that does not answer is no hang for stallTime: starting again would not
// help, and a store that has failed ends the daemon by itself.
type watchdog struct {
	period time.Duration // the daemon is restarted, or the machine reset, when nothing is heard for so long
	parts  []part
	feed   []func()
	log    *slog.Logger
}

// newWatchdog returns nil unless systemd, or dog, waits to hear of the daemon.
func newWatchdog(parts []part, dog *hardwareDog, log *slog.Logger) *watchdog {
	w := &watchdog{parts: parts, log: log}
	period, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("no watchdog: WATCHDOG_USEC and WATCHDOG_PID make no sense", "err", err)
	} else if period > 0 {
		w.period = period
		w.feed = append(w.feed, func() { notify(log, sd.SdNotifyWatchdog) })
	}
	if limit := dog.timeout(); limit > 0 {
		w.feed = append(w.feed, dog.alive)
		if w.period == 0 || limit < w.period {
			w.period = limit
		}
	}
	if len(w.feed) == 0 {
		return nil
	}
	return w
}

// run asks the parts until ctx ends, three times in each period.
func (w *watchdog) run(ctx context.Context) error {
	t := time.NewTicker(w.period / 3)
	defer t.Stop()
	for {
		if err := w.ask(ctx); err == nil {
			for _, feed := range w.feed {
				feed()
			}
		} else if ctx.Err() == nil {
			w.log.Error("the daemon does not work; it is restarted, or the machine reset, unless that ends", "watchdogSec", w.period.Seconds(), "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

func (w *watchdog) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, w.period/3)
	defer cancel()
	for _, p := range w.parts {
		if err := p.works(ctx); err != nil {
			return fmt.Errorf("%s: %w", p.name(), err)
		}
	}
	return nil
}

// answers asks who listens at addr, and fails if no answer comes before ctx ends or
// nobody listens. A connection that is closed at once is an answer: there may be too
// many of them. An address that no link has now cannot be asked at: it is no hang. With secure
// it is asked over TLS.
func answers(ctx context.Context, addr net.Addr, code int32, secure func(string) *tls.Config) error {
	if at, ok := addr.(*net.TCPAddr); ok && !onALink(at.IP.String()) {
		return nil
	}
	c := remoting.NewClient(remoting.ClientOptions{TLS: secure})
	defer c.Close()
	_, err := c.Call(ctx, reachable(addr), &remoting.Command{Code: code})
	failed, isOp := errors.AsType[*net.OpError](err)
	if err == nil || ctx.Err() == nil && !(isOp && failed.Op == "dial") {
		return nil
	}
	return fmt.Errorf("no answer to %s: %w", remoting.RequestName(code), err)
}

// reachable is addr, or where it is found on this machine if it is every address.
func reachable(addr net.Addr) string {
	at, err := netip.ParseAddrPort(addr.String())
	if err != nil || !at.Addr().IsUnspecified() {
		return addr.String()
	}
	if at.Addr().Is4() {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port()).String()
	}
	return netip.AddrPortFrom(netip.IPv6Loopback(), at.Port()).String()
}
