package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"time"
)

// lastLines is how much of a console is shown, dyingTime how long a kernel may take
// to say what its tasks do.
const (
	lastLines = 40
	dyingTime = 30 * time.Second
)

// lastWords is what can be learned of a machine that does not come up while it is still
// there: the end of its console, where its processors are at two moments, and what
// each task waits for. It is for a reader who has nothing else: the host may be gone by then.
// The machine is of no use afterwards. Who interrupts the lab does not want to know.
func (s *system) lastWords(ctx context.Context) string {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ""
	}
	var b strings.Builder
	before := consoleSize(s.console)
	fmt.Fprintf(&b, "the console's last lines:\n%s", lastOf(readConsole(s.console, s.said), lastLines))
	conn, err := net.DialTimeout("unix", s.monitor, time.Second)
	if err != nil {
		fmt.Fprintf(&b, "qemu has ended, or does not listen: %v\n", err)
		return b.String()
	}
	defer conn.Close()
	m, err := newMonitor(conn)
	for range 2 {
		if err != nil {
			fmt.Fprintln(&b, err)
			return b.String()
		}
		var said string
		said, err = m.command("info registers -a")
		fmt.Fprintf(&b, "its processors:\n%s", whereabouts(said))
		time.Sleep(time.Second)
	}
	// Linux panics over this interrupt, which cannot be masked, and lists its tasks before: see power.
	m.command("nmi")
	select {
	case <-s.qemu.done:
	case <-time.After(dyingTime):
	}
	fmt.Fprintf(&b, "what the kernel says to that:\n%s", epitaph(readConsole(s.console, before)))
	return b.String()
}

// consoleSize is how much a console has said up to now.
func consoleSize(file string) int64 {
	info, err := os.Stat(file)
	if err != nil {
		return 0
	}
	return info.Size()
}

// readConsole is what a console has said from a place on.
func readConsole(file string, from int64) string {
	f, err := os.Open(file)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	b, err := io.ReadAll(io.NewSectionReader(f, from, 1<<20))
	if err != nil {
		return err.Error()
	}
	return strings.ReplaceAll(string(b), "\r", "")
}

// lastOf returns the last n lines, of which none is long.
func lastOf(text string, n int) string {
	var b strings.Builder
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for _, line := range lines[max(0, len(lines)-n):] {
		fmt.Fprintf(&b, "  %.160s\n", line)
	}
	return b.String()
}

// whereabouts are the lines of qemu's registers that have a program counter, and
// those that say whose it is.
func whereabouts(registers string) string {
	arm := !strings.Contains(registers, "RIP=") // where the counter is a register like others
	var b strings.Builder
	for line := range strings.Lines(registers) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "CPU#") || strings.Contains(line, "RIP=") || strings.Contains(line, "PC=") || arm && strings.Contains(line, "R15=") {
			fmt.Fprintf(&b, "  %.160s\n", line)
		}
	}
	return b.String()
}

// What Linux prints before each line, of a task, and of a place in a call trace. A
// question mark marks what happens to lie on the stack.
var (
	stamp     = regexp.MustCompile(`^\[ *\d+\.\d+\](\[[^]]*\])? ?`)
	taskLine  = regexp.MustCompile(`^task:(\S+) +state:(\S)`)
	traceLine = regexp.MustCompile(`^ ([a-zA-Z_][\w.]*)\+0x[0-9a-f]+/0x[0-9a-f]+`)
	dull      = regexp.MustCompile(`^(__schedule|schedule|io_schedule|schedule_timeout|kthread|ret_from_fork|do_syscall_64|entry_SYSCALL_64_after_hwframe)$`)
	registers = regexp.MustCompile(`^(R[ABCDS018-9]|[CFG]S:|CR\d:|Code:| \?)`) // but for RIP
)

// epitaph shortens what Linux says of itself when it panics. What comes before its list of tasks is
// kept, the first line with its time, by which one sees whether the clock is right. Each task
// becomes a line, of where it waits, the innermost function first; idle threads of the kernel have none.
func epitaph(text string) string {
	const places = 6 // of a trace
	var head, tasks []string
	task, depth := false, 0
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if len(head) == 0 {
			head = append(head, line)
			continue
		}
		line = stamp.ReplaceAllString(line, "")
		if m := taskLine.FindStringSubmatch(line); m != nil {
			if task, depth = true, places; m[2] != "I" {
				tasks, depth = append(tasks, m[2]+" "+m[1]+":"), 0
			}
		} else if !task && !registers.MatchString(line) {
			head = append(head, line)
		} else if m := traceLine.FindStringSubmatch(line); task && m != nil && depth < places && !dull.MatchString(m[1]) {
			tasks[len(tasks)-1] += " " + m[1]
			depth++
		}
	}
	return lastOf(strings.Join(head, "\n"), 2*lastLines) + lastOf(strings.Join(tasks, "\n"), 5*lastLines)
}
