package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pairmq/internal/remoting"
)

// How long a process may take to answer its first request, and to end.
const (
	startTimeout = 2 * time.Minute
	stopTimeout  = 30 * time.Second
)

// A spawn is how to start a process.
type spawn struct {
	dir, log  string // folder, and the name of its log file there; empty means broker
	addr      string // where a broker will answer
	path      string
	args, env []string
}

// A process is one that this program started.
type process struct {
	cmd     *exec.Cmd
	log     string
	started time.Time
	done    chan struct{} // closed when it has ended
	wrote   procIO        // all that it ever wrote; valid once done is closed
}

func startProcess(s spawn) (*process, error) {
	if s.log == "" {
		s.log = "broker"
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return nil, err
	}
	p := &process{log: filepath.Join(s.dir, s.log+".log"), done: make(chan struct{})}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p.cmd = exec.Command(s.path, s.args...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = s.dir, out, out
	p.cmd.Env = append(os.Environ(), s.env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL} // an interrupt is for this program: it ends the others; if it cannot, the kernel does
	p.started = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { p.wait(); close(p.done) }()
	return p, nil
}

// wait reads what the process has written between its end and its burial, so
// that the writes of its stop are there too.
func (p *process) wait() {
	for unix.Waitid(unix.P_PID, p.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	p.wrote, _ = readProcIO(p.cmd.Process.Pid) // zero where the kernel does not count
	p.cmd.Wait()
}

// kill ends the process as a crash would.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.done
}

// stop ends the process with SIGTERM, and with SIGKILL and an error when that
// does not do it in time.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(stopTimeout):
		p.kill()
		return fmt.Errorf("%s did not end within %v and was killed; see %s", p.cmd.Path, stopTimeout, p.log)
	}
}

// startBroker starts a broker and measures how long it takes to answer.
func startBroker(ctx context.Context, s spawn) (*broker, error) {
	p, err := startProcess(s)
	if err != nil {
		return nil, err
	}
	if err := waitFor(ctx, p, s.addr, brokerAnswers); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return &broker{addr: s.addr, process: p, ready: time.Since(p.started)}, nil
}

// waitFor asks again and again until the process answers.
func waitFor(ctx context.Context, p *process, addr string, answers func(context.Context, string) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	var last error
	for {
		if last = answers(ctx, addr); last == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended before it answered: %s; see %s", p.cmd.Path, p.cmd.ProcessState, p.log)
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer at %s: %w; see %s", p.cmd.Path, addr, last, p.log)
		case <-time.After(time.Millisecond):
		}
	}
}

// brokerAnswers succeeds when a broker at addr answers a request for its state,
// with whatever code: those of Apache say SYSTEM_ERROR in their first second.
func brokerAnswers(ctx context.Context, addr string) error {
	return ask(ctx, addr, remoting.ReqGetBrokerRuntimeInfo)
}

// namesrvAnswers succeeds when a name server at addr answers one for its brokers.
func namesrvAnswers(ctx context.Context, addr string) error {
	return ask(ctx, addr, remoting.ReqGetBrokerClusterInfo)
}

func ask(ctx context.Context, addr string, code int32) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	c := remoting.NewClient(remoting.ClientOptions{})
	defer c.Close()
	_, err := c.Call(ctx, addr, &remoting.Command{Code: code})
	return err
}
