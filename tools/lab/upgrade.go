package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// keepStarting has clients work until ctx ends, and begin again whenever the
// broker has gone, as applications do. What it returns waits for them.
func (l *load) keepStarting(ctx context.Context, i *installed) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			l.start(ctx, i.broker, i.rng)()
			pause(ctx, 50*time.Millisecond)
		}
	}()
	return func() { <-done }
}

// more waits until n more messages were answered OK.
func (l *load) more(ctx context.Context, n int) error {
	from := l.ledger.OKs()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for l.ledger.OKs() < from+n {
		if pause(ctx, 20*time.Millisecond); ctx.Err() != nil {
			return fmt.Errorf("of %d messages %d were stored: %w", n, l.ledger.OKs()-from, ctx.Err())
		}
	}
	return nil
}

// upgrade installs a newer package over an older one while clients send and consume.
func (l *lab) upgrade(ctx context.Context, t *trial, d debian) error {
	i, err := l.newInstalled(ctx, t, d, t.dir, "ext4", volatile, map[string]string{"pairmq.deb": l.previous, "newer.deb": l.debs}, settings(syncFlush)...)
	if err != nil {
		return err
	}
	defer i.close()
	before, err := i.run("dpkg-query -W -f '${Version}' pairmq; echo '# edited by the owner' >>/etc/pairmq/pairmqd.conf")
	if err != nil {
		return err
	}
	pid, err := i.count("systemctl show pairmqd -p MainPID --value")
	if err != nil {
		return err
	}
	if err := i.clients.makeTopics(ctx, i.broker, 0); err != nil {
		return err
	}
	working, stop := context.WithCancel(ctx)
	defer stop()
	wait := i.clients.keepStarting(working, i)
	if err := i.clients.more(ctx, 50); err != nil {
		return err
	}
	if _, err := i.run("echo " + labAdmins + " >/etc/pairmq/conf.d/admins.conf"); err != nil {
		return err
	}
	began := time.Now()
	if _, err := i.run(installing("newer.deb")); err != nil {
		return err
	}
	took := time.Since(began)
	if err := i.clients.more(ctx, 50); err != nil {
		return fmt.Errorf("after the upgrade: %w", err)
	}
	stop()
	wait()
	after, err := i.run("dpkg-query -W -f '${Version}' pairmq")
	if err != nil {
		return err
	}
	now, err := i.count("systemctl show pairmqd -p MainPID --value")
	if err != nil {
		return err
	}
	switch {
	case after == before:
		return fmt.Errorf("the version is still %s", after)
	case now == pid:
		return fmt.Errorf("the daemon of %s was not restarted", before)
	}
	if _, err := i.run("grep -q '^# edited by the owner' /etc/pairmq/pairmqd.conf"); err != nil {
		return fmt.Errorf("the edited file was not kept: %w", err)
	}
	t.say("%s to %s in %.1fs, the load went on", before, after, took.Seconds())
	return errors.Join(i.stillThere(ctx, t, i.clients, "after the upgrade"), i.off(), i.clients.err())
}
