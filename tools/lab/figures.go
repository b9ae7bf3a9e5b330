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

// idleUsage makes many topics, restarts the daemon, has nobody use it for a while,
// and returns its processor time of a minute, in microseconds of the machine's clock.
func (s *system) idleUsage(ctx context.Context) (int64, error) {
	c := newPatientClient(s.broker)
	defer c.Close()
	for i := range idleTopics {
		if err := c.makeTopic(ctx, fmt.Sprintf("LabIdle%d", i)); err != nil {
			return 0, fmt.Errorf("make topic %d of %d: %w", i+1, idleTopics, err)
		}
	}
	c.Close()
	// As after any start: what making them took is no matter of idling. The machine
	// sleeps, and not the host: if it is slower than its clock says, both minutes differ.
	return s.count(fmt.Sprintf(`usage() { sed -n 's/^usage_usec //p' /sys/fs/cgroup/system.slice/pairmqd.service/cpu.stat; }
systemctl restart pairmqd && sleep 5 && before=$(usage) && sleep %.0f && echo $(($(usage) - before))`, idleTime.Seconds()))
}

// measureIdle measures what the daemon costs while nobody uses it and it has many topics.
func (l *lab) measureIdle(ctx context.Context, t *trial, s *system) error {
	used, err := s.idleUsage(ctx)
	if err != nil {
		return err
	}
	t.remark(s.name, "idle-cpu-us-per-minute", used*int64(time.Minute/idleTime))
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

// startTime asks systemd how long the daemon's last start took, from its execution to
// READY, and how long after the kernel's start that was, both in microseconds.
func (s *system) startTime() (exec, kernel int64, err error) {
	begun, err := s.count("systemctl show pairmqd -p ExecMainStartTimestampMonotonic --value")
	if err != nil {
		return 0, 0, err
	}
	ready, err := s.count("systemctl show pairmqd -p ActiveEnterTimestampMonotonic --value")
	return ready - begun, ready, err
}

// measureStart notes the start that the last boot had.
func (l *lab) measureStart(t *trial, s *system) error {
	exec, kernel, err := s.startTime()
	if err != nil {
		return err
	}
	t.remark(s.name, "kernel-to-ready-ms", kernel/1000)
	t.remark(s.name, "exec-to-ready-ms", exec/1000)
	return nil
}
