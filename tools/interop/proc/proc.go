// Package proc runs the child processes of the tests: brokers, name servers
// and client agents. Each is ended by its own process id, and by the kernel
// if the test process dies first. What a child prints goes to a file.
package proc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// pollPeriod is how often a condition outside this process is looked at.
const pollPeriod = 20 * time.Millisecond

// Options say what to run.
type Options struct {
	Name   string // for messages
	Path   string
	Args   []string
	Env    []string  // added to this process's own
	Dir    string    // existing folder for Name.log
	In     string    // folder to run in; "": this process's own
	Stdin  io.Reader // nil: empty
	Stdout io.Writer // nil: into the log as well
}

// A Process is a child process.
type Process struct {
	Name    string
	LogFile string // its standard error, and output unless Options.Stdout is set
	cmd     *exec.Cmd
	done    chan struct{}
	err     error // valid once done is closed
}

// Start starts a child. Its log file is appended to, so that the log of a
// restarted daemon is one.
func Start(o Options) (*Process, error) {
	p := &Process{Name: o.Name, LogFile: filepath.Join(o.Dir, o.Name+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(p.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("proc: log of %s: %w", o.Name, err)
	}
	p.cmd = exec.Command(o.Path, o.Args...)
	p.cmd.Env, p.cmd.Dir = append(os.Environ(), o.Env...), o.In
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = o.Stdin, log, log
	if o.Stdout != nil {
		p.cmd.Stdout = o.Stdout
	}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		// The kernel sends Pdeathsig when the thread that started the child ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer log.Close()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("proc: start %s: %w", o.Name, err)
	}
	return p, nil
}

// PID is the child's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Kill ends the child with SIGKILL and waits until it has ended.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // an error means that it has ended already
	<-p.done
}

// Stop asks the child to end with SIGTERM and kills it after the timeout,
// which it reports as an error; so it does a child that ended with an error
// other than that signal.
func (p *Process) Stop(timeout time.Duration) error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(timeout):
		p.Kill()
		return fmt.Errorf("proc: %s did not end within %v of SIGTERM\n%s", p.Name, timeout, p.Tail(15))
	}
	var exit *exec.ExitError
	if errors.As(p.err, &exit) && !exit.Sys().(syscall.WaitStatus).Signaled() && exit.ExitCode() != 143 { // 143: a JVM's SIGTERM
		return fmt.Errorf("proc: %s ended with %w\n%s", p.Name, p.err, p.Tail(15))
	}
	return nil
}

// Wait waits for the child's end and returns how it ended.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return fmt.Errorf("proc: %s still runs: %w", p.Name, ctx.Err())
	}
}

// WaitPort waits until the child accepts connections at addr; it fails when
// the child ends first or ctx does.
func (p *Process) WaitPort(ctx context.Context, addr string) error {
	tick := time.NewTicker(pollPeriod)
	defer tick.Stop()
	for {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.done:
			return fmt.Errorf("proc: %s ended before it listened at %s: %v\n%s", p.Name, addr, p.err, p.Tail(30))
		case <-ctx.Done():
			return fmt.Errorf("proc: %s does not listen at %s: %w\n%s", p.Name, addr, ctx.Err(), p.Tail(30))
		case <-tick.C:
		}
	}
}

// RSS is the child's resident memory in bytes, and its highest so far.
func (p *Process) RSS() (now, high int64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return 0, 0, fmt.Errorf("proc: memory of %s: %w", p.Name, err)
	}
	for l := range strings.Lines(string(status)) {
		f := strings.Fields(l)
		if len(f) != 3 || f[2] != "kB" {
			continue
		}
		kib, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("proc: memory of %s: %w", p.Name, err)
		}
		switch f[0] {
		case "VmRSS:":
			now = kib << 10
		case "VmHWM:":
			high = kib << 10
		}
	}
	return now, high, nil
}

// Log returns what the child has printed so far.
func (p *Process) Log() string {
	b, err := os.ReadFile(p.LogFile)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Tail returns the last n lines of the log.
func (p *Process) Tail(n int) string {
	lines := strings.Split(strings.TrimRight(p.Log(), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
