package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// A figure is one thing that was measured.
type figure struct {
	arch, name string
	value      int64
	budgeted   bool
}

// figure notes one that has a budget, in tools/budget/budgets.json.
func (t *trial) figure(arch, name string, value int64) {
	t.figures = append(t.figures, figure{arch, name, value, true})
	t.say("%s %s %d", arch, name, value)
}

// remark notes one that has none: times are those of an emulated processor on a host that does other things.
func (t *trial) remark(arch, name string, value int64) {
	t.figures = append(t.figures, figure{arch, name, value, false})
	t.say("%s %s %d", arch, name, value)
}

// writeFigures writes a file of the figures with budgets, as budget -figures reads it.
func writeFigures(file string, all []*trial) error {
	var b strings.Builder
	for _, t := range all {
		for _, f := range t.figures {
			if f.budgeted {
				fmt.Fprintf(&b, "figure: %s %s %d\n", f.arch, f.name, f.value)
			}
		}
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

// measureIdle measures what the daemon costs while nobody uses it and it has many topics.
func (l *lab) measureIdle(ctx context.Context, t *trial, s *system) error {
	c := newPatientClient(s.broker)
	defer c.Close()
	for i := range idleTopics {
		if err := c.makeTopic(ctx, fmt.Sprintf("LabIdle%d", i)); err != nil {
			return fmt.Errorf("make topic %d of %d: %w", i+1, idleTopics, err)
		}
	}
	c.Close()
	// As after any start: what making them took is no matter of idling.
	if _, err := s.run("systemctl restart pairmqd"); err != nil {
		return err
	}
	pause(ctx, 5*time.Second)
	const usage = `sed -n 's/^usage_usec //p' /sys/fs/cgroup/system.slice/pairmqd.service/cpu.stat`
	before, err := s.count(usage)
	if err != nil {
		return err
	}
	pause(ctx, idleTime)
	after, err := s.count(usage)
	if err != nil {
		return err
	}
	t.remark(s.name, "idle-cpu-us-per-minute", (after-before)*int64(time.Minute/idleTime))
	// Not VmRSS of status: there 6.1 leaves out what each thread has not added up yet.
	for _, m := range []struct {
		name   string
		note   func(arch, name string, value int64)
		script string
	}{
		{"idle-rss-kib", t.figure, `sed -n 's/^Rss:[ \t]*\([0-9]*\) kB/\1/p' /proc/$(systemctl show pairmqd -p MainPID --value)/smaps_rollup`},
		{"idle-pss-kib", t.remark, `sed -n 's/^Pss:[ \t]*\([0-9]*\) kB/\1/p' /proc/$(systemctl show pairmqd -p MainPID --value)/smaps_rollup`},
		{"idle-anon-kib", t.remark, `sed -n 's/^Anonymous:[ \t]*\([0-9]*\) kB/\1/p' /proc/$(systemctl show pairmqd -p MainPID --value)/smaps_rollup`},
	} {
		v, err := s.count(m.script)
		if err != nil {
			return err
		}
		m.note(s.name, m.name, v)
	}
	return nil
}

// measureStart asks systemd how long the start took that the last boot had.
func (l *lab) measureStart(t *trial, s *system) error {
	begun, err := s.count("systemctl show pairmqd -p ExecMainStartTimestampMonotonic --value")
	if err != nil {
		return err
	}
	ready, err := s.count("systemctl show pairmqd -p ActiveEnterTimestampMonotonic --value")
	if err != nil {
		return err
	}
	t.remark(s.name, "kernel-to-ready-ms", ready/1000)
	t.remark(s.name, "exec-to-ready-ms", (ready-begun)/1000)
	return nil
}
