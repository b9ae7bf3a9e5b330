package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Spawn is how to start a process.
type Spawn struct {
	Argv   []string
	Env    []string      // besides this program's own
	Dir    string        // to run in; empty: this program's
	Log    string        // file to which what it prints is appended; its folder is made
	Ending func(pid int) // called when it has ended, while /proc still has it; nil: nobody asks
}

// A Process is one that this program started.
type Process struct {
	Log     string        // file of what it prints
	Started time.Time     // just before
	Done    chan struct{} // closed when it has ended
	cmd     *exec.Cmd
}

// Start starts a process. It does not wait until that answers anybody.
func Start(s Spawn) (*Process, error) {
	if err := os.MkdirAll(filepath.Dir(s.Log), 0o755); err != nil {
		return nil, err
	}
	out, err := os.OpenFile(s.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p := &Process{Log: s.Log, Done: make(chan struct{}), cmd: exec.Command(s.Argv[0], s.Argv[1:]...)}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = s.Dir, out, out
	p.cmd.Env = append(os.Environ(), s.Env...)
	// An interrupt is for this program, which ends the other; if it cannot, the kernel does.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p.Started = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { p.wait(s.Ending); close(p.Done) }()
	return p, nil
}

// wait buries the process, once ending has seen it.
func (p *Process) wait(ending func(pid int)) {
	if ending != nil {
		for unix.Waitid(unix.P_PID, p.PID(), nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
		}
		ending(p.PID())
	}
	p.cmd.Wait()
}

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Path is the program.
func (p *Process) Path() string { return p.cmd.Path }

// Kill ends the process as a crash would.
func (p *Process) Kill() {
	p.cmd.Process.Kill()
	<-p.Done
}

// Stop asks the process to end with SIGTERM. If it has not within limit it is
// killed, and that is an error.
func (p *Process) Stop(limit time.Duration) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.Done:
		return nil
	case <-time.After(limit):
		p.Kill()
		return fmt.Errorf("%s did not end within %v of SIGTERM and was killed; see %s", p.Path(), limit, p.Log)
	}
}

// StopClean is Stop, and an error as well if the process ended by itself or did not
// return 0.
func (p *Process) StopClean(limit time.Duration) error {
	if err := p.Stop(limit); err != nil {
		return err
	}
	if !p.cmd.ProcessState.Success() {
		return p.Ended()
	}
	return nil
}

// Ended says as an error how the process has ended; Done must be closed.
func (p *Process) Ended() error {
	return fmt.Errorf("%s ended: %v; see %s", p.Path(), p.cmd.ProcessState, p.Log)
}
