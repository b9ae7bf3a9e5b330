package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// A counted machine has one processor and a clock of its own, which goes on by
// 2^countedShift ns with each instruction, and with the host's only while the
// processor sleeps. What it measures is instructions, whatever the host is busy with:
// of a processor of 500 million a second, such as a small gateway's core.
const countedShift = 1

// countedStarts is how often the daemon is started; the least time counts, because
// what is more is that of what else systemd does.
const countedStarts = 5

// counted measures processor time and start of the installed daemon on a counted
// machine. Nothing of that depends on how fast the host is.
func (l *lab) counted(ctx context.Context, t *trial, d debian) error {
	deb, err := onePackage(l.debs, d.name)
	if err != nil {
		return err
	}
	s, err := newSystem(ctx, d, t.dir, "", "", map[string]string{"pairmq.deb": deb})
	if err != nil {
		return err
	}
	defer s.close()
	s.counted = true
	if err := s.boot(ctx); err != nil {
		return err
	}
	if _, err := s.run(installing("pairmq.deb")); err != nil {
		return err
	}
	if err := s.serve(ctx); err != nil {
		return err
	}
	used, err := s.idleUsage(ctx)
	if err != nil {
		return err
	}
	t.figure(s.name, "idle-cpu-ppm", used*int64(time.Second)/int64(idleTime))
	var least int64
	for n := range countedStarts {
		if _, err := s.run("systemctl reset-failed pairmqd; systemctl restart pairmqd"); err != nil {
			return cmp.Or(ctx.Err(), fmt.Errorf("start %d of %d: %w", n+1, countedStarts, err))
		}
		took, _, err := s.startTime()
		if err != nil {
			return err
		}
		if least == 0 || took < least {
			least = took
		}
	}
	t.figure(s.name, "counted-ready-ms", least/1000)
	return errors.Join(s.serve(ctx), s.off())
}
