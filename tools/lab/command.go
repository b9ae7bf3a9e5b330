package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// command runs a program of the host to its end.
func command(ctx context.Context, name string, args ...string) error {
	return runCommand(exec.CommandContext(ctx, name, args...))
}

// runCommand runs it, and has its output in the error if it fails.
func runCommand(c *exec.Cmd) error {
	out, err := c.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", c, err, bytes.TrimSpace(out[max(0, len(out)-2000):]))
	}
	return nil
}

// A process is a program that runs until it is killed.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// spawn starts a program whose output goes to a file. It dies with this one.
func spawn(log string, argv ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	c := exec.Command(argv[0], argv[1:]...)
	c.Stdout, c.Stderr = out, out
	// An interrupt is for this program, which ends the others; if it cannot, the kernel does.
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: c, done: make(chan struct{})}
	go func() {
		c.Wait()
		close(p.done)
	}()
	return p, nil
}

// kill ends it at once and waits for its end.
func (p *process) kill() {
	p.cmd.Process.Signal(syscall.SIGKILL)
	<-p.done
}

// ended says whether it has ended.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// freeze stops it and returns once none of its threads runs any more.
func (p *process) freeze() error {
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	dir := fmt.Sprintf("/proc/%d/task", p.cmd.Process.Pid)
	for !p.ended() {
		tasks, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		running := 0
		for _, t := range tasks {
			b, err := os.ReadFile(dir + "/" + t.Name() + "/stat")
			if err == nil && taskState(b) != 'T' {
				running++
			}
		}
		if running == 0 {
			return nil
		}
	}
	return errors.New("it has ended before it could be stopped")
}

// taskState is the state in a line of /proc/PID/stat: what follows the name,
// which stands in brackets and may have any characters.
func taskState(stat []byte) byte {
	at := bytes.LastIndexByte(stat, ')')
	if at < 0 || at+2 >= len(stat) {
		return 0
	}
	return stat[at+2]
}
