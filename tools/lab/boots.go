package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Idle figures are taken with so many topics, over so long.
const (
	idleTopics = 100
	idleTime   = time.Minute
)

// hangTime is how long systemd may take to find out that the daemon hangs, which
// is the unit's WatchdogSec, and to have it running again.
const hangTime = 8 * time.Minute

// boots installs the package in a booted Debian, uses it from outside, has the
// daemon hang, measures it while it idles, and boots again.
func (l *lab) boots(ctx context.Context, t *trial, d debian) error {
	deb, err := onePackage(l.debs, d.name)
	if err != nil {
		return err
	}
	s, err := newSystem(ctx, d, t.dir, "", "", map[string]string{"pairmq.deb": deb})
	if err != nil {
		return err
	}
	defer s.close()
	clients, err := newLoad(t.dir)
	if err != nil {
		return err
	}
	defer clients.close()
	if err := s.boot(ctx); err != nil {
		return err
	}
	began := time.Now()
	if _, err := s.run(installing("pairmq.deb")); err != nil {
		return err
	}
	t.say("booted in %.1fs, installed in %.1fs", s.booted.Seconds(), time.Since(began).Seconds())
	if err := s.serve(ctx); err != nil {
		return err
	}
	if said, err := s.run("journalctl -q -u pairmqd -p warning -o cat --no-pager"); err != nil || said != "" {
		return cmp.Or(err, fmt.Errorf("a fresh install as it comes has something to warn of: %s", said))
	}
	if err := clients.makeTopics(ctx, s.broker, 0); err == nil || !strings.Contains(err.Error(), "adminAddresses") {
		return fmt.Errorf("a fresh install has another host make topics: %v", err)
	}
	if err := s.configure(labAdmins); err != nil {
		return err
	}
	if _, err := s.run("systemctl restart pairmqd"); err != nil {
		return err
	}
	if err := errors.Join(s.serve(ctx), clients.makeTopics(ctx, s.broker, 0)); err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(t.seed, 5))
	working, stop := context.WithTimeout(ctx, 2*time.Second)
	clients.start(working, s.broker, rng)()
	stop()
	if clients.ledger.OKs() == 0 {
		return errors.New("no client outside of the machine could send a message")
	}
	if err := l.hang(t, s); err != nil {
		return err
	}
	if err := s.stillThere(ctx, t, clients, "after the watchdog's restart"); err != nil {
		return err
	}
	if err := l.measureIdle(ctx, t, s); err != nil {
		return err
	}
	if err := errors.Join(s.off(), s.boot(ctx), s.serve(ctx)); err != nil {
		return err
	}
	if err := s.stillThere(ctx, t, clients, "after another boot"); err != nil {
		return err
	}
	if err := l.measureStart(t, s); err != nil {
		return err
	}
	return errors.Join(s.off(), clients.err())
}

// stillThere judges, and fails if anything is missing.
func (s *system) stillThere(ctx context.Context, t *trial, l *load, when string) error {
	if err := s.serve(ctx); err != nil {
		return err
	}
	sum, found, err := s.judge(ctx, l)
	if err = errors.Join(err, violated(found)); err != nil {
		return fmt.Errorf("%s: %w", when, err)
	}
	t.tally = fmt.Sprintf("%d promised, %d kept", sum.Promised, sum.Kept)
	t.say("%s: %s, %d unasked", when, t.tally, sum.Unasked)
	return nil
}

// hang stops the daemon as a bug would that has all of its threads wait, and
// waits until systemd's watchdog has replaced it.
func (l *lab) hang(t *trial, s *system) error {
	began := time.Now()
	// The journal has the moment at which systemd noticed, and that it was the watchdog.
	_, err := s.agent.run(hangTime, fmt.Sprintf(`p=$(systemctl show pairmqd -p MainPID --value)
kill -STOP $p
end=$((SECONDS + %.0f))
while [ $SECONDS -lt $end ]; do
	n=$(systemctl show pairmqd -p MainPID --value)
	[ "$n" = 0 ] || [ "$n" = "$p" ] || ! systemctl -q is-active pairmqd || break
	sleep 2
done
journalctl -u pairmqd -o cat | grep -i 'watchdog timeout' && [ "$n" != "$p" ] && systemctl -q is-active pairmqd && exit 0
systemctl show pairmqd -p WatchdogUSec -p ActiveState -p SubState -p MainPID -p WatchdogTimestamp
journalctl -u pairmqd -o short-monotonic | cut -c1-200 | tail -n 20
exit 1`, (hangTime-2*time.Minute).Seconds()))
	if err != nil {
		return fmt.Errorf("the daemon hangs, and was not replaced: %w; see %s", err, s.console)
	}
	t.say("stopped with SIGSTOP, it was replaced and ready after %.1fs", time.Since(began).Seconds())
	return nil
}
